"""Twins of pooling: a pixel's channels lie side by side, so a window is compared LANES at a time.

    x (N, H, W, C), y (N, OH, OW, C), winner like y: which tap i KW + j saw the maximum, a byte
    K the window (KH, KW), known when compiled: its taps are written out

For each place of the window the code goes through the channels, LANES of them in a register, and
through the taps. TAIL = C mod LANES channels are left for a last, narrower round. Only where EDGES
is set can a window hang over the edge of the image; then each tap is asked whether it is inside.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.direct import zero
from glassnet.kernels.dispatch import register
from glassnet.kernels.geometry import Pair, Window, window
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, nchw, nhwc, single
from glassnet.kernels.ready import Empty, Launch, Ready
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Bytes,
    Floats,
    from_bytes,
    lanes,
    load_part,
    part,
    select,
    splat,
    store_part,
    to_bytes,
    to_floats,
    unroll,
)

MOST_TAPS = 64  # of a window that is written out
NONE = 255  # in the place of the tap that won


class Pooling:
    """A window on images of one shape: what its kernels are told besides the arrays."""

    def __init__(self, shape: tuple[int, ...], seen: Window) -> None:
        n, c, h, w = shape
        high, wide = seen.places(h, w)
        (top, _), (left, _) = seen.padding
        self.given, self.result = (n, h, w, c), (n, high, wide, c)
        self.images, self.rows, self.taps = n, n * high, math.prod(seen.kernel)
        self.numbers = (h, w, c, high, wide, *seen.stride, top, left)
        edges = seen.padding != ((0, 0), (0, 0))  # whether it may see what is not in the image
        self.flags = {"K": seen.kernel, "TAIL": c % host().lanes, "EDGES": edges}
        self.once = seen.kernel == seen.stride and not edges  # no pixel is in two windows


@lru_cache(maxsize=4096)
def pooling(shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any) -> Pooling | None:
    """The window of these options on images (N, C, H, W); None where the page runs."""
    seen = window(kernel, kernel if stride is None else stride, padding)
    if seen is None or math.prod(seen.kernel) > MOST_TAPS or min(seen.places(*shape[2:])) < 1:
        return None
    sides = zip(seen.padding, seen.kernel, strict=True)
    return Pooling(shape, seen) if all(max(side) <= k // 2 for side, k in sides) else None


# -- max_pool2d ------------------------------------------------------------------------------------
@part
def inside(h: int, w: int, H: int, W: int) -> Any:
    """Whether (h, w) is a pixel of the image."""
    return (h >= 0) & (h < H) & (w >= 0) & (w < W)


@part
def largest(
    x: Floats, y: Floats, winner: Bytes, count: int, h: int, w: int, H: int, W: int, C: int,
    K: Pair, EDGES: bool, RELU: bool,
) -> None:  # fmt: skip
    """One window of `count` channels; x points at its first pixel (h, w). NaN wins.

    With RELU, of the positive entries: where there is none y is 0, and no tap has won.
    """
    best, tap, won = splat(-math.inf), splat(0), splat(0.0)
    for i in unroll(K[0]):
        for j in unroll(K[1]):
            if not EDGES or inside(h + i, w + j, H, W):
                value = load_part(x + (i * W + j) * C, count)
                tap = select(value > best, splat(i * K[1] + j), tap)
                won = select(value > best, value, won)
                best = select((value > best) | (value != value), value, best)
    if RELU:
        tap = select(won > 0.0, tap, splat(NONE))
        best = select(best < 0.0, 0.0, best)
    store_part(y, best, count)
    store_part(winner, to_bytes(tap), count)


@task
def max_up(
    begin: int, end: int, x: Floats, y: Floats, winner: Bytes,
    H: int, W: int, C: int, OH: int, OW: int, down: int, right: int, top: int, left: int,
    *, K: Pair, TAIL: int, EDGES: bool, RELU: bool,
) -> None:  # fmt: skip
    """Rows `begin` to `end` of y, of all images."""
    for row in range(begin, end):
        h = row % OH * down - top
        for ow in range(OW):
            w = ow * right - left
            seen = x + ((row // OH * H + h) * W + w) * C
            place = (row * OW + ow) * C
            for c in range(0, C - TAIL, lanes()):
                here = place + c
                largest(seen + c, y + here, winner + here, lanes(), h, w, H, W, C, K, EDGES, RELU)
            if TAIL:
                c = C - TAIL
                here = place + c
                largest(seen + c, y + here, winner + here, TAIL, h, w, H, W, C, K, EDGES, RELU)


@part
def hand_back(
    dy: Floats, winner: Bytes, dx: Floats, count: int, h: int, w: int, H: int, W: int, C: int,
    K: Pair, EDGES: bool, ONCE: bool,
) -> None:  # fmt: skip
    """The gradient of one window's `count` channels to the tap that won; the others get 0 dy."""
    g, tap = load_part(dy, count), from_bytes(load_part(winner, count))
    for i in unroll(K[0]):
        for j in unroll(K[1]):
            if not EDGES or inside(h + i, w + j, H, W):
                to = dx + (i * W + j) * C
                share = g * to_floats(tap == splat(i * K[1] + j))
                store_part(to, share if ONCE else load_part(to, count) + share, count)


