"""Twins of batch norm and layer norm.

    batch norm   x (M, C): M = N H W rows, the C channels of a pixel side by side
    layer norm   x (R, D): R rows, each with a mean and deviation of its own

Batch norm goes over x twice each way: once for two sums a channel, once to write. The sums are of
u = x - shift and u^2, with the first row as the shift: a channel far from zero then loses no digits
to the difference of two large squares. CHUNK rows are summed in registers, FOUR rows in turn so
that additions need not wait for each other, and the chunks' sums are added up in float64, an
accumulator for each part of the work. Nothing of the size of x is kept for backward but x itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, plain, single
from glassnet.kernels.statistics import add_to
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Vector,
    first,
    fma,
    lanes,
    load_part,
    part,
    select,
    splat,
    sqrt,
    store_part,
    sum_lanes,
    unroll,
)

CHUNK, FOUR = 128, 4


# -- two sums a channel ----------------------------------------------------------------------------
@part
def two_sums(
    x: Floats, dy: Floats, shift: Floats, sums: Doubles, C: int, rows: int, count: int, BACK: bool
) -> None:
    """sums[0] += sum of g, sums[C] += sum of g u, of `count` channels of a chunk of rows.

    u = x - shift; g is dy where BACK, else u itself.
    """
    middle = load_part(shift, count)
    one, other = [splat(0.0) for _ in unroll(FOUR)], [splat(0.0) for _ in unroll(FOUR)]
    whole = rows - rows % FOUR
    for row in range(0, whole, FOUR):
        for i in unroll(FOUR):
            u = load_part(x + (row + i) * C, count) - middle
            g = load_part(dy + (row + i) * C, count) if BACK else u
            one[i] = one[i] + g
            other[i] = fma(g, u, other[i])
    for row in range(whole, rows):
        u = load_part(x + row * C, count) - middle
        g = load_part(dy + row * C, count) if BACK else u
        one[0] = one[0] + g
        other[0] = fma(g, u, other[0])
    add_to(sums, (one[0] + one[1]) + (one[2] + one[3]), count)
    add_to(sums + C, (other[0] + other[1]) + (other[2] + other[3]), count)


@task
def channel_sums(
    begin: int, end: int, slot: int, x: Floats, dy: Floats, shift: Floats, sums: Doubles, C: int,
    *, TAIL: int, BACK: bool,
) -> None:  # fmt: skip
    """Rows `begin` to `end`; sums (parts, 2, C), from 0."""
    mine = sums + slot * 2 * C
    for row in range(begin, end, CHUNK):
        rows = min(end - row, CHUNK)
        here, given = x + row * C, dy + row * C
        for c in range(0, C - TAIL, lanes()):
            two_sums(here + c, given + c, shift + c, mine + c, C, rows, lanes(), BACK)
        if TAIL:
            c = C - TAIL
            two_sums(here + c, given + c, shift + c, mine + c, C, rows, TAIL, BACK)


def sums_of(x: Array, dy: Array | None, shift: Array) -> tuple[Array, Array]:
    """The sum over rows of g and of g u, in float64: (C), (C); x (..., C)."""
    c = x.shape[-1]
    rows = x.size // c
    count = parts(rows, x.size * (2 if dy is None else 3))
    sums = np.zeros((count, 2, c))
    run = channel_sums.compiled(TAIL=c % host().lanes, BACK=dy is not None)
    run(rows, count, x, x if dy is None else dy, shift, sums, c)
    total = sums.sum(axis=0)
    return total[0], total[1]


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance of each channel (C), in float64; x (..., C)."""
    rows = x.reshape(-1, x.shape[-1])
    shift = rows[0].copy()
    total, squares = sums_of(x, None, shift)
    offset = total / len(rows)
    return shift + offset, np.maximum(squares / len(rows) - offset * offset, 0)  # NaN stays NaN


