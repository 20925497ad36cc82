"""Convolution with 3 x 3 or 5 x 5 filters, stride 1, by fewer products [Lavin & Gray 2015].

    N batch, C channels, O outputs, H W height width, OH OW those of y; image (N, H, W, C), w HWIO
    a tile: 4 x 4 places of y, for which 6 x 6 pixels of x are needed; p: one of 6 x 6 positions

`cook_toom.py` has the identity: four outputs of a row by six multiplications. In two dimensions

    y = A^T [ (G w G^T) * (B^T d B) ] A     d the 6 x 6 pixels of a tile, w 3 x 3, * entry by entry

takes 36 multiplications for a tile, channel and filter, where the sum of the page `ops/conv.py` has
144. With 5 x 5 filters the same 6 x 6 pixels give 2 x 2 places of y, and 36 stand in place of 100.
The sum over channels stands between the brackets: for each of the 36 positions it is a product
of matrices, which is where the time goes. Three steps for a block of tiles, small enough to stay in
the cache:

    1  V[p] (tiles, C) = B^T d B     2  M[p] = V[p] U[p], U[p] (C, O) = G w G^T     3  y = A^T M A

dx is the same with filters turned round and C and O exchanged. dw is the transpose in w:
dw = G^T [ sum over tiles of V^T (A dy A^T) ] G, with step 2 as sums of outer products.

A last row or column that is not there needs no point at infinity: tiles of 3 are tiles of 4 for
which those products are left out. So 7 = 4 + 3 and 14 = 4 + 4 + 3 + 3 waste nothing. With 5 x 5
filters tiles are of 2 and 1.

Channels and outputs are multiples of 4. What is left of them behind whole vectors is taken in
vectors of a half or a quarter as many lanes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from glassnet.kernels import memory, statistics
from glassnet.kernels.compile import task
from glassnet.kernels.cook_toom import MATRICES, SIDE, collected, evaluated, outputs_of
from glassnet.kernels.cook_toom import on_both_sides as both
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, no_bias
from glassnet.kernels.microkernel import pieces
from glassnet.kernels.ready import Launch
from glassnet.kernels.statistics import ROOM, Sums
from glassnet.kernels.target import host
from glassnet.kernels.turn import turn_one
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Longs,
    fma,
    lanes,
    load,
    narrow,
    part,
    splat,
    store,
    sum_lanes,
    to_doubles,
    unroll,
    widened,
)
from glassnet.kernels.winograd_tiles import (
    HIGH,
    POSITIONS,
    C,
    O,
    Pair,
    add_outer,
    apart,
    around,
    cover,
    first_place,
    index_of,
    multiply,
    one_more,
    place,
    read,
    rows_of,
    step_on,
    transform_dy,
    transform_in,
    transform_out,
)

BLOCK = 48  # tiles at a time
NEAR = 8192  # floats of an image that is copied as a whole


@part
def hold(x: Floats, n: int, held: list[int], sizes: Longs, room: Floats) -> None:
    """Have image n with zeros around it in the room, where images are copied as a whole."""
    if (sizes[HIGH] > 0) & (held[0] != n):
        around(x, n, sizes, room)
    held[0] = n


# -- the tasks -------------------------------------------------------------------------------------
@task
def filter_tiles(
    begin: int, end: int, slot: int, x: Floats, U: Floats, bias: Floats, y: Floats,
    work: Floats, each: int, sizes: Longs, bad: Floats, shifts: Floats, sums: Doubles,
    *, TAPS: int, IN: int, WIDE: int, REST: int, MB: int, SUMS: bool,
) -> None:  # fmt: skip
    """Steps 1 to 3 for tiles `begin` to `end` of all images, a block at a time.

    IN: channels behind the last whole vector; outputs are taken in panels of WIDE, and
    the last or only one of REST.
    """
    A, B, OUT = MATRICES[TAPS].A, MATRICES[TAPS].B, outputs_of(TAPS)
    to_v, to_m = apart(BLOCK + MB, sizes[C]), apart(BLOCK + MB, sizes[O])
    V = work + slot * each
    M = V + POSITIONS * to_v
    cut = M + POSITIONS * to_m
    TAIL = (WIDE + REST) % lanes()  # of the outputs
    shift, mine = shifts + slot * sizes[O], sums + slot * (2 * sizes[O] + ROOM)
    seen, held = [splat(0.0)], [begin - begin - 1]
    for first in range(begin, end, BLOCK):
        counts = [first - first for _ in unroll(4)]
        index, again = index_of(first, sizes), index_of(first, sizes)
        for _ in range(first, min(first + BLOCK, end)):
            tile = place(index, sizes, OUT)
            hold(x, index[0], held, sizes, cut)
            transform_in(x, tile, sizes, cut, V, to_v, counts, B, IN)
            counts[0], counts[1], counts[2], counts[3] = one_more(counts, tile)
            step_on(index, sizes)
        for p in range(POSITIONS):
            v, u, m = V + p * to_v, U + p * apart(sizes[C], sizes[O]), M + p * to_m
            rows = rows_of(counts, p // SIDE, p % SIDE)
            if WIDE:
                for o in range(0, sizes[O] - REST, WIDE):
                    multiply(v, u, m, rows, sizes, o, MB, pieces(WIDE, lanes()))
            if REST:
                multiply(v, u, m, rows, sizes, sizes[O] - REST, MB, pieces(REST, lanes()))
        if SUMS and first == begin:
            first_place(M, to_m, sizes, bias, shift, A, TAIL)
        done = [first - first for _ in unroll(4)]
        for _ in range(first, min(first + BLOCK, end)):
            there = place(again, sizes, OUT)
            transform_out(
                M, to_m, done, there, sizes, bias, y, seen, shift, mine, A, TAIL, SUMS
            )  # fmt: skip
            done[0], done[1], done[2], done[3] = one_more(done, there)
            step_on(again, sizes)
    bad[slot] = sum_lanes(seen[0])


@task
def outer_tiles(
    begin: int, end: int, slot: int, x: Floats, dy: Floats, dU: Floats, sums: Doubles,
    work: Floats, each: int, sizes: Longs, *, TAPS: int, IN: int, WIDE: int, REST: int, MB: int,
) -> None:  # fmt: skip
    """dU[p] = the sum of V^T Z over tiles `begin` to `end`, and, unless sums is None, sums += dy.

    Of both there is one for each slot; sums (slots, O) are 0 before.

    MB divides the channels; the rest as in `filter_tiles`.
    """
    A, B, OUT = MATRICES[TAPS].A, MATRICES[TAPS].B, outputs_of(TAPS)
    to_v, to_z = apart(BLOCK + MB, sizes[C]), apart(BLOCK + MB, sizes[O])
    V = work + slot * each
    Z = V + POSITIONS * to_v
    cut = Z + POSITIONS * to_z
    size = sizes[C] * sizes[O]
    mine, total = dU + slot * POSITIONS * size, sums
    if sums is not None:
        total = sums + slot * sizes[O]
    for k in range(0, POSITIONS * size, lanes()):
        store(mine + k, splat(0.0))
    held = [begin - begin - 1]
    for first in range(begin, end, BLOCK):
        counts, index = [first - first for _ in unroll(4)], index_of(first, sizes)
        for _ in range(first, min(first + BLOCK, end)):
            tile = place(index, sizes, OUT)
            hold(x, index[0], held, sizes, cut)
            transform_in(x, tile, sizes, cut, V, to_v, counts, B, IN)
            transform_dy(dy, tile, sizes, Z, to_z, counts, total, A, (WIDE + REST) % lanes())
            counts[0], counts[1], counts[2], counts[3] = one_more(counts, tile)
            step_on(index, sizes)
        for p in range(POSITIONS):
            v, z, to = V + p * to_v, Z + p * to_z, mine + p * size
            rows = rows_of(counts, p // SIDE, p % SIDE)
            if WIDE:
                for o in range(0, sizes[O] - REST, WIDE):
                    add_outer(v, z + o, to + o, rows, sizes, MB, pieces(WIDE, lanes()))
            if REST:
                o = sizes[O] - REST
                add_outer(v, z + o, to + o, rows, sizes, MB, pieces(REST, lanes()))


@task
def transform_filters(
    begin: int, end: int, w: Floats, U: Floats, channels: int, outputs: int,
    *, TAPS: int, WIDE: int, REST: int,
) -> None:  # fmt: skip
    """U[p] = G w G^T of channels `begin` to `end`, in panels of outputs as in `filter_tiles`."""
    every = channels * outputs
    for c in range(begin, end):
        source = w + c * outputs
        if WIDE:
            for panel in range(0, outputs - REST, WIDE):
                to = U + panel * channels + c * WIDE
                for at, count in pieces(WIDE, lanes()):
                    one_filter(source + panel + at, to + at, every, count, TAPS)
        for at, count in pieces(REST, lanes()):
            rest = outputs - REST
            to = U + rest * channels + c * REST
            one_filter(source + rest + at, to + at, every, count, TAPS)


@part
def one_filter(w: Floats, U: Floats, every: int, count: int, TAPS: int) -> None:
    """G w G^T for one channel and a vector of outputs."""
    taps = read(w, TAPS * every, every, TAPS, count)
    grid = both(evaluated, MATRICES[TAPS].G, [[to_doubles(v) for v in row] for row in taps])
    for p in unroll(POSITIONS):
        store(U + p * apart(every, 1), narrow(grid[p // SIDE][p % SIDE]))


@task
def collect_filters(
    begin: int, end: int, slot: int, dU: Floats, dw: Floats, channels: int, outputs: int,
    slots: int, bad: Floats, *, TAPS: int, TAIL: int,
) -> None:  # fmt: skip
    """dw = G^T (the sum of dU over the slots) G, of channels `begin` to `end`."""
    every, seen = channels * outputs, [splat(0.0)]
    for c in range(begin, end):
        at = c * outputs
        for o in range(0, outputs - TAIL, lanes()):
            one_gradient(dU + at + o, dw + at + o, every, slots, seen, lanes(), TAPS)
        for begins, count in pieces(TAIL, lanes()):
            o = outputs - TAIL + begins
            one_gradient(dU + at + o, dw + at + o, every, slots, seen, count, TAPS)
    bad[slot] = sum_lanes(seen[0])


@part
def one_gradient(
    dU: Floats, dw: Floats, every: int, slots: int, seen: list[Any], count: int, TAPS: int
) -> None:
    """G^T dU G for one channel and a vector of outputs."""
    grid = [[to_doubles(v) for v in row] for row in read(dU, SIDE * every, every, SIDE, count)]
    for s in range(1, slots):
        other = dU + s * POSITIONS * every
        for p in unroll(POSITIONS):
            more = to_doubles(load(other + p * every, count))
            grid[p // SIDE][p % SIDE] = grid[p // SIDE][p % SIDE] + more
    taps = both(collected, MATRICES[TAPS].G, grid)
    for k in unroll(TAPS * TAPS):
        value = narrow(taps[k // TAPS][k % TAPS])
        store(dw + k * every, value)
        seen[0] = fma(widened(value), 0.0, seen[0])


# -- filters turned round --------------------------------------------------------------------------
@task
def turn_filters(
    begin: int, end: int, w: Floats, turned: Floats, channels: int, outputs: int, taps: int
) -> None:
    """turned[last - i, last - j, o, c] = w[i, j, c, o], for taps begin .. end of K K."""
    size = channels * outputs
    for tap in range(begin, end):
        turn_one(w + tap * size, turned + (taps - 1 - tap) * size, channels, outputs)


# -- when it is worth it ---------------------------------------------------------------------------
def pays(batch: int, channels: int, outputs: int, out: Pair, taps: int) -> bool:
    """Whether this way is faster than the direct one for such filters, all passes in sum.

    Measured (`make bench`): 1.3 (8 channels) to 2.5 times (64 and more) as fast as direct sums.
    With fewer channels tiles take longer to transform than to multiply, with fewer tiles filters.
    """
    each = outputs_of(taps)
    tiles = batch * cover(out[0], each)[0] * cover(out[1], each)[0]
    fits = channels % 4 == 0 == outputs % 4 and min(out) >= each - 1
    return fits and min(channels, outputs) >= 8 and tiles >= 16


# -- the three passes ------------------------------------------------------------------------------
@cache
def tile_size() -> Pair:
    """MB rows by NB vectors of the inner loops, for the registers of this machine."""
    return (6, 2) if host().registers == 16 else (12, 2)


def constants(channels: int, outputs: int, taps: int) -> dict[str, int]:
    """What `filter_tiles` is compiled for; `outer_tiles` has another MB."""
    rows, vectors = tile_size()
    most = vectors * host().lanes
    wide, rest = (most, outputs % most) if outputs > most else (0, outputs)
    return {"TAPS": taps, "IN": channels % host().lanes, "WIDE": wide, "REST": rest, "MB": rows}


def divisor(count: int, most: int) -> int:
    """The largest number up to `most` that divides a count."""
    return max(n for n in range(1, most + 1) if count % n == 0)


def around_all(images: tuple[int, ...], out: Pair, pads: Pair, taps: int) -> Pair:
    """The size of an image with what tiles see around it; 0 where tiles are better cut out singly.

    Tiles at the edge are copied with zeros, or the whole image is, if that has fewer pixels and
    stays in the nearest cache.
    """
    sizes, inner = [], 1
    for length, size, pad in zip(out, images[1:3], pads, strict=True):
        count, full = cover(length, outputs_of(taps))
        starts = [outputs_of(taps) * i - max(i - full, 0) for i in range(count)]
        sizes.append(starts[-1] + SIDE)
        inner *= sum(start - pad >= 0 and start - pad + SIDE <= size for start in starts)
        if pad < 0 or pad + size > sizes[-1]:
            return 0, 0
    tiles = cover(out[0], outputs_of(taps))[0] * cover(out[1], outputs_of(taps))[0]
    pixels = sizes[0] * sizes[1]
    whole = pixels < POSITIONS * (tiles - inner) and pixels * images[3] <= NEAR
    return (sizes[0], sizes[1]) if whole else (0, 0)


class Tiles:
    """A sum by tiles, y of x, with everything about it but the arrays.

    Its passes run nothing: they hand out arrays and put the launches that fill them to `todo`.

    images: the shape of x (N, H, W, C); y (N, OH, OW, O), out (OH, OW); pads: above, at the left.
    """

    def __init__(
        self, images: tuple[int, ...], outputs: int, out: Pair, pads: Pair, taps: int
    ) -> None:
        n, h, w, c = images
        (down, tall), (across, broad) = (cover(length, outputs_of(taps)) for length in out)
        high, wide = around_all(images, out, pads, taps)
        sizes = (h, w, c, *out, outputs, *pads, down, across, tall, broad, high, wide)
        self.sizes, self.count = np.array(sizes, np.int64), n * down * across
        self.taps, self.channels, self.result = taps, c, (n, *out, outputs)
        self.products = self.count * POSITIONS * c * outputs
        # V, M, and one tile that is cut out of the image, or the image with zeros around it
        self.room = POSITIONS * ((BLOCK + tile_size()[0]) * (c + outputs) + 32)
        self.room += max(POSITIONS, high * wide) * c
        self.flags = constants(c, outputs, taps)
        self.outer_flags = self.flags | {"MB": divisor(c, self.flags["MB"])}

    def filters(self, w: Array, todo: list[Launch]) -> Array:
        """U of w (K, K, C, O): the filters at the 36 positions, as `apply` reads them."""
        c, o, flags = self.channels, self.result[3], self.flags
        U = memory.empty((POSITIONS, c * o + 16))
        run = transform_filters.compiled(TAPS=self.taps, WIDE=flags["WIDE"], REST=flags["REST"])
        todo.append((run, (c, parts(c, U.size), w, U, c, o)))
        return U

    def apply(
        self, x: Array, U: Array, bias: Array | None, todo: list[Launch], sums: bool = False
    ) -> tuple[Array, Array, Sums | None]:
        """y, whether it is `finite`, and where they are wanted the sums of its channels.

        Where a result is not finite a number of the tile was not, or overflowed on the way, and
        what became of its neighbours is wrong.
        """
        y, slots = memory.empty(self.result), parts(self.count, self.products / 4)
        work, bad = memory.empty((slots, self.room)), np.empty(slots, np.float32)
        taken = statistics.room(slots, self.result[3]) if sums else None
        bias = no_bias(self.result[3]) if bias is None else bias
        run = filter_tiles.compiled(SUMS=sums, **self.flags)
        more = (work, self.room, self.sizes, bad, *(taken or (None, None)))
        todo.append((run, (self.count, slots, x, U, bias, y, *more)))
        return y, bad, taken

    def gradient(
        self, x: Array, dy: Array, biased: bool, todo: list[Launch]
    ) -> tuple[Array, Array, Array | None]:
        """dw (K, K, C, O), whether it is `finite`, and where `biased` sums of dy (parts, O)."""
        c, o, slots = self.channels, self.result[3], parts(self.count, self.products / 4)
        work, dU = memory.empty((slots, self.room)), memory.empty((slots, POSITIONS * c * o))
        dw, many = memory.empty((self.taps, self.taps, c, o)), parts(c, dU.size)
        bad, sums = np.empty(many, np.float32), np.zeros((slots, o)) if biased else None
        run = outer_tiles.compiled(**self.outer_flags)
        todo.append((run, (self.count, slots, x, dy, dU, sums, work, self.room, self.sizes)))
        collect = collect_filters.compiled(TAPS=self.taps, TAIL=o % host().lanes)
        todo.append((collect, (c, many, dU, dw, c, o, slots, bad)))
        return dw, bad, sums


def finite(bad: Array) -> bool:
    """Whether all parts of the work found nothing but finite numbers."""
    return all(map(math.isfinite, bad.tolist()))


def turned(w: Array, todo: list[Launch]) -> Array:
    """w (K, K, C, O) with each filter turned by 180 degrees, as (K, K, O, C)."""
    taps, _, c, o = w.shape
    made, units = memory.empty((taps, taps, o, c)), taps * taps
    run = turn_filters.compiled()
    todo.append((run, (units, parts(units, 2 * w.size), w, made, c, o, units)))
    return made