@part
def clear(
    dx: Floats, begin: int, end: int, H: int, W: int, C: int, OH: int, OW: int, K: Pair, ONCE: bool
) -> None:
    """0 in images `begin` to `end`; with ONCE only where no window lies, below and at the right."""
    if ONCE:
        for row in range(begin * H, end * H):
            first = select(row % H < OH * K[0], OW * K[1], 0)
            zero(dx + (row * W + first) * C, (W - first) * C)
    else:
        zero(dx + begin * H * W * C, (end - begin) * H * W * C)


@task
def max_down(
    begin: int, end: int, dy: Floats, winner: Bytes, dx: Floats,
    H: int, W: int, C: int, OH: int, OW: int, down: int, right: int, top: int, left: int,
    *, K: Pair, TAIL: int, EDGES: bool, ONCE: bool,
) -> None:  # fmt: skip
    """Images `begin` to `end` of dx. ONCE: no pixel is in two windows."""
    clear(dx, begin, end, H, W, C, OH, OW, K, ONCE)
    for row in range(begin * OH, end * OH):
        h = row % OH * down - top
        for ow in range(OW):
            w = ow * right - left
            to = dx + ((row // OH * H + h) * W + w) * C
            place = (row * OW + ow) * C
            for c in range(0, C - TAIL, lanes()):
                here = place + c
                hand_back(
                    dy + here, winner + here, to + c, lanes(), h, w, H, W, C, K, EDGES, ONCE
                )  # fmt: skip
            if TAIL:
                c = C - TAIL
                here = place + c
                hand_back(dy + here, winner + here, to + c, TAIL, h, w, H, W, C, K, EDGES, ONCE)


def max_pool2d_forward(
    x: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, *_: Any, **__: Any
) -> tuple[Array, Any]:
    """y[n, c, h, w] = max over i, j of x[n, c, h s + i, w s + j], outside the image -inf."""
    return run_max(x, pooling(x.shape, kernel_size, stride, padding), relu=False)


def run_max(x: Array, made: Pooling | None, relu: bool) -> tuple[Array, Any]:
    """The maxima, of the positive entries alone with `relu`, and which taps won."""
    assert made is not None
    y = memory.empty(made.result)
    winner = memory.empty(made.result, np.uint8)
    slots = parts(made.rows, 2 * y.size * made.taps)
    run = max_up.compiled(**made.flags, RELU=relu)
    run(made.rows, slots, nhwc(x), y, winner, *made.numbers)
    return nchw(y), (winner, made)


def max_pool2d_backward(dy: Array, cache: tuple[Array, Pooling]) -> Array:
    """dx[n, c, h s + i, w s + j] += dy[n, c, h, w] for the tap (i, j) that saw the maximum."""
    winner, made = cache
    dx = memory.empty(made.given)
    run = max_down.compiled(**made.flags, ONCE=made.once)
    run(made.images, parts(made.images, 2 * dx.size), nhwc(dy), winner, dx, *made.numbers)
    return nchw(dx)


def _serves_max(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False,
) -> bool:  # fmt: skip
    plain = single(x) and x.ndim == 4 and dilation in (1, (1, 1)) and not ceil_mode
    return plain and pooling(x.shape, kernel_size, stride, padding) is not None


register("max_pool2d", max_pool2d_forward, max_pool2d_backward, _serves_max)


# -- avg_pool2d ------------------------------------------------------------------------------------
@part
def inner(start: int, size: int, limit: int) -> int:
    """How many of `size` places from `start` on are in the image."""
    return min(start + size, limit) - max(start, 0)


@part
def share_of(h: int, w: int, H: int, W: int, K: Pair, EDGES: bool, ALL: bool) -> float:
    """1 / the entries that one window averages."""
    if ALL or not EDGES:
        return 1 / (K[0] * K[1])
    return 1.0 / float(inner(h, K[0], H) * inner(w, K[1], W))


@part
def averaged(
    x: Floats, y: Floats, share: float, count: int, h: int, w: int, H: int, W: int, C: int,
    K: Pair, EDGES: bool,
) -> None:  # fmt: skip
    """One window of `count` channels; x points at its first pixel (h, w)."""
    total = splat(0.0)
    for i in unroll(K[0]):
        for j in unroll(K[1]):
            if not EDGES or inside(h + i, w + j, H, W):
                total = total + load_part(x + (i * W + j) * C, count)
    store_part(y, total * share, count)


@task
def avg_up(
    begin: int, end: int, x: Floats, y: Floats,
    H: int, W: int, C: int, OH: int, OW: int, down: int, right: int, top: int, left: int,
    *, K: Pair, TAIL: int, EDGES: bool, ALL: bool,
) -> None:  # fmt: skip
    """Rows `begin` to `end` of y, of all images."""
    for row in range(begin, end):
        h = row % OH * down - top
        for ow in range(OW):
            w = ow * right - left
            share = share_of(h, w, H, W, K, EDGES, ALL)
            seen = x + ((row // OH * H + h) * W + w) * C
            to = y + (row * OW + ow) * C
            for c in range(0, C - TAIL, lanes()):
                averaged(seen + c, to + c, share, lanes(), h, w, H, W, C, K, EDGES)
            if TAIL:
                c = C - TAIL
                averaged(seen + c, to + c, share, TAIL, h, w, H, W, C, K, EDGES)


@part
def spread(
    dy: Floats, dx: Floats, share: float, count: int, h: int, w: int, H: int, W: int, C: int,
    K: Pair, EDGES: bool, ONCE: bool,
) -> None:  # fmt: skip
    """The gradient of one window's `count` channels, to each pixel its share."""
    g = load_part(dy, count) * share
    for i in unroll(K[0]):
        for j in unroll(K[1]):
            if not EDGES or inside(h + i, w + j, H, W):
                to = dx + (i * W + j) * C
                store_part(to, g if ONCE else load_part(to, count) + g, count)


@task
def avg_down(
    begin: int, end: int, dy: Floats, dx: Floats,
    H: int, W: int, C: int, OH: int, OW: int, down: int, right: int, top: int, left: int,
    *, K: Pair, TAIL: int, EDGES: bool, ALL: bool, ONCE: bool,
) -> None:  # fmt: skip
    """Images `begin` to `end` of dx. ONCE: no pixel is in two windows."""
    clear(dx, begin, end, H, W, C, OH, OW, K, ONCE)
    for row in range(begin * OH, end * OH):
        h = row % OH * down - top
        for ow in range(OW):
            w = ow * right - left
            share = share_of(h, w, H, W, K, EDGES, ALL)
            to = dx + ((row // OH * H + h) * W + w) * C
            given = dy + (row * OW + ow) * C
            for c in range(0, C - TAIL, lanes()):
                spread(given + c, to + c, share, lanes(), h, w, H, W, C, K, EDGES, ONCE)
            if TAIL:
                c = C - TAIL
                spread(given + c, to + c, share, TAIL, h, w, H, W, C, K, EDGES, ONCE)


def avg_pool2d_forward(
    x: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Any]:  # fmt: skip
    """y[n, c, h, w] = sum over i, j of x[n, c, h s + i, w s + j] / count[h, w]."""
    made = pooling(x.shape, kernel_size, stride, padding)
    assert made is not None
    return _averages(made, count_include_pad)(nchw(nhwc(x))), (made, count_include_pad)


def _averages(made: Pooling, count_include_pad: bool) -> Ready:
    run = avg_up.compiled(**made.flags, ALL=count_include_pad)

    def bind(x: Array, residual: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
        y = empty(made.result)
        return nchw(y), [(run, (made.rows, parts(made.rows, x.size), x, y, *made.numbers))]

    return Ready(bind)


def avg_pool2d_backward(dy: Array, cache: tuple[Pooling, bool]) -> Array:
    """dx[n, c, h s + i, w s + j] += dy[n, c, h, w] / count[h, w]."""
    made, count_include_pad = cache
    dx = memory.empty(made.given)
    run = avg_down.compiled(**made.flags, ALL=count_include_pad, ONCE=made.once)
    run(made.images, parts(made.images, dx.size), nhwc(dy), dx, *made.numbers)
    return nchw(dx)


def _serves_avg(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> bool:  # fmt: skip
    plain = single(x) and x.ndim == 4 and not ceil_mode
    return plain and pooling(x.shape, kernel_size, stride, padding) is not None


register("avg_pool2d", avg_pool2d_forward, avg_pool2d_backward, _serves_avg)


# -- adaptive_avg_pool2d: of bins of one size ------------------------------------------------------
def adaptive_avg_pool2d_forward(x: Array, output_size: Any) -> tuple[Array, Any]:
    """avg_pool2d with bins as windows."""
    return avg_pool2d_forward(x, _bin(x.shape, output_size))


def _bin(shape: tuple[int, ...], output_size: Any) -> Pair | None:
    """The size of all bins; None where they differ, or output_size is none."""
    two = output_size if isinstance(output_size, tuple) else (output_size, output_size)
    if len(two) != 2 or not all(type(n) is int and n > 0 for n in two):
        return None
    whole = shape[2] % two[0] == 0 == shape[3] % two[1]
    return (shape[2] // two[0], shape[3] // two[1]) if whole and min(shape) else None


def _serves_adaptive(x: Any, output_size: Any) -> bool:
    if not single(x) or x.ndim != 4:
        return False
    size = _bin(x.shape, output_size)
    return size is not None and _serves_avg(x, size)


def _prepare_adaptive(x: Array, output_size: Any) -> Ready | None:
    made = pooling(x.shape, _bin(x.shape, output_size), None, 0)
    return None if made is None else _averages(made, True)


register(
    "adaptive_avg_pool2d",
    adaptive_avg_pool2d_forward,
    avg_pool2d_backward,
    _serves_adaptive,
    _prepare_adaptive,
)
