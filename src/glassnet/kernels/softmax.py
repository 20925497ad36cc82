"""Twins of softmax, its logarithm and cross-entropy: a row of K scores at a time.

    x (R, K): R rows of K scores, one block of memory; K is the last axis

Each row is walked through three times: for its largest score, for the sum of exp, and to write.
A row is short and stays in the nearest cache. What is left of a row after whole vectors is loaded
with -inf in the lanes that are not there, which is neutral to all of it: exp of them is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, plain, single
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Longs,
    Vector,
    first,
    lane,
    lanes,
    load_part,
    max_lanes,
    part,
    select,
    splat,
    store_part,
    sum_lanes,
    to_doubles,
)
from glassnet.kernels.vector_math import exp, log

COST = 8  # work an entry, in the units of `parts`


# -- a row -----------------------------------------------------------------------------------------
@part
def scores(x: Floats, count: int) -> Vector:
    """`count` scores, -inf in the other lanes."""
    if count >= lanes():
        return load_part(x, count)
    return select(first(count), load_part(x, count), splat(-math.inf))


@part
def join(top: Vector, v: Vector) -> Vector:
    """The larger of two, lane by lane; NaN wins."""
    return select((v > top) | (v != v), v, top)


@part
def largest(x: Floats, K: int, TAIL: int) -> float:
    """The largest score of a row; NaN where one is."""
    top = splat(-math.inf)
    for k in range(0, K - TAIL, lanes()):
        top = join(top, scores(x + k, lanes()))
    if TAIL:
        top = join(top, scores(x + (K - TAIL), TAIL))
    # NaN is not larger than anything: it would be lost between lanes
    return max_lanes(top) + sum_lanes(select(top == top, splat(0.0), top))


@part
def sum_of_exp(x: Floats, top: float, K: int, TAIL: int) -> float:
    """The sum of exp(x_k - top)."""
    total = splat(0.0)
    for k in range(0, K - TAIL, lanes()):
        total = total + exp(scores(x + k, lanes()) - top)
    if TAIL:
        last = exp(scores(x + (K - TAIL), TAIL) - top)
        total = total + select(first(TAIL), last, splat(0.0))
    return sum_lanes(total)


@part
def log_of(x: float) -> float:
    """log x of one number."""
    return lane(log(splat(x)), 0)


# -- softmax and its logarithm ---------------------------------------------------------------------
@part
def softmax_of(x: Vector, top: float, norm: float, LOG: bool) -> Vector:
    """exp(x - top) norm, norm = 1 / sum; or x - top - norm, norm = log sum."""
    if LOG:
        return x - top - norm
    return exp(x - top) * norm


@task
def softmax_up(begin: int, end: int, x: Floats, y: Floats, K: int, *, TAIL: int, LOG: bool) -> None:
    """Rows `begin` to `end`."""
    for row in range(begin, end):
        given, to = x + row * K, y + row * K
        top = largest(given, K, TAIL)
        total = sum_of_exp(given, top, K, TAIL)
        norm = log_of(total) if LOG else 1.0 / total
        for k in range(0, K - TAIL, lanes()):
            store_part(to + k, softmax_of(scores(given + k, lanes()), top, norm, LOG), lanes())
        if TAIL:
            k = K - TAIL
            store_part(to + k, softmax_of(scores(given + k, TAIL), top, norm, LOG), TAIL)


@part
def through(dy: Vector, y: Vector, LOG: bool) -> Vector:
    """What is summed over a row: y dy, or dy."""
    if LOG:
        return dy
    return dy * y


@part
def gradient(dy: Vector, y: Vector, total: float, LOG: bool) -> Vector:
    """dx of one vector: y (dy - total), or dy - exp(y) total."""
    if LOG:
        return dy - exp(y) * total
    return y * (dy - total)


@task
def softmax_down(
    begin: int, end: int, dy: Floats, y: Floats, dx: Floats, K: int, *, TAIL: int, LOG: bool
) -> None:
    """Rows `begin` to `end` of dx."""
    for row in range(begin, end):
        g, p, to = dy + row * K, y + row * K, dx + row * K
        summed = splat(0.0)
        for k in range(0, K - TAIL, lanes()):
            summed = summed + through(load_part(g + k, lanes()), load_part(p + k, lanes()), LOG)
        if TAIL:
            k = K - TAIL
            last = through(load_part(g + k, TAIL), load_part(p + k, TAIL), LOG)
            summed = summed + select(first(TAIL), last, splat(0.0))
        total = sum_lanes(summed)
        for k in range(0, K - TAIL, lanes()):
            v = gradient(load_part(g + k, lanes()), load_part(p + k, lanes()), total, LOG)
            store_part(to + k, v, lanes())
        if TAIL:
            k = K - TAIL
            v = gradient(load_part(g + k, TAIL), load_part(p + k, TAIL), total, LOG)
            store_part(to + k, v, TAIL)


def rows_of(x: Array) -> tuple[int, int]:
    """(R, K) of an array whose last axis has K entries."""
    return x.size // x.shape[-1], x.shape[-1]


def softmax_pair(name: str, LOG: bool) -> None:
    """Register softmax or log_softmax."""

    def forward(x: Array, dim: int = -1) -> tuple[Array, Array]:
        x = plain(x)
        y, (rows, k) = memory.empty(x.shape), rows_of(x)
        run = softmax_up.compiled(TAIL=k % host().lanes, LOG=LOG)
        run(rows, parts(rows, COST * x.size), x, y, k)
        return y, y

    def backward(dy: Array, y: Array) -> Array:
        dx, (rows, k) = memory.empty(y.shape), rows_of(y)
        run = softmax_down.compiled(TAIL=k % host().lanes, LOG=LOG)
        run(rows, parts(rows, COST * y.size), plain(dy), y, dx, k)
        return dx

    register(name, forward, backward, _serves)


def _serves(x: Any, dim: int = -1) -> bool:
    return single(x) and x.ndim > 0 and dim in (-1, x.ndim - 1) and x.shape[-1] > 0


softmax_pair("softmax", LOG=False)
softmax_pair("log_softmax", LOG=True)


# -- cross_entropy ---------------------------------------------------------------------------------
@part
def sum_of_log(x: Floats, top: float, norm: float, K: int, TAIL: int) -> float:
    """The sum over k of log p_k = x_k - top - norm."""
    total = splat(0.0)
    for k in range(0, K - TAIL, lanes()):
        total = total + (load_part(x + k, lanes()) - top - norm)
    if TAIL:
        last = load_part(x + (K - TAIL), TAIL) - top - norm
        total = total + select(first(TAIL), last, splat(0.0))
    return sum_lanes(total)


@task
def cross_entropy_up(
    begin: int, end: int, slot: int, x: Floats, label: Longs, p: Floats, losses: Floats,
    totals: Doubles, K: int, smoothing: float, *, TAIL: int, SMOOTH: bool,
) -> None:  # fmt: skip
    """losses[r] = -(1 - e) log p[r, label[r]] - e / K sum_k log p[r, k], their sum, and p itself.

    totals (parts), from 0: the sum of each part's losses; losses may be None.
    """
    for row in range(begin, end):
        given, to = x + row * K, p + row * K
        top = largest(given, K, TAIL)
        total = sum_of_exp(given, top, K, TAIL)
        norm = log_of(total)
        loss = norm - (given[label[row]] - top)
        if SMOOTH:
            mean = sum_of_log(given, top, norm, K, TAIL) / float(K)
            loss = loss * (1.0 - smoothing) - mean * smoothing
        totals[slot] = totals[slot] + to_doubles(loss)
        if losses is not None:
            losses[row] = loss
        for k in range(0, K - TAIL, lanes()):
            store_part(to + k, exp(scores(given + k, lanes()) - top) * (1.0 / total), lanes())
        if TAIL:
            k = K - TAIL
            store_part(to + k, exp(scores(given + k, TAIL) - top) * (1.0 / total), TAIL)


@task
def cross_entropy_down(
    begin: int, end: int, p: Floats, label: Longs, dlosses: Floats, dx: Floats, K: int,
    step: int, smoothing: float, *, TAIL: int,
) -> None:  # fmt: skip
    """dx[r, k] = (p[r, k] - e / K - (1 - e) [k = label[r]]) dlosses[r]; step 0: one for all."""
    for row in range(begin, end):
        given, to, g = p + row * K, dx + row * K, dlosses[row * step]
        everywhere = smoothing / float(K)
        for k in range(0, K - TAIL, lanes()):
            store_part(to + k, (load_part(given + k, lanes()) - everywhere) * g, lanes())
        if TAIL:
            k = K - TAIL
            store_part(to + k, (load_part(given + k, TAIL) - everywhere) * g, TAIL)
        right = label[row]
        to[right] = (given[right] - everywhere - (1.0 - smoothing)) * g


def cross_entropy_forward(
    input: Array, target: Array, weight: None = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> tuple[Array, Any]:  # fmt: skip
    """losses = -sum_k q_k log p_k, p = softmax(input), q_k = [k = target] (1 - e) + e / K."""
    x, label = plain(input), np.ascontiguousarray(target, np.int64)
    rows, k = x.shape
    p, slots, e = memory.empty(x.shape), parts(rows, COST * x.size), float(label_smoothing)
    losses = np.empty(rows, np.float32) if reduction == "none" else None
    totals = np.zeros(slots)
    run = cross_entropy_up.compiled(TAIL=k % host().lanes, SMOOTH=label_smoothing != 0)
    run(rows, slots, x, label, p, losses, totals, k, e)
    share = 1 / rows if reduction == "mean" else 1.0
    y = np.array(sum(totals.tolist()) * share, np.float32) if losses is None else losses
    return y, (p, label, share, e)


def cross_entropy_backward(dy: Array, cache: Any) -> tuple[Array, None]:
    """dinput_k = (p_k - q_k) dlosses."""
    p, label, share, e = cache
    dlosses = np.asarray(dy * share, np.float32, order="C")
    dx, (rows, k) = memory.empty(p.shape), p.shape
    run = cross_entropy_down.compiled(TAIL=k % host().lanes)
    run(rows, parts(rows, 2 * p.size), p, label, dlosses, dx, k, dlosses.ndim, e)
    return dx, None


def _in_range(target: Array, classes: int) -> bool:
    """Whether all are at least 0 and below `classes`; seen without a sign, -1 is the largest."""
    seen = target.view(f"u{target.itemsize}") if target.dtype.isnative else target
    return bool(seen.max() < classes and (seen is not target or target.min() >= 0))


def _serves_cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> bool:  # fmt: skip
    """Rows of scores and a right class for each; an index that names none goes to the page."""
    return (
        single(input)
        and weight is None
        and input.ndim == 2
        and input.size > 0
        and target.shape == input.shape[:1]
        and target.dtype.kind in "iu"
        and reduction in ("mean", "sum", "none")
        and _in_range(target, input.shape[1])
        and not (0 <= ignore_index < input.shape[1])
    )


register("cross_entropy", cross_entropy_forward, cross_entropy_backward, _serves_cross_entropy)