# -- an affine map a channel -----------------------------------------------------------------------
@task
def affine_up(
    begin: int, end: int, x: Floats, y: Floats, mean: Floats, scale: Floats, bias: Floats, C: int,
    *, TAIL: int,
) -> None:  # fmt: skip
    """y = (x - mean) scale + bias."""
    for row in range(begin, end):
        for c in range(0, C - TAIL, lanes()):
            channel(x + row * C + c, y + row * C + c, mean + c, scale + c, bias + c, lanes())
        if TAIL:
            c = C - TAIL
            channel(x + row * C + c, y + row * C + c, mean + c, scale + c, bias + c, TAIL)


@part
def channel(x: Floats, y: Floats, mean: Floats, scale: Floats, bias: Floats, count: int) -> None:
    """`count` channels of one row."""
    u = load_part(x, count) - load_part(mean, count)
    store_part(y, fma(u, load_part(scale, count), load_part(bias, count)), count)


@task
def affine_down(
    begin: int, end: int, dy: Floats, x: Floats, dx: Floats, mean: Floats, scale: Floats,
    slope: Floats, constant: Floats, C: int, *, TAIL: int,
) -> None:  # fmt: skip
    """dx = dy scale + (x - mean) slope + constant."""
    for row in range(begin, end):
        at = row * C
        for c in range(0, C - TAIL, lanes()):
            channel_down(
                dy + at + c, x + at + c, dx + at + c, mean + c, scale + c, slope + c, constant + c,
                lanes(),
            )  # fmt: skip
        if TAIL:
            c = C - TAIL
            channel_down(
                dy + at + c, x + at + c, dx + at + c, mean + c, scale + c, slope + c, constant + c,
                TAIL,
            )  # fmt: skip


@part
def channel_down(
    dy: Floats, x: Floats, dx: Floats, mean: Floats, scale: Floats, slope: Floats,
    constant: Floats, count: int,
) -> None:  # fmt: skip
    """`count` channels of one row."""
    u = load_part(x, count) - load_part(mean, count)
    line = fma(u, load_part(slope, count), load_part(constant, count))
    store_part(dx, fma(load_part(dy, count), load_part(scale, count), line), count)


def run_affine(x: Array, mean: Array, scale: Array, bias: Array) -> Array:
    """y = (x - mean) scale + bias; x (..., C), the others (C) of any float type."""
    y, c = memory.empty(x.shape), x.shape[-1]
    rows, given = x.size // c, [plain(v) for v in (mean, scale, bias)]
    affine_up.compiled(TAIL=c % host().lanes)(rows, parts(rows, 2 * x.size), x, y, *given, c)
    return y


def run_affine_down(dy: Array, x: Array, *each: Array) -> Array:
    """dx = dy scale + (x - mean) slope + constant; each: mean, scale, slope, constant (C)."""
    dx, c = memory.empty(x.shape), x.shape[-1]
    rows, given = x.size // c, [plain(v) for v in each]
    run = affine_down.compiled(TAIL=c % host().lanes)
    run(rows, parts(rows, 3 * x.size), dy, x, dx, *given, c)
    return dx


# -- batch_norm ------------------------------------------------------------------------------------
def last(x: Array) -> Array:
    """(N, C, ...) -> (N, ..., C) as one block: a view where the channels lie last."""
    return plain(np.moveaxis(x, 1, -1))


