"""Convolution in which each channel has a filter of its own (groups = channels), all three sums.

    N batch, C channels, H W height width of the source, KH KW taps
    image (N, H, W, C), w (KH, KW, C)

Nothing is summed over channels, so LANES neighbouring channels go side by side through the same
loop. A tile of MB places in a row stays in registers with one row of taps: each pixel that is
loaded serves every place of the tile that sees it, up to KW multiply-adds. Where a tile looks over
the edge, the pixels outside are read from a row of zeros.

Forward and backward to x are the same sum. With stride s the pixels of dx fall into s x s phases,
each of which sees a few taps (`walk.py`), at step 1.
"""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.activation import curved
from glassnet.kernels.compile import task
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, no_bias
from glassnet.kernels.ready import Launch, run_all
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Floats,
    Longs,
    first,
    fma,
    lanes,
    load,
    part,
    select,
    splat,
    store,
    unroll,
)
from glassnet.kernels.walk import Axis, backward_axes, forward_axis

Pair = tuple[int, int]
Size3 = tuple[int, int, int]
Axes = list[tuple[int, int, int, Pair, int]]  # size, kernel, stride, padding, dilation: along H, W
TILE = (
    7  # places: 7, 14, 28, 56 and 112 are multiples, and 7 sums, 5 taps, 1 pixel are 13 registers
)
SUMS = 10  # registers of dw at a time
PLACES = 4  # of dy at a time

# What kernels know of a sum, in this order. ROWS, COLS: places; TOP, LEFT: how far the first looks
# over the edge; HIGH, WIDE: the result, whose row START_H + i EVERY_H has row i of the places
(
    H, W, C, ROWS, COLS, TOP, LEFT, HIGH, WIDE, EVERY_H, EVERY_W, START_H, START_W,
) = range(13)  # fmt: skip


# -- forward, and backward to x --------------------------------------------------------------------
@part
def seen_from(
    x: Floats, zeros: Floats, h0: int, w0: int, sizes: Longs, inside: bool,
    KH: int, KW: int, S: int, MB: int,
) -> list[list[Floats]]:  # fmt: skip
    """Where the pixels are that a tile of MB places sees: KH rows of (MB - 1) S + KW.

    x is pixel (h0, w0), the first of them; those outside of the image are at `zeros`.
    """
    row, channels = sizes[W] * sizes[C], sizes[C]
    across = [q * channels for q in unroll((MB - 1) * S + KW)]
    at = [[x + (a * row + to) for to in across] for a in unroll(KH)]
    if not inside:
        there = [(w0 + q >= 0) & (w0 + q < sizes[W]) for q in unroll(len(across))]
        for a in unroll(KH):
            whole = (h0 + a >= 0) & (h0 + a < sizes[H])
            for q in unroll(len(across)):
                at[a][q] = at[a][q] if whole & there[q] else zeros
    return at


@part
def filtered(
    at: list[list[Floats]], c: int, w: Floats, start: Any, channels: int, KW: int, S: int, MB: int
) -> list[Any]:
    """A tile of MB places for LANES channels from c on, which begins at `start`."""
    acc = [start for _ in unroll(MB)]
    for a in unroll(len(at)):
        taps = [load(w + (a * KW + b) * channels) for b in unroll(KW)]
        for q in unroll(len(at[a])):
            v = load(at[a][q] + c)
            for m in unroll(MB):
                b = q - m * S
                if b >= 0 and b < KW:
                    acc[m] = fma(v, taps[b], acc[m])
    return acc


@part
def tile_of_row(
    x: Floats, w: Floats, bias: Floats, zeros: Floats, y: Floats, n: int, i: int, j: int,
    sizes: Longs, inside: bool, KH: int, KW: int, S: int, MB: int, curve: str,
) -> None:  # fmt: skip
    """MB places of row i from place j on, all channels; the last channels twice if need be."""
    channels, every = sizes[C], sizes[EVERY_W] * sizes[C]
    h0, w0 = i * S - sizes[TOP], j * S - sizes[LEFT]
    first_seen = x + ((n * sizes[H] + h0) * sizes[W] + w0) * channels
    at = seen_from(first_seen, zeros, h0, w0, sizes, inside, KH, KW, S, MB)
    h, v = sizes[START_H] + i * sizes[EVERY_H], sizes[START_W] + j * sizes[EVERY_W]
    to = y + ((n * sizes[HIGH] + h) * sizes[WIDE] + v) * channels
    for next_ in range(0, channels, lanes()):
        c = min(next_, channels - lanes())
        acc = filtered(at, c, w + c, load(bias + c), channels, KW, S, MB)
        for m in unroll(MB):
            store(to + (m * every + c), curved(acc[m], curve))


