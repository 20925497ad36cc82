"""Direct convolution: the kernels of all three sums.

    N batch, C channels, H W height width, O outputs, G groups, K = KH KW C/G taps of an output
    a chunk of the batch has P places (pixels of the result); x (N, H, W, C), y (N, OH, OW, O)

Forward. An image that lies channels last is a matrix without anybody writing it down: the window at
a place is the numbers at `place + tap`, for K offsets `tap` that are the same at all places
(`walk.py`). So y = X w with X (P, K), w (K, O), and a tile of 6 places by 16 outputs (AVX2) stays
in registers while k runs from 0 to K: for each k two vectors of w, six single numbers of x, twelve
multiply-adds (`microkernel.gathered`). Weights are first laid out as (O/16, K, 16), so that they
are read from front to back; the bias is row K of each block, where the sum starts.

Backward to x. The same sum over dy, with the filter turned round and inputs and outputs exchanged.
With stride s the pixels of dx fall into s x s phases, each of which sees a few taps.

Backward to w. dw = X^T dy: a tile of 6 taps by 16 outputs stays in registers while the place runs
over a chunk (`microkernel.outer`), then goes to the sums of this part of the batch, (K, O) for each
thread; they are added up at the end, in order. A row behind them collects dy alone: the bias.

A chunk is a band of rows or a few images: small enough to lie in the nearest caches (with what it
sees of x, copied into the middle of zeros where windows reach over the edge).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from glassnet.kernels import launch, memory
from glassnet.kernels.activation import curved
from glassnet.kernels.compile import task
from glassnet.kernels.layout import Array
from glassnet.kernels.microkernel import Tile, best_tile, gathered, outer, pieces
from glassnet.kernels.ready import Empty, Launch, run_all
from glassnet.kernels.statistics import ROOM, Sums, counted, put_down, room, taken
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Longs,
    lanes,
    load,
    load_part,
    part,
    splat,
    store,
    store_part,
    unroll,
    widened,
    width,
)
from glassnet.kernels.walk import (
    BAND,
    BANDS,
    BATCH,
    CHANNELS,
    COLS,
    HEIGHT,
    HIGH,
    IMAGE,
    IMAGES,
    LEFT,
    LOW,
    ROW,
    ROWS,
    START,
    STEP,
    WIDE,
    WIDTH,
    Axis,
    Walk,
)

Size3 = tuple[int, int, int]


# -- a chunk of the source -------------------------------------------------------------------------
@part
def copy(source: Floats, target: Floats, count: int) -> None:
    """target[:count] = source[:count]."""
    whole = count - count % lanes()
    for i in range(0, whole, lanes()):
        store(target + i, load(source + i))
    for i in range(whole, count):
        target[i] = source[i]


@part
def zero(target: Floats, count: int) -> None:
    """target[:count] = 0."""
    for i in range(count):
        target[i] = 0.0


@task
def clear(begin: int, end: int, target: Floats, size: int) -> None:
    """0 in images `begin` to `end`, of `size` numbers."""
    zero(target + begin * size, (end - begin) * size)


@part
def copy_chunk(x: Floats, room: Floats, route: Longs, image: int, images: int, row: int) -> None:
    """What a chunk sees, with zeros where it looks beyond the image.

    Row r of it is row `row` + r of the image, and its first column is column LEFT.
    """
    channels, width, height = route[CHANNELS], route[WIDTH], route[HEIGHT]
    high, wide, left = route[HIGH], route[WIDE], route[LEFT]
    before = max(0, min(-left, wide))
    there = max(0, min(wide - before, width - max(left, 0)))
    for n in range(images):
        for r in range(high):
            to = room + (n * high + r) * wide * channels
            if (row + r < 0) | (row + r >= height):
                zero(to, wide * channels)
            else:
                begin = x + (((image + n) * height + row + r) * width + max(left, 0)) * channels
                zero(to, before * channels)
                copy(begin, to + before * channels, there * channels)
                zero(to + (before + there) * channels, (wide - before - there) * channels)


@part
def chunk(x: Floats, room: Floats, route: Longs, unit: int, copied: bool) -> tuple[Any, ...]:
    """(where its first place begins, its places, its offset in the result) of chunk `unit`."""
    images, bands, band = route[IMAGES], route[BANDS], route[BAND]
    image, first = unit // bands * images, unit % bands * band
    some = min(images, route[BATCH] - image)
    row = first * route[STEP] + route[LOW]
    count = some * min(band, route[ROWS] - first) * route[COLS]
    to = image * route[IMAGE] + first * route[ROW] + route[START]
    if copied:
        copy_chunk(x, room, route, image, some, row)
        return room, count, to
    begin = ((image * route[HEIGHT] + row) * route[WIDTH] + route[LEFT]) * route[CHANNELS]
    return x + begin, count, to


# -- forward, and backward to x --------------------------------------------------------------------
@task
def correlate(
    begin: int,
    end: int,
    slot: int,
    x: Floats,
    w: Floats,
    y: Floats,
    rooms: Floats,
    room_size: int,
    route: Longs,
    places: Longs,
    most: int,
    taps: Longs,
    count: int,
    groups: int,
    inputs: int,
    outputs: int,
    shifts: Floats,
    sums: Doubles,
    *,
    MB: int,
    WIDE: int,
    TAIL: int,
    copied: bool,
    curve: str,
    SUMS: bool,
) -> None:
    """y[place, o] = curve(sum over k of x[place + tap k] w[k, o]), for the chunks begin .. end.

    places (2, most): where each place of a chunk begins in x and in y; taps (count);
    w (groups, blocks, count + 1, WIDE); inputs, outputs: channels of one group, of which the last
    vector of outputs has TAIL where it is not full. With SUMS the columns of all blocks go into the
    sums of this part (`statistics.py`).
    """
    row = pieces(WIDE, lanes())
    blocks = (outputs + WIDE - 1) // WIDE
    columns = groups * blocks * WIDE
    shift, mine = shifts + slot * columns, sums + slot * (2 * columns + ROOM)
    for unit in range(begin, end):
        source, there, to = chunk(x, rooms + slot * room_size, route, unit, copied)
        if SUMS:
            counted(mine, columns, there)
        for block in range(groups * blocks):
            group, column = block // blocks, block % blocks * WIDE
            weights = w + block * (count + 1) * WIDE
            total = [[splat(0.0, wide), splat(0.0, wide)] for _, wide in row]
            for p in range(0, there, MB):
                first = max(0, min(p, there - MB))
                index = [min(first + m, there - 1) for m in unroll(MB)]
                at = [source + (places[i] + group * inputs) for i in index]
                start = [load(weights + count * WIDE + begin, wide) for begin, wide in row]
                acc = gathered(at, taps, count, weights, start)
                for m in unroll(MB):
                    out = y + (to + places[most + index[m]] + group * outputs + column)
                    put(out, acc[m], outputs - column, TAIL, curve)
                if SUMS:
                    tile_taken(acc, first, p, there, unit == begin, shift + block * WIDE, total)
            if SUMS:
                for j in unroll(len(row)):
                    put_down(mine + block * WIDE + j * lanes(), columns, total[j])


@part
def tile_taken(
    acc: list[Any], first: int, p: int, there: int, begins: bool, shift: Floats, total: list[Any]
) -> None:
    """Take the rows of a tile that no tile before had, p .. there; row m of it is place first + m.

    begins: whether this is the part's first chunk, whose first place is the shift.
    """
    if begins & (p == 0):
        for j in unroll(len(total)):
            store(shift + j * lanes(), acc[0][j])
    for m in unroll(len(acc)):
        if (first + m >= p) & (first + m < there):
            for j in unroll(len(total)):
                taken(acc[m][j], shift + j * lanes(), total[j])


@part
def put(y: Floats, row: list[Any], columns: int, TAIL: int, curve: str) -> None:
    """curve(a row of a tile), as many of its columns as there are, in the last vector TAIL."""
    for j in unroll(len(row)):
        v = curved(widened(row[j]), curve)
        if columns - j * lanes() >= lanes():
            store(y + j * lanes(), v)
        elif columns - j * lanes() > 0:
            store_part(y + j * lanes(), v, TAIL)


@task
def pack(
    begin: int,
    end: int,
    w: Floats,
    bias: Floats,
    packed: Floats,
    taps: Longs,
    count: int,
    outputs: int,
    stride: int,
    group_stride: int,
    width: int,
) -> None:
    """Lay weights out as `correlate` reads them: packed[block, k, j] = w[taps[k], column j].

    stride: between outputs of w; width: of a block. Row `count` of a block is the bias.
    """
    blocks = (outputs + width - 1) // width
    for block in range(begin, end):
        group, column = block // blocks, block % blocks * width
        there = min(width, outputs - column)
        source = w + (group * group_stride + column * stride)
        to = packed + block * (count + 1) * width
        for k in range(count):
            row = source + taps[k]
            if stride == 1:
                copy(row, to + k * width, there)
            else:
                for j in range(there):
                    to[k * width + j] = row[j * stride]
            for j in range(there, width):
                to[k * width + j] = 0.0
        for j in range(width):
            to[count * width + j] = 0.0
        if bias is not None:
            for j in range(there):
                to[count * width + j] = bias[group * outputs + column + j]


# -- backward to w ---------------------------------------------------------------------------------
@task
def filter_gradient(
    begin: int,
    end: int,
    slot: int,
    x: Floats,
    dy: Floats,
    sums: Floats,
    sums_size: int,
    rooms: Floats,
    room_size: int,
    route: Longs,
    places: Longs,
    taps: Longs,
    count: int,
    groups: int,
    inputs: int,
    outputs: int,
    *,
    KB: int,
    WIDE: int,
    copied: bool,
) -> None:
    """sums[slot][group, k, o] += sum over the places of chunks begin .. end of x[place + tap k] dy.

    sums (slots, groups, count up to a multiple of KB, then a row for dy alone, width), zero before;
    taps: as many as rows, the last one repeated.
    """
    blocks = (outputs + WIDE - 1) // WIDE
    tiles = (count + KB - 1) // KB
    ld, every = groups * outputs, blocks * WIDE
    for unit in range(begin, end):
        source, there, to = chunk(x, rooms + slot * room_size, route, unit, copied)
        for block in range(groups * blocks):
            group, column = block // blocks, block % blocks * WIDE
            left = outputs - column
            v = dy + (to + group * outputs + column)
            s = sums + (slot * sums_size + group * (tiles * KB + 1) * every + column)
            for t in range(tiles):
                at = [source + (taps[t * KB + m] + group * inputs) for m in unroll(KB)]
                acc = outer(at, places, there, v, ld, left, WIDE)
                for m in unroll(KB):
                    for j in unroll(len(acc[m])):
                        row = s + ((t * KB + m) * every + j * lanes())
                        store(row, load(row, width(acc[m][j])) + acc[m][j])
            for begins, _ in pieces(WIDE, lanes()):
                below = s + (tiles * KB * every + begins)
                add_rows(v + begins, below, there, ld, left - begins)


@part
def add_rows(v: Floats, total: Floats, count: int, ld: int, columns: int) -> None:
    """total += the sum of `count` rows of v, of which LANES columns or fewer are there."""
    acc = splat(0.0)
    if columns >= lanes():
        for p in range(count):
            acc += load(v + p * ld)
        store(total, load(total) + acc)
    elif columns > 0:
        for p in range(count):
            acc += load_part(v + p * ld, columns)
        store_part(total, load_part(total, columns) + acc, columns)


# -- what depends on shapes alone ------------------------------------------------------------------
NEAR = 4096  # floats of a chunk of the source: half of the nearest cache
PLACES = 64  # of a chunk, at least


def cut(rows: Axis, cols: Axis, source: Size3, result: Size3, batch: int, threads: int) -> Walk:
    """Cut a batch into chunks: bands of rows of one image, or a few whole small images."""
    copied = not (rows.inside(source[0]) and cols.inside(source[1]))
    most = max(PLACES, NEAR // (source[2] * rows.step * cols.step))
    images, band = 1, rows.places
    if rows.places * cols.places > most:
        bands = -(-rows.places // max(1, most // cols.places))
        band = -(-rows.places // bands)
    else:
        images = max(1, min(most // (rows.places * cols.places), batch // (2 * threads)))
    return Walk(rows, cols, images, band, source, result, copied)


class Sweep:
    """One walk with its tables: everything about a sum but the arrays."""

    def __init__(self, way: Walk, batch: int, groups: int) -> None:
        self.way, self.groups = way, groups
        self.inputs, self.outputs = way.source[2] // groups, way.result[2] // groups
        self.route, self.places, self.taps = way.numbers(batch), way.places(), way.taps(self.inputs)
        self.units, self.room, self.copied = way.chunks(batch), way.room, way.copied
        places = batch * way.rows.places * way.cols.places
        self.work = places * len(self.taps) * way.result[2] / 4
        self._offsets: dict[tuple[int, ...], Any] = {}

    def tile(self, rows: int, spread: bool) -> Tile:
        """The tile of a sum with these rows, and as many columns as a group has outputs."""
        return best_tile(rows, self.outputs, host().lanes, host().registers, spread)

    @cached_property
    def block(self) -> Tile:
        """The tile of `correlate`, and the columns of a block of filters."""
        return self.tile(self.places.shape[1], spread=False)

    def weight_offsets(self, high: int, wide: int, channel: int) -> Any:
        """Each tap's offset in weights with these strides, in floats."""
        key = (high, wide, channel)
        if key not in self._offsets:
            a = np.array([index for index, _ in self.way.rows.taps])[:, None, None] * high
            b = np.array([index for index, _ in self.way.cols.taps])[:, None] * wide
            c = np.arange(self.inputs) * channel
            self._offsets[key] = (a + b + c).ravel().astype(np.int64)
        return self._offsets[key]

    def gather(
        self, x: Array, w: Array, turned: bool, bias: Array | None, y: Array, todo: list[Launch],
        sums: bool = False,
    ) -> Sums | None:  # fmt: skip
        """y = the sum; w (O, C/G, KH, KW), inputs and outputs exchanged where `turned`.

        Gives the sums of its channels where they are wanted and their columns lie side by side.
        """
        wide = self.block.wide
        columns = -(-self.outputs // wide) * wide  # of a group's blocks
        taken = None
        if sums and (self.groups == 1 or columns == self.outputs):
            taken = room(launch.parts(self.units, self.work), self.groups * columns)
        packed, pack = self._packing(w, turned, bias)
        todo.append(pack)
        todo.append(self.apply(x, packed, y, "none", memory.empty, taken))
        return taken

    def packed(self, w: Array, turned: bool, bias: Array | None) -> Array:
        """Filters and bias as `apply` takes them."""
        packed, pack = self._packing(w, turned, bias)
        run_all([pack])
        return packed

    def _packing(self, w: Array, turned: bool, bias: Array | None) -> tuple[Array, Launch]:
        width, count = self.block.wide, len(self.taps)
        blocks = self.groups * -(-self.outputs // width)
        first, second, high, wide = (n // 4 for n in w.strides)
        per_group = first * (self.inputs if turned else self.outputs)
        column, channel = (second, first) if turned else (first, second)
        packed = memory.empty((blocks, count + 1, width))
        offsets = self.weight_offsets(high, wide, channel)
        pieces = launch.parts(blocks, 8 * packed.size)
        sizes = (count, self.outputs, column, per_group, width)
        return packed, (pack.compiled(), (blocks, pieces, w, bias, packed, offsets, *sizes))

    def apply(
        self, x: Array, packed: Array, y: Array, curve: str, empty: Empty, sums: Sums | None = None
    ) -> Launch:
        """y = curve(the sum); with room for them, the sums of all columns of its blocks."""
        tile, count = self.block, len(self.taps)
        parts = launch.parts(self.units, self.work)
        rooms = empty((parts, self.room))
        constants = {"TAIL": self.outputs % host().lanes, "copied": self.copied}
        constants |= {"MB": tile.rows, "WIDE": tile.wide, "SUMS": sums is not None}
        run = correlate.compiled(curve=curve, **constants)
        return run, (
            self.units, parts, x, packed, y, rooms, self.room, self.route, self.places,
            self.places.shape[1], self.taps, count, self.groups, self.inputs, self.outputs,
            *(sums or (None, None)),
        )  # fmt: skip

    @cached_property
    def _rows(self) -> tuple[Tile, Any]:
        """The tile of dw, and taps for all rows of its tiles."""
        tile, count = self.tile(len(self.taps), spread=True), len(self.taps)
        return tile, np.pad(self.taps, (0, -count % tile.rows), "edge")

    def filters(self, x: Array, dy: Array, todo: list[Launch]) -> Array:
        """What each part adds up for dw, and for the sum of dy; see `collected`."""
        (tile, taps), count = self._rows, len(self.taps)
        parts = launch.parts(self.units, self.work)
        columns = -(-self.outputs // tile.wide) * tile.wide
        size = self.groups * (len(taps) + 1) * columns
        sums = memory.zeros((parts, self.groups, len(taps) + 1, columns))
        rooms = memory.empty((parts, self.room))
        run = filter_gradient.compiled(KB=tile.rows, WIDE=tile.wide, copied=self.copied)
        todo.append((run, (
            self.units, parts, x, dy, sums, size, rooms, self.room, self.route,
            self.places, taps, count, self.groups, self.inputs, self.outputs,
        )))  # fmt: skip
        return sums

    def collected(self, sums: Array) -> Array:
        """(G, K + 1, O/G): dw for each tap and, in the last row, the sum of dy."""
        for other in sums[1:]:
            sums[0] += other
        return sums[0, :, :, : self.outputs]
