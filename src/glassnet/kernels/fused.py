"""Twins of operations in a row: nothing between the parts goes to memory and back.

    x (M, C): M = N H W rows, the C channels of a pixel side by side; r residual, y, dy like x

Batch norm, a residual and an activation. Forward takes the batch's sums, then one walk computes
y = f((x - mean) scale + bias + r). Backward has to know dz = f'(z) dy for the two sums before it
can compute dx = dz scale + (x - mean) slope + constant. Where f' is cheap (ReLU) dz is computed
twice, from dy and z = (x - mean) scale + bias; where it is not (GELU), or the residual wants dz as
its gradient anyway, the first walk writes it down. With a residual z is not known again from x, so
the derivative is taken from y, which ReLU's allows.

Walks change their direction: what the one before wrote or read last is still in the cache, and a
walk that began at the other end would have thrown it out by the time it came there. A convolution
goes up, so the norm behind it goes down, and the convolution behind that finds its first images.

ReLU and max_pool2d is max_pool2d of the positive entries (`pool.py`): a window without any hands
nothing back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.kernels import memory, pool
from glassnet.kernels.activation import DOWN, UP
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, no_bias, plain, single
from glassnet.kernels.norm import (
    CHUNK,
    FOUR,
    affine_back,
    last,
    put_four,
    second,
    settled_back,
    side_by_side,
    sums_of,
)
from glassnet.kernels.ready import Launch, run_all
from glassnet.kernels.statistics import ROOM, Sums, settled
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Vector,
    fma,
    lanes,
    load_part,
    part,
    splat,
    store_part,
    unroll,
)

FROM_Y = ("relu", "relu6")  # their derivative follows from y as well as from z
CHEAP = ("relu", "relu6")
CURVES = ("relu", "relu6", "gelu", "silu")


# -- forward ---------------------------------------------------------------------------------------
@task
def norm_up(
    begin: int, end: int, x: Floats, r: Floats, y: Floats, mean: Floats, scale: Floats,
    bias: Floats, C: int, *, TAIL: int, curve: str, ADD: bool,
) -> None:  # fmt: skip
    """Rows `begin` to `end` of y = f((x - mean) scale + bias + r), from the last one on."""
    for row in range(end - 1, begin - 1, -1):
        at = row * C
        for c in range(0, C - TAIL, lanes()):
            channel_up(x + at + c, r + at + c, y + at + c, mean + c, scale + c, bias + c, lanes(),
                       curve, ADD)  # fmt: skip
        if TAIL:
            c = C - TAIL
            channel_up(x + at + c, r + at + c, y + at + c, mean + c, scale + c, bias + c, TAIL,
                       curve, ADD)  # fmt: skip


@part
def channel_up(
    x: Floats, r: Floats, y: Floats, mean: Floats, scale: Floats, bias: Floats, count: int,
    curve: str, ADD: bool,
) -> None:  # fmt: skip
    """`count` channels of one row."""
    u = load_part(x, count) - load_part(mean, count)
    z = fma(u, load_part(scale, count), load_part(bias, count))
    z = z + load_part(r, count) if ADD else z
    store_part(y, UP[curve](z, 0.0), count)


# -- backward --------------------------------------------------------------------------------------
@part
def through(
    dy: Floats, y: Any, u: Vector, scale: Vector, bias: Vector, count: int, curve: str
) -> Vector:
    """dz of dy: the activation's derivative at y, or where there is none at z = u scale + bias."""
    kept = fma(u, scale, bias) if y is None else load_part(y, count)
    return DOWN[curve](load_part(dy, count), kept, 0.0)


@part
def dz_of(
    x: Floats, dy: Floats, y: Floats, dz: Floats, each: list[Vector], count: int, curve: str,
    GIVEN: bool, WRITE: bool,
) -> tuple[Vector, Vector]:  # fmt: skip
    """dz and u = x - mean of `count` channels of a row."""
    u = load_part(x, count) - each[0]
    g = through(dy, y if GIVEN else None, u, each[1], each[2], count, curve)
    if WRITE:
        store_part(dz, g, count)
    return g, u


