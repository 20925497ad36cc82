"""Compiled preparation of images: moved, scaled and normalised in one walk.

    x (M, H, W, C) bytes or float32, y (N, h, w, C) float32
    rows, top, left, mirrored (N): which image is seen, and where it is cut out, see
    `data/augment/window.py`

Pixels go through a register P at a time, with their channels; the last few of a line are taken
together with some that are done already. mean and scale are repeated for each of the P pixels. The
steps of the formula round one after the other, as NumPy's do: results are the page's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import F32, Array, nchw
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Bytes,
    Floats,
    Longs,
    Vector,
    cast,
    from_bytes,
    lanes,
    load,
    load_part,
    part,
    prefetch,
    shuffle,
    store_part,
    to_floats,
)

Numbers = tuple[float, ...]  # one for each channel


def turned(count: int, channels: int, lanes: int) -> list[int]:
    """The lanes of `count` pixels from the last to the first, each pixel's channels in order."""
    order = [(count - 1 - k // channels) * channels + k % channels for k in range(count * channels)]
    return order + list(range(len(order), lanes))


@part
def prepare(
    x: Any, y: Floats, mean: Vector, scale: Vector, factor: float, count: int, C: int,
    FLOATS: bool, TURNED: bool,
) -> None:  # fmt: skip
    """y = (x factor - mean) scale, `count` pixels, in the other direction where TURNED."""
    given = load_part(x, count * C)
    numbers = given if FLOATS else to_floats(from_bytes(given))
    seen = shuffle(numbers, numbers, turned(count, C, lanes())) if TURNED else numbers
    store_part(y, (seen * factor - mean) * scale, count * C)


@part
def line(
    x: Any, y: Floats, first: int, last: int, w: int, mean: Vector, scale: Vector, factor: float,
    count: int, C: int, FLOATS: bool, TURNED: bool,
) -> None:  # fmt: skip
    """Columns `first` to `last` of a line of w, `count` at a time; x points at column 0."""
    for j in range(first, last, count):
        at = min(j, last - count)
        to = y + (w - count - at if TURNED else at) * C
        prepare(x + at * C, to, mean, scale, factor, count, C, FLOATS, TURNED)


@part
def columns(
    x: Any, y: Floats, first: int, last: int, w: int, mean: Vector, scale: Vector, factor: float,
    P: int, C: int, FLOATS: bool, TURNED: bool,
) -> None:  # fmt: skip
    """The same, P at a time where there are so many."""
    if last - first >= P:
        line(x, y, first, last, w, mean, scale, factor, P, C, FLOATS, TURNED)
    else:
        line(x, y, first, last, w, mean, scale, factor, 1, C, FLOATS, TURNED)


@part
def blank(y: Floats, w: int, fill: Vector, P: int, C: int) -> None:
    """A line of w pixels in which there is nothing."""
    if w >= P:
        for j in range(0, w, P):
            store_part(y + min(j, w - P) * C, fill, P * C)
    else:
        for j in range(w):
            store_part(y + j * C, fill, C)


@part
def folded(i: int, length: int) -> int:
    """The place that is seen in a mirror at the ends of a line, from at most length - 1 beyond."""
    above = max(i, 0 - i)
    return min(above, 2 * (length - 1) - above)


@part
def image(
    x: Any, top: int, left: int, y: Floats, mean: Vector, scale: Vector, fill: Vector,
    factor: float, H: int, W: int, h: int, w: int,
    P: int, C: int, FLOATS: bool, REFLECT: bool, TURNED: bool,
) -> None:  # fmt: skip
    """One image; TURNED: mirrored."""
    first, last = max(0 - left, 0), min(W - left, w)  # columns of the window that are in the image
    for i in range(h):
        row = folded(top + i, H) if REFLECT else top + i
        at, to = x + (row * W + left) * C, y + i * w * C
        if REFLECT:
            for j in range(w):
                if (j < first) | (j >= last):
                    mirror = x + (row * W + folded(left + j, W)) * C
                    there = to + (w - 1 - j if TURNED else j) * C
                    prepare(mirror, there, mean, scale, factor, 1, C, FLOATS, TURNED)
            columns(at, to, first, last, w, mean, scale, factor, P, C, FLOATS, TURNED)
        else:
            inside = (row >= 0) & (row < H)
            if (not inside) | (last - first < w):
                blank(to, w, fill, P, C)
            if inside:
                columns(at, to, first, last, w, mean, scale, factor, P, C, FLOATS, TURNED)


@part
def ask_for(x: Any, count: int, line: int) -> None:
    """Have the first 4 KB of an image on its way; from there the processor goes on by itself."""
    for k in range(0, min(count, 64 * line), line):
        prefetch(x + k)


@task
def seen_through(
    begin: int, end: int, x: Bytes, rows: Longs, top: Longs, left: Longs, mirrored: Bytes,
    y: Floats, mean: Floats, scale: Floats, fill: Floats, factor: float,
    H: int, W: int, h: int, w: int, start: int, *, P: int, C: int, FLOATS: bool, REFLECT: bool,
) -> None:  # fmt: skip
    """Images `begin` to `end` of y; the first is that of row `start`."""
    images = cast(x, "Floats") if FLOATS else x
    m, s, f = load(mean), load(scale), load(fill)
    for i in range(begin, end):
        n = start + i
        coming = rows[start + min(i + 1, end - 1)]
        ask_for(images + coming * H * W * C, H * W * C, 16 if FLOATS else 64)
        at, to = images + rows[n] * H * W * C, y + i * h * w * C
        if mirrored[n] != 0:
            image(at, top[n], left[n], to, m, s, f, factor, H, W, h, w, P, C, FLOATS, REFLECT, True)
        else:
            image(
                at, top[n], left[n], to, m, s, f, factor, H, W, h, w, P, C, FLOATS, REFLECT, False
            )


def walk(
    images: Array, rows: Array, window: Any, mean: Numbers, std: Numbers
) -> Callable[[int, int], Array] | None:
    """images (M, C, H, W) at rows (N) through a `Window`, normalised: when asked for, those from
    `start` to `stop`, (k, C, h, w), channels last. None for what the kernel does not take."""
    if not _serves(images, rows, window):
        return None
    pixels = images.transpose(0, 2, 3, 1)
    *size, c = pixels.shape[1:]
    shape = window.height, window.width, c
    floats = pixels.dtype == F32
    places = [np.ascontiguousarray(a, np.int64) for a in (rows, window.top, window.left)]
    mirrored = np.ascontiguousarray(window.mirrored, np.bool_)
    run = seen_through.compiled(P=host().lanes // c, C=c, FLOATS=floats, REFLECT=window.reflect)
    numbers = *_vectors(mean, std, window.fill), 1.0 if floats else 1 / 255, *size, *shape[:2]

    def some(start: int, stop: int) -> Array:
        n = min(stop, len(mirrored)) - start
        y = memory.empty((n, *shape))
        run(n, parts(n, 2 * y.size), pixels, *places, mirrored, y, *numbers, start)
        return nchw(y)

    return some


@lru_cache
def _vectors(mean: Numbers, std: Numbers, fill: float) -> tuple[Array, Array, Array]:
    """mean, 1 / std and what `fill` becomes, of one pixel after the other."""
    times = host().lanes // len(mean) + 1
    means = np.tile(np.array(mean, F32), times)
    scales = np.tile((1 / np.array(std)).astype(F32), times)
    return means, scales, (np.float32(fill) - means) * scales


def _serves(images: Any, rows: Any, window: Any) -> bool:
    """Whether images are channels last, rows are among them, and no mirror is in a mirror."""
    if type(images) is not np.ndarray or images.dtype not in (np.uint8, F32) or images.ndim != 4:
        return False
    count, channels, height, width = images.shape
    if not 0 < channels <= host().lanes or not images.transpose(0, 2, 3, 1).flags.c_contiguous:
        return False
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        return False
    (above, below), (before, behind) = window.margins(height, width)
    once = max(above, below) < height and max(before, behind) < width
    return once or not window.reflect