def batch_norm_forward(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[tuple[Array, Array, Array], Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, each channel over the whole batch."""
    rows = last(x)
    c = rows.shape[-1]
    middle, var = moments(rows)
    mean, rstd = middle.astype(np.float32), 1 / np.sqrt(var + eps)
    scale = rstd if weight is None else rstd * weight
    y = run_affine(rows, mean, scale, np.zeros(c) if bias is None else bias)
    outputs = (np.moveaxis(y, -1, 1), mean, var.astype(np.float32))
    return outputs, (rows, mean, rstd, scale, rows.size // c)


def batch_norm_backward(dys: tuple[Array, Array, Array], cache: Any) -> tuple[Array, Array, Array]:
    """dx = scale dy + b (x - mean) + k, with b and k the paths through variance and mean."""
    (dy, dmean, dvar), (x, mean, rstd, scale, count) = dys, cache
    dy = last(dy)
    dbias, dscale = sums_of(x, dy, mean)
    dweight = dscale * rstd
    slope = (2 * dvar - scale * rstd * dweight) / count
    constant = (dmean - scale * dbias) / count
    dx = run_affine_down(dy, x, mean, scale, slope, constant)
    return np.moveaxis(dx, -1, 1), dweight.astype(np.float32), dbias.astype(np.float32)


def _serves_batch(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> bool:
    fits = single(x, weight, bias) and x.ndim >= 2 and x.size > x.shape[1]
    return fits and all(v is None or v.shape == x.shape[1:2] for v in (weight, bias))


register("batch_norm", batch_norm_forward, batch_norm_backward, _serves_batch)


def batch_norm_eval_forward(
    x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float = 1e-5
) -> tuple[Array, Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias with constants mean (C) and var (C)."""
    rows = last(x)
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    scale = rstd if weight is None else rstd * weight
    y = run_affine(rows, mean, scale, np.zeros(rows.shape[-1]) if bias is None else bias)
    return np.moveaxis(y, -1, 1), (rows, plain(mean), rstd, scale)


def batch_norm_eval_backward(dy: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx = dy weight rstd; dweight = sum(dy normed); dbias = sum(dy)."""
    x, mean, rstd, scale = cache
    dy, nothing = last(dy), np.zeros(x.shape[-1])
    dbias, dscale = sums_of(x, dy, mean)
    dx = run_affine(dy, nothing, scale, nothing)
    return np.moveaxis(dx, -1, 1), (dscale * rstd).astype(np.float32), dbias.astype(np.float32)


def _serves_eval(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float = 1e-5) -> bool:
    fits = single(x, weight, bias, mean, var) and x.ndim >= 2 and x.size > 0
    return fits and all(v is None or v.shape == x.shape[1:2] for v in (weight, bias, mean, var))


register("batch_norm_eval", batch_norm_eval_forward, batch_norm_eval_backward, _serves_eval)


# -- layer_norm ------------------------------------------------------------------------------------
@part
def only(v: Vector, count: int) -> Vector:
    """`count` lanes of v, 0 in the others."""
    if count >= lanes():
        return v
    return select(first(count), v, splat(0.0))


@part
def spread_of(x: Floats, mean: float, D: int, TAIL: int) -> float:
    """The sum of (x - mean)^2 over a row."""
    total = splat(0.0)
    for d in range(0, D - TAIL, lanes()):
        u = load_part(x + d, lanes()) - mean
        total = fma(u, u, total)
    if TAIL:
        u = only(load_part(x + (D - TAIL), TAIL) - mean, TAIL)
        total = fma(u, u, total)
    return sum_lanes(total)


@part
def total_of(x: Floats, D: int, TAIL: int) -> float:
    """The sum of a row."""
    total = splat(0.0)
    for d in range(0, D - TAIL, lanes()):
        total = total + load_part(x + d, lanes())
    if TAIL:
        total = total + load_part(x + (D - TAIL), TAIL)
    return sum_lanes(total)


@task
def layer_up(
    begin: int, end: int, x: Floats, y: Floats, weight: Floats, bias: Floats, mean: Floats,
    rstd: Floats, D: int, eps: float, *, TAIL: int,
) -> None:  # fmt: skip
    """Rows `begin` to `end`; mean and rstd (R) are kept for backward."""
    for row in range(begin, end):
        given, to, size = x + row * D, y + row * D, float(D)
        middle = total_of(given, D, TAIL) / size
        scale = 1.0 / sqrt(spread_of(given, middle, D, TAIL) / size + eps)
        mean[row] = middle
        rstd[row] = scale
        for d in range(0, D - TAIL, lanes()):
            normed = (load_part(given + d, lanes()) - middle) * scale
            v = fma(normed, load_part(weight + d, lanes()), load_part(bias + d, lanes()))
            store_part(to + d, v, lanes())
        if TAIL:
            d = D - TAIL
            normed = (load_part(given + d, TAIL) - middle) * scale
            v = fma(normed, load_part(weight + d, TAIL), load_part(bias + d, TAIL))
            store_part(to + d, v, TAIL)


@task
def layer_down(
    begin: int, end: int, slot: int, dy: Floats, x: Floats, dx: Floats, weight: Floats,
    mean: Floats, rstd: Floats, sums: Doubles, D: int, *, TAIL: int,
) -> None:  # fmt: skip
    """Rows `begin` to `end` of dx; sums (parts, 2, D) += dy normed, dy."""
    mine = sums + slot * 2 * D
    for row in range(begin, end):
        given, seen, to = dy + row * D, x + row * D, dx + row * D
        middle, scale = mean[row], rstd[row]
        through_mean, through_var = splat(0.0), splat(0.0)
        for d in range(0, D - TAIL, lanes()):
            g = load_part(given + d, lanes())
            normed = (load_part(seen + d, lanes()) - middle) * scale
            add_to(mine + d, g * normed, lanes())
            add_to(mine + D + d, g, lanes())
            g = g * load_part(weight + d, lanes())
            through_mean = through_mean + g
            through_var = fma(g, normed, through_var)
        if TAIL:
            d = D - TAIL
            g = load_part(given + d, TAIL)
            normed = only((load_part(seen + d, TAIL) - middle) * scale, TAIL)
            add_to(mine + d, g * normed, TAIL)
            add_to(mine + D + d, g, TAIL)
            g = g * load_part(weight + d, TAIL)
            through_mean = through_mean + g
            through_var = fma(g, normed, through_var)
        mean_g, mean_gn = sum_lanes(through_mean) / float(D), sum_lanes(through_var) / float(D)
        for d in range(0, D - TAIL, lanes()):
            normed = (load_part(seen + d, lanes()) - middle) * scale
            g = load_part(given + d, lanes()) * load_part(weight + d, lanes())
            store_part(to + d, (g - mean_g - normed * mean_gn) * scale, lanes())
        if TAIL:
            d = D - TAIL
            normed = (load_part(seen + d, TAIL) - middle) * scale
            g = load_part(given + d, TAIL) * load_part(weight + d, TAIL)
            store_part(to + d, (g - mean_g - normed * mean_gn) * scale, TAIL)


def layer_norm_forward(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis."""
    x = plain(x)
    y, d = memory.empty(x.shape), x.shape[-1]
    rows = x.size // d
    weight = np.ones(d, np.float32) if weight is None else plain(weight)
    bias = np.zeros(d, np.float32) if bias is None else plain(bias)
    mean, rstd = np.empty((2, rows), np.float32)
    run = layer_up.compiled(TAIL=d % host().lanes)
    run(rows, parts(rows, 3 * x.size), x, y, weight, bias, mean, rstd, d, float(eps))
    return y, (x, weight, mean, rstd)


def layer_norm_backward(dy: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx = rstd * (g - mean(g) - normed * mean(g * normed)), g = dy * weight."""
    x, weight, mean, rstd = cache
    dx, d = memory.empty(x.shape), x.shape[-1]
    rows = x.size // d
    count = parts(rows, 6 * x.size)
    sums = np.zeros((count, 2, d))
    run = layer_down.compiled(TAIL=d % host().lanes)
    run(rows, count, plain(dy), x, dx, weight, mean, rstd, sums, d)
    dweight, dbias = sums.sum(axis=0).astype(np.float32)
    return dx, dweight, dbias


def _serves_layer(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> bool:
    fits = single(x, weight, bias) and x.ndim >= 1 and x.size > 0
    return fits and all(v is None or v.shape == x.shape[-1:] for v in (weight, bias))


register("layer_norm", layer_norm_forward, layer_norm_backward, _serves_layer)