@part
def sums_through(
    x: Floats, dy: Floats, y: Floats, dz: Floats, each: list[Floats], sums: Doubles, C: int,
    rows: int, count: int, V: int, curve: str, GIVEN: bool, WRITE: bool,
) -> None:  # fmt: skip
    """sums[0] += sum of dz, sums[C] += sum of dz u, of V vectors of channels of some rows."""
    held = [[load_part(v + j * lanes(), count) for v in each] for j in unroll(V)]
    one, other = [splat(0.0) for _ in unroll(FOUR)], [splat(0.0) for _ in unroll(FOUR)]
    whole = rows - rows % (FOUR // V)
    for row in range(0, whole, FOUR // V):
        for i in unroll(FOUR):
            at = (row + i // V) * C + i % V * lanes()
            g, u = dz_of(x + at, dy + at, y + at, dz + at, held[i % V], count, curve, GIVEN, WRITE)
            one[i] = one[i] + g
            other[i] = fma(g, u, other[i])
    for row in range(whole, rows):
        for i in unroll(V):
            at = row * C + i * lanes()
            g, u = dz_of(x + at, dy + at, y + at, dz + at, held[i], count, curve, GIVEN, WRITE)
            one[i] = one[i] + g
            other[i] = fma(g, u, other[i])
    put_four(one, sums, count, V)
    put_four(other, sums + C, count, V)


@task
def norm_sums(
    begin: int, end: int, slot: int, x: Floats, dy: Floats, y: Floats, dz: Floats, mean: Floats,
    scale: Floats, bias: Floats, sums: Doubles, C: int,
    *, TAIL: int, V: int, curve: str, GIVEN: bool, WRITE: bool,
) -> None:  # fmt: skip
    """Rows `begin` to `end`, from the last ones on; sums (parts, 2 C + ROOM), from 0."""
    mine = sums + slot * (2 * C + ROOM)
    for until in range(end, begin, -CHUNK):
        row = max(until - CHUNK, begin)
        rows, at = until - row, row * C
        wide = (C - TAIL) // (V * lanes()) * (V * lanes())
        for c in range(0, wide, V * lanes()):
            sums_through(
                x + at + c, dy + at + c, y + at + c, dz + at + c, [mean + c, scale + c, bias + c],
                mine + c, C, rows, lanes(), V, curve, GIVEN, WRITE,
            )  # fmt: skip
        if V > 1:
            for c in range(wide, C - TAIL, lanes()):
                sums_through(
                    x + at + c, dy + at + c, y + at + c, dz + at + c,
                    [mean + c, scale + c, bias + c], mine + c, C, rows, lanes(), 1, curve, GIVEN,
                    WRITE,
                )  # fmt: skip
        if TAIL:
            c = C - TAIL
            sums_through(
                x + at + c, dy + at + c, y + at + c, dz + at + c, [mean + c, scale + c, bias + c],
                mine + c, C, rows, TAIL, 1, curve, GIVEN, WRITE,
            )  # fmt: skip


@task
def norm_down(
    begin: int, end: int, dy: Floats, x: Floats, dx: Floats, mean: Floats, scale: Floats,
    bias: Floats, slope: Floats, constant: Floats, C: int, *, TAIL: int, curve: str,
) -> None:  # fmt: skip
    """dx = dz scale + (x - mean) slope + constant, dz from dy and z."""
    for row in range(begin, end):
        at = row * C
        for c in range(0, C - TAIL, lanes()):
            channel_down(dy + at + c, x + at + c, dx + at + c, mean + c, scale + c, bias + c,
                         slope + c, constant + c, lanes(), curve)  # fmt: skip
        if TAIL:
            c = C - TAIL
            channel_down(dy + at + c, x + at + c, dx + at + c, mean + c, scale + c, bias + c,
                         slope + c, constant + c, TAIL, curve)  # fmt: skip


@part
def channel_down(
    dy: Floats, x: Floats, dx: Floats, mean: Floats, scale: Floats, bias: Floats,
    slope: Floats, constant: Floats, count: int, curve: str,
) -> None:  # fmt: skip
    """`count` channels of one row."""
    u, factor = load_part(x, count) - load_part(mean, count), load_part(scale, count)
    dz = through(dy, None, u, factor, load_part(bias, count), count, curve)
    line = fma(u, load_part(slope, count), load_part(constant, count))
    store_part(dx, fma(dz, factor, line), count)


# -- batch_norm, a residual, an activation ---------------------------------------------------------
def batch_norm_act_forward(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    residual: Array | None = None,
    eps: float = 1e-5,
    activation: str = "relu",
) -> tuple[tuple[Array, Array, Array], Any]:
    """y = activation(batch_norm(x) + residual), with the statistics of the batch."""
    todo: list[Launch] = []
    rows = last(x)
    given = normalised(rows, sums_of(rows), weight, bias, residual, eps, activation, todo)
    run_all(todo)
    return given


def normalised(
    rows: Array, sums: Sums, weight: Array | None, bias: Array | None, residual: Array | None,
    eps: float, activation: str, todo: list[Launch],
) -> tuple[tuple[Array, Array, Array], Any]:  # fmt: skip
    """What `batch_norm_act_forward` gives, of x (N, ..., C) and the sums of its channels."""
    c, y = rows.shape[-1], memory.empty(rows.shape)
    given = settled(sums, c, weight, eps, todo)
    bias, count = no_bias(c) if bias is None else plain(bias), rows.size // c
    run = norm_up.compiled(TAIL=c % host().lanes, curve=activation, ADD=residual is not None)
    added, slots = rows if residual is None else last(residual), parts(count, 3 * rows.size)
    todo.append((run, (count, slots, rows, added, y, given.mean, given.scale, bias, c)))
    kept = y if residual is not None else None
    return (second(y), given.mean, given.var), (rows, kept, given, bias, activation)


def batch_norm_act_backward(dys: tuple[Array, Array, Array], cache: Any) -> tuple[Any, ...]:
    """The gradients of x, weight, bias, and the residual where there was one."""
    todo: list[Launch] = []
    dx, *others = gather_back(dys, cache, todo)
    run_all(todo)
    return (second(dx), *others)


def gather_back(
    dys: tuple[Array, Array, Array], cache: Any, todo: list[Launch]
) -> tuple[Array, ...]:
    """The same once `todo` has been done, dx as (N, ..., C)."""
    (dy, dmean, dvar), (x, y, given, bias, curve) = dys, cache
    dy, c, has_residual = last(dy), x.shape[-1], y is not None
    count, write = x.size // c, has_residual or curve not in CHEAP
    each, TAIL = (given.mean, given.scale, bias), c % host().lanes
    dz = memory.empty(x.shape) if write else x
    several = parts(count, 4 * x.size)
    sums = np.zeros((several, 2 * c + ROOM))
    flags = {"TAIL": TAIL, "V": side_by_side(c), "curve": curve}
    run = norm_sums.compiled(**flags, GIVEN=has_residual, WRITE=write)
    todo.append((run, (count, several, x, dy, y if has_residual else x, dz, *each, sums, c)))
    dweight, dbias, slope, constant = settled_back(sums, given, dmean, dvar, count, todo)
    if write:
        dx = affine_back(dz, x, given.mean, given.scale, slope, constant, todo)
    else:
        dx, down = memory.empty(x.shape), norm_down.compiled(TAIL=TAIL, curve=curve)
        slots = parts(count, 3 * x.size)
        todo.append((down, (count, slots, dy, x, dx, *each, slope, constant, c)))
    return (dx, dweight, dbias, second(dz)) if has_residual else (dx, dweight, dbias)


def _serves_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    residual: Any = None,
    eps: float = 1e-5,
    activation: str = "relu",
) -> bool:
    fits = single(x, weight, bias, residual) and x.ndim >= 2 and x.size > x.shape[1]
    fits = fits and all(v is None or v.shape == x.shape[1:2] for v in (weight, bias))
    if residual is not None:
        return fits and residual.shape == x.shape and activation in FROM_Y
    return fits and activation in CURVES


register("batch_norm_act", batch_norm_act_forward, batch_norm_act_backward, _serves_norm)


# -- relu, max_pool2d ------------------------------------------------------------------------------
def relu_max_pool2d_forward(
    x: Array, kernel_size: Any, stride: Any = None, padding: Any = 0
) -> tuple[Array, Any]:
    """y = max_pool2d(relu(x))."""
    return pool.run_max(x, pool.pooling(x.shape, kernel_size, stride, padding), relu=True)


register("relu_max_pool2d", relu_max_pool2d_forward, pool.max_pool2d_backward, pool._serves_max)