@task
def correlate_each(
    begin: int, end: int, x: Floats, w: Floats, bias: Floats, zeros: Floats, y: Floats,
    sizes: Longs, *, KH: int, KW: int, S: int, curve: str,
) -> None:  # fmt: skip
    """y[i, j, c] = curve(bias[c] + sum of x[i S - TOP + a, j S - LEFT + b, c] w[a, b, c]).

    For rows `begin` to `end` of all images. The last tile of a row moves back to end with it.
    """
    for unit in range(begin, end):
        n, i = unit // sizes[ROWS], unit % sizes[ROWS]
        h0 = i * S - sizes[TOP]
        whole = (h0 >= 0) & (h0 + KH <= sizes[H])
        if sizes[COLS] >= TILE:
            for next_ in range(0, sizes[COLS], TILE):
                j = min(next_, sizes[COLS] - TILE)
                w0 = j * S - sizes[LEFT]
                if whole & (w0 >= 0) & (w0 + (TILE - 1) * S + KW <= sizes[W]):
                    tile_of_row(x, w, bias, zeros, y, n, i, j, sizes, True, KH, KW, S, TILE, curve)
                else:
                    tile_of_row(x, w, bias, zeros, y, n, i, j, sizes, False, KH, KW, S, TILE, curve)
        else:
            for j in range(sizes[COLS]):
                tile_of_row(x, w, bias, zeros, y, n, i, j, sizes, False, KH, KW, S, 1, curve)


# -- backward to w ---------------------------------------------------------------------------------
@part
def pixel(x: Floats, h: int, w: int, sizes: Longs, inside: bool) -> Any:
    """LANES channels of the pixel at x, which is pixel (h, w) of the image, or outside of it."""
    v = splat(0.0)
    if inside or (h >= 0) & (h < sizes[H]) & (w >= 0) & (w < sizes[W]):
        v = load(x)
    return v


@part
def add_places(
    x: Floats, dy: Floats, acc: list[list[Any]], h0: int, w0: int, sizes: Longs, inside: bool,
    KW: int, S: int, MB: int,
) -> None:  # fmt: skip
    """acc[a][b] += the sum over MB places of x at tap (a, b) times dy."""
    channels = sizes[C]
    given = [load(dy + m * channels) for m in unroll(MB)]
    for a in unroll(len(acc)):
        for q in unroll((MB - 1) * S + KW):
            at = x + ((a * sizes[W] + q) * channels)
            v = pixel(at, h0 + a, w0 + q, sizes, inside)
            for m in unroll(MB):
                b = q - m * S
                if b >= 0 and b < KW:
                    acc[a][b] = fma(v, given[m], acc[a][b])


@part
def add_row(
    x: Floats, dy: Floats, acc: list[list[Any]], h0: int, sizes: Longs, KW: int, S: int
) -> None:
    """acc[a][b] += the sum over a row of places, for the channels from where x and dy begin."""
    channels, cols = sizes[C], sizes[COLS]
    whole = (h0 >= 0) & (h0 + len(acc) <= sizes[H])
    many = cols - cols % PLACES
    for j in range(0, many, PLACES):
        w0 = j * S - sizes[LEFT]
        at = x + (h0 * sizes[W] + w0) * channels
        if whole & (w0 >= 0) & (w0 + (PLACES - 1) * S + KW <= sizes[W]):
            add_places(at, dy + j * channels, acc, h0, w0, sizes, True, KW, S, PLACES)
        else:
            add_places(at, dy + j * channels, acc, h0, w0, sizes, False, KW, S, PLACES)
    for j in range(many, cols):
        v0 = j * S - sizes[LEFT]
        at = x + (h0 * sizes[W] + v0) * channels
        add_places(at, dy + j * channels, acc, h0, v0, sizes, False, KW, S, 1)


@task
def filters_of_each(
    begin: int, end: int, slot: int, x: Floats, dy: Floats, sums: Floats, sizes: Longs,
    *, KH: int, KW: int, S: int,
) -> None:  # fmt: skip
    """sums[a, b, c] += the sum over places of x[i S - TOP + a, j S - LEFT + b, c] dy[i, j, c].

    One sums for each slot. For rows `begin` to `end` of all images, and as many rows of taps at a
    time as registers hold.
    """
    channels = sizes[C]
    mine = sums + slot * KH * KW * channels
    few = min(KH, max(1, SUMS // KW))
    for unit in range(begin, end):
        n, i = unit // sizes[ROWS], unit % sizes[ROWS]
        image, row = x + n * sizes[H] * sizes[W] * channels, dy + unit * sizes[COLS] * channels
        for next_ in range(0, channels, lanes()):
            c = min(next_, channels - lanes())
            again = first(next_ - c)  # lanes that were there before
            for a in unroll(0, KH, few):
                acc = [[splat(0.0) for _ in unroll(KW)] for _ in unroll(min(few, KH - a))]
                add_row(image + c, row + c, acc, i * S - sizes[TOP] + a, sizes, KW, S)
                for b in unroll(len(acc) * KW):
                    to = mine + ((a * KW + b) * channels + c)
                    store(to, load(to) + select(again, 0.0, acc[b // KW][b % KW]))


# -- what depends on shapes alone ------------------------------------------------------------------
class Each(NamedTuple):
    """One sum: its phase along both axes, and its sizes as the kernels read them."""

    rows: Axis
    cols: Axis
    sizes: Array

    @property
    def kernel(self) -> dict[str, int]:
        """The constants it is compiled for."""
        return {"KH": len(self.rows.taps), "KW": len(self.cols.taps), "S": self.rows.step}

    def taps(self, w: Array) -> Array:
        """The taps (KH, KW, C) that it sees, in the order in which it comes upon them."""
        a, b = ([index for index, _ in in_order(axis)] for axis in (self.rows, self.cols))
        if a == list(range(w.shape[0])) and b == list(range(w.shape[1])):
            return w
        return np.ascontiguousarray(w[a][:, b])


def in_order(axis: Axis) -> list[Pair]:
    """The taps of a phase from the first pixel to the last."""
    return sorted(axis.taps, key=lambda tap: tap[1])


def each(rows: Axis, cols: Axis, source: Size3, result: Pair) -> Each | None:
    """The sum over one phase; None where its taps are not neighbours, or steps differ."""
    for axis in (rows, cols):
        shifts = [shift for _, shift in in_order(axis)]
        if shifts != list(range(axis.low, axis.low + len(shifts))):
            return None
    if rows.step != cols.step:
        return None
    sizes = (
        *source, rows.places, cols.places, -rows.low, -cols.low, *result,
        rows.every, cols.every, rows.start, cols.start,
    )  # fmt: skip
    return Each(rows, cols, np.array(sizes, np.int64))


class Depthwise:
    """A convolution of given shapes with a filter for each channel."""

    def __init__(self, batch: int, channels: int, size: Pair, out: Pair, axes: Axes) -> None:
        self.batch, self.channels, self.size, self.out, self.axes = batch, channels, size, out, axes

    @cached_property
    def forward(self) -> Each | None:
        """y over x."""
        rows, cols = (forward_axis(*axis) for axis in self.axes)
        return each(rows, cols, (*self.size, self.channels), self.out)

    @cached_property
    def backward(self) -> list[Each | None]:
        """dx over dy, a sum for each phase that sees something."""
        down, across = (backward_axes(*axis) for axis in self.axes)
        source = (*self.out, self.channels)
        pairs = [(rows, cols) for rows in down for cols in across if rows.taps and cols.taps]
        return [each(rows, cols, source, self.size) for rows, cols in pairs]

    @property
    def served(self) -> bool:
        """Whether kernels take it: taps side by side, one stride for both axes, LANES channels."""
        plain = self.forward is not None and None not in self.backward
        return plain and self.channels >= host().lanes

    def run(self, x: Array, w: Array, bias: Array | None, curve: str = "none") -> Array:
        """y (N, OH, OW, C) = curve(bias + the sum) of x (N, H, W, C), w (KH, KW, C)."""
        assert self.forward is not None
        y = memory.empty((self.batch, *self.out, self.channels))
        bias = no_bias(self.channels) if bias is None else bias
        run_all([self.apply(x, self.forward.taps(w), bias, y, curve)])
        return y

    def apply(self, x: Array, taps: Array, bias: Array, y: Array, curve: str) -> Launch:
        """The same, of taps in the order in which they are seen."""
        assert self.forward is not None
        return self._sweep(self.forward, x, taps, bias, y, curve)

    def backward_x(self, dy: Array, w: Array) -> Array:
        """dx (N, H, W, C) of dy (N, OH, OW, C)."""
        shape = (self.batch, *self.size, self.channels)
        covered = sum(m.rows.places * m.cols.places for m in self.backward if m is not None)
        dx = memory.empty(shape) if covered == prod(self.size) else memory.zeros(shape)
        for made in self.backward:
            assert made is not None
            run_all([self._sweep(made, dy, made.taps(w), no_bias(self.channels), dx, "none")])
        return dx

    def _sweep(self, made: Each, x: Array, w: Array, bias: Array, y: Array, curve: str) -> Launch:
        units = self.batch * made.rows.places
        slots = parts(units, units * made.cols.places * w.size / 4)
        run = correlate_each.compiled(curve=curve, **made.kernel)
        return run, (units, slots, x, w, bias, no_bias(self.channels), y, made.sizes)

    def backward_w(self, x: Array, dy: Array) -> Array:
        """dw (KH, KW, C) of x (N, H, W, C) and dy (N, OH, OW, C)."""
        made = self.forward
        assert made is not None
        shape = (len(made.rows.taps), len(made.cols.taps), self.channels)
        units = self.batch * made.rows.places
        slots = parts(units, units * made.cols.places * prod(shape) / 4)
        sums = memory.zeros((slots, *shape))
        run = filters_of_each.compiled(**made.kernel)
        run(units, slots, x, dy, sums, made.sizes)
        for other in sums[1:]:
            sums[0] += other
        return sums[0]
