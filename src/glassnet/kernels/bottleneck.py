"""Three convolutions in a row without what lies between them: the twin of `bottleneck`.

    x (N, H, W, C) -> 1 x 1 -> T (.., E) -> a filter a channel -> U (.., E) -> 1 x 1 -> y (.., O)

E is several times C and O, so that T and U are most of what a network like EfficientNet would move
through memory. Here they stay in the second cache. A unit of work is a band of rows of y, and in it
one panel of the E channels comes after the other, as many as a tile of registers has columns:

1. what the band sees of x times the panel's filters goes to T, with zeros around it where windows
   look over the edge (`spread_out`);
2. the panel's windows slide over T (`slide`): a tile of places of one row stays in registers with a
   row of taps, and nobody asks whether a pixel is inside of the image;
3. when CHUNK panels of U are there they are multiplied with their rows of the last filters and
   added to what y has from the panels before (`draw_in`).

Where bands would see too many rows twice (few images, small maps, several threads) the panels are
shared out among the threads instead, U is written down, and the last product is `pointwise.py`'s.
Each sum runs over the same numbers in the same order as layer by layer, to the same last bit.
"""

from __future__ import annotations

import itertools
from functools import cached_property, lru_cache, partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from glassnet.kernels.activation import curved
from glassnet.kernels.compile import task
from glassnet.kernels.conv_act import CURVES, conv2d_act_backward, conv2d_act_forward
from glassnet.kernels.direct import put
from glassnet.kernels.dispatch import register
from glassnet.kernels.geometry import Window, window
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, nchw, nhwc, single
from glassnet.kernels.microkernel import ask_for, best_tile, pieces, some, strided
from glassnet.kernels.pointwise import in_panels, kept, product
from glassnet.kernels.ready import Bind, Empty, Launch, Ready
from glassnet.kernels.target import host
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.vector import Floats, Longs, fma, lanes, load, part, store, unroll

Shape = tuple[int, ...]
WIDEST = 7  # filter, whose taps of a row are all in registers
ROOM = 100_000  # floats of T and U in the second cache
DEEP = 64  # channels of a chunk, at least, so that y is not read and written too often
DEEPER = 240  # and at most
MOVED = 16  # multiply-adds that a number of U costs which is written down and read again

# What kernels know of a block, in this order. BAND rows of y in BANDS of an image; PANELS of E,
# CHUNK at a time; AREA floats of T, whose rows have WIDE pixels; TOP: rows above the image
H, W, C, HIGH, ACROSS, O, BAND, BANDS, PANELS, CHUNK, AREA, WIDE, TOP = range(13)


# -- the three steps -------------------------------------------------------------------------------
@part
def spread_out(
    x: Floats, w: Floats, T: Floats, places: Longs, count: int, C: int, MB: int, NB: int, curve: str
) -> None:
    """T[places[p]] = curve(bias + x[p] w) for `count` pixels; w (C + 1, NB LANES), bias last."""
    width = NB * lanes()
    bias = [load(w + C * width + j * lanes()) for j in unroll(NB)]
    for p in range(0, count, MB):
        ask_for(w + (C + 1) * width, p // MB, (count + MB - 1) // MB, (C + 1) * width)
        rows = [min(p + i, count - 1) for i in unroll(MB)]
        acc = strided([x + row * C for row in rows], 1, C, w, [list(bias) for _ in unroll(MB)])
        for i in unroll(MB):
            to = T + places[rows[i]]
            for j in unroll(NB):
                store(to + j * lanes(), curved(acc[i][j], curve))


@part
def slide(
    T: Floats, w: Floats, U: Floats, rows: int, columns: int, wide: int, every: int,
    K: tuple[int, int], S: int, PB: int, NB: int, curve: str,
) -> None:  # fmt: skip
    """U[i, j] = curve(bias + sum over a, b of T[i S + a, j S + b] w[a, b]) for NB LANES channels.

    T has `wide` pixels of NB LANES floats a row, U a pixel in `every` floats; w (KH KW + 1, NB
    LANES), the bias last. The last tile of a row moves back to end with it.
    """
    width = NB * lanes()
    for i in range(rows):
        for next_ in range(0, columns, PB):
            j = min(next_, columns - PB)
            for v in range(NB):
                bias = load(w + (K[0] * K[1] * NB + v) * lanes())
                acc = [bias for _ in unroll(PB)]
                for a in unroll(K[0]):
                    seen = T + (((i * S + a) * wide + j * S) * width + v * lanes())
                    taps = [load(w + ((a * K[1] + b) * NB + v) * lanes()) for b in unroll(K[1])]
                    for q in unroll((PB - 1) * S + K[1]):
                        pixel = load(seen + q * width)
                        for m in unroll(PB):
                            if q - m * S >= 0 and q - m * S < K[1]:
                                acc[m] = fma(pixel, taps[q - m * S], acc[m])
                for m in unroll(PB):
                    to = U + ((i * columns + j + m) * every + v * lanes())
                    store(to, curved(acc[m], curve))


@part
def draw_in(
    U: Floats, every: int, depth: int, w: Floats, ahead: Floats, bias: Floats, y: Floats, r: Floats,
    to: int, columns: int, count: int, O: int, first: bool, last: bool,
    MB: int, WIDE: int, TAIL: int,
) -> None:  # fmt: skip
    """y[p, :columns] += U[p, :depth] w of `count` pixels; instead of y, the bias where `first`.

    y and r from `to` on. Where it is the `last` chunk and there is an r, y = the sum + r.
    """
    for p in range(0, count, MB):
        ask_for(ahead, p // MB, (count + MB - 1) // MB, depth * WIDE)
        rows = [min(p + i, count - 1) for i in unroll(MB)]
        start = [load(bias + at, wide) for at, wide in pieces(WIDE, lanes())]
        acc = [list(start) for _ in unroll(MB)]
        if not first:
            for i in unroll(MB):
                before = some(y + (to + rows[i] * O), columns, WIDE)
                for j in unroll(len(before)):
                    acc[i][j] = before[j]
        sums = strided([U + row * every for row in rows], 1, depth, w, acc)
        if last & (r is not None):
            for i in unroll(MB):
                more = some(r + (to + rows[i] * O), columns, WIDE)
                for j in unroll(len(more)):
                    sums[i][j] = sums[i][j] + more[j]
        for i in unroll(MB):
            put(y + (to + rows[i] * O), sums[i], columns, TAIL, "none")


@part
def zero(p: Floats, count: int) -> None:
    """p[:count] = 0, count a multiple of LANES."""
    for i in range(0, count, lanes()):
        store(p + i, 0.0)


@task
def bands(
    begin: int, end: int, slot: int, x: Floats, w1: Floats, w2: Floats, w3: Floats, y: Floats,
    r: Floats, rooms: Floats, room: int, places: Longs, sizes: Longs,
    *, M1: int, N1: int, M3: int, W3: int, TAIL: int, K: tuple[int, int], S: int, PB: int,
    curve: str,
) -> None:  # fmt: skip
    """Bands `begin` to `end` of y = w3(w2(w1(x))) + r, all images' one after the other.

    w1 (PANELS, C + 1, N1 LANES), w2 (PANELS, KH KW + 1, N1 LANES), w3 (.., E + 1, W3), the
    biases last; places: where T has the pixels of a band of x; rooms: for T and U, one a slot.
    """
    width = N1 * lanes()
    T = rooms + slot * room
    U = T + sizes[AREA]
    every, deep, outputs = sizes[CHUNK] * width, sizes[PANELS] * width, sizes[O]
    for unit in range(begin, end):
        n, row = unit // sizes[BANDS], unit % sizes[BANDS] * sizes[BAND]
        rows = min(sizes[BAND], sizes[HIGH] - row)
        h0, h1 = row * S - sizes[TOP], (row + rows - 1) * S - sizes[TOP] + K[0]
        low, high = max(0, h0), min(sizes[H], h1)
        if (unit == begin) | (low > h0) | (high < h1):
            zero(T, sizes[AREA])
        seen = x + (n * sizes[H] + low) * sizes[W] * sizes[C]
        inside = T + (low - h0) * sizes[WIDE] * width
        at = (n * sizes[HIGH] + row) * sizes[ACROSS] * outputs
        for chunk in range(0, sizes[PANELS], sizes[CHUNK]):
            some = min(sizes[CHUNK], sizes[PANELS] - chunk)
            for k in range(some):
                one = w1 + (chunk + k) * (sizes[C] + 1) * width
                two = w2 + (chunk + k) * (K[0] * K[1] + 1) * width
                count = (high - low) * sizes[W]
                spread_out(seen, one, inside, places, count, sizes[C], M1, N1, curve)
                slide(
                    T, two, U + k * width, rows, sizes[ACROSS], sizes[WIDE], every, K, S, PB, N1,
                    curve,
                )  # fmt: skip
            for column in range(0, outputs, W3):
                panel = w3 + column * (deep + 1)
                weights = panel + chunk * width * W3
                draw_in(
                    U, every, some * width, weights, weights + (deep + 1) * W3,
                    panel + deep * W3, y, r, at + column, outputs - column,
                    rows * sizes[ACROSS], outputs, chunk == 0, chunk + some == sizes[PANELS],
                    M3, W3, TAIL,
                )  # fmt: skip


@task
def channels(
    begin: int, end: int, slot: int, x: Floats, w1: Floats, w2: Floats, u: Floats,
    rooms: Floats, room: int, places: Longs, sizes: Longs,
    *, M1: int, N1: int, K: tuple[int, int], S: int, PB: int, curve: str,
) -> None:  # fmt: skip
    """Panels `begin` to `end` of u = w2(w1(x)), all images' one after the other; u (.., E)."""
    width = N1 * lanes()
    T = rooms + slot * room
    every, pixels = sizes[PANELS] * width, sizes[HIGH] * sizes[ACROSS]
    zero(T, sizes[AREA])
    for unit in range(begin, end):
        n, k = unit // sizes[PANELS], unit % sizes[PANELS]
        one = w1 + k * (sizes[C] + 1) * width
        two = w2 + k * (K[0] * K[1] + 1) * width
        count = sizes[H] * sizes[W]
        inside = T + sizes[TOP] * sizes[WIDE] * width
        spread_out(
            x + n * count * sizes[C], one, inside, places, count, sizes[C], M1, N1, curve
        )  # fmt: skip
        to = u + (n * pixels * every + k * width)
        slide(T, two, to, sizes[HIGH], sizes[ACROSS], sizes[WIDE], every, K, S, PB, N1, curve)


# -- what depends on shapes alone ------------------------------------------------------------------
class Cut(NamedTuple):
    """A batch in bands of so many rows, each in chunks of so many panels."""

    band: int
    chunk: int


class Block:
    """A bottleneck of given shapes: x (N, C, H, W), E channels inside, O outputs."""

    def __init__(self, x: Shape, wide: int, outputs: int, win: Window, threads: int) -> None:
        self.batch, self.channels, self.size = x[0], x[1], (x[2], x[3])
        self.wide, self.outputs, self.window = wide, outputs, win
        self.out = win.places(*self.size)
        machine = (host().lanes, host().registers, True)
        self.spread = best_tile(x[2] * x[3], wide, *machine, whole=True)
        self.draw = best_tile(self.out[0] * self.out[1], outputs, *machine)
        self.width = self.spread.vectors * host().lanes
        self.widths = (self.width, self.draw.wide)
        self.panels = wide // self.width
        self.top, self.left = win.padding[0][0], win.padding[1][0]
        self.row = max(self.left + x[3], (self.out[1] - 1) * win.stride[1] + win.kernel[1])
        self.cut = self._cut(threads)

    def seen(self, band: int) -> int:
        """Rows of T that a band of y sees; all rows of x, too, where it is the whole image."""
        rows = (band - 1) * self.window.stride[0] + self.window.kernel[0]
        return max(rows, self.top + self.size[0]) if band == self.out[0] else rows

    def area(self, band: int) -> int:
        """Floats of T."""
        return self.seen(band) * self.row * self.width

    def chunk(self, band: int) -> int:
        """Panels of U that there is room for, beside T; 0 where they are too few."""
        least, most = (min(self.panels, -(-n // self.width)) for n in (DEEP, DEEPER))
        there = (ROOM - self.area(band)) // (band * self.out[1] * self.width)
        return min(most, there) if there >= least else 0

    @property
    def work(self) -> int:
        """Multiply-adds of an image."""
        taps, pixels = prod(self.window.kernel), prod(self.out)
        return self.wide * (prod(self.size) * self.channels + pixels * (taps + self.outputs))

    def _cut(self, threads: int) -> Cut | None:
        """Into the bands that take the least time; None where it is less to share out panels."""
        high = self.out[0]
        fitting = [band for band in range(high, 0, -1) if self.chunk(band)]
        band = min(fitting, key=lambda band: self._cost(band, threads), default=0)
        shared = self.work + MOVED * prod(self.out) * self.wide
        if not band or (threads > 1 and shared < self._cost(band, threads)):
            return None
        return Cut(band, self.chunk(band))

    def _cost(self, band: int, threads: int) -> float:
        """Multiply-adds of an image in bands, as many times as the busiest thread has its share."""
        high = self.out[0]
        rows = np.tile([min(band, high - row) for row in range(0, high, band)], self.batch)
        ends = [t * len(rows) // threads for t in range(threads + 1)]
        busiest = max(rows[i:j].sum() for i, j in itertools.pairwise(ends))
        twice = -(-high // band) * self.seen(band) - self.seen(high)  # rows of x
        more = twice * self.size[1] * self.channels * self.wide
        return float((self.work + more) * busiest * threads / rows.sum())

    @cached_property
    def tables(self) -> tuple[Array, Array]:
        """The places of pixels in T, and the numbers that the kernels read, in their order."""
        band, chunk = self.cut or (self.out[0], self.panels)
        rows, columns = np.divmod(np.arange(self.seen(band) * self.size[1]), self.size[1])
        places = (rows * self.row + self.left + columns) * self.width
        sizes = (
            *self.size, self.channels, *self.out, self.outputs, band, -(-self.out[0] // band),
            self.panels, chunk, self.area(band), self.row, self.top,
        )  # fmt: skip
        return places.astype(np.int64), np.array(sizes, np.int64)

    def constants(self, curve: str) -> dict[str, Any]:
        """What both kernels are compiled for."""
        kernel, stride, columns = self.window.kernel, self.window.stride[0], self.out[1]
        tile = {"M1": self.spread.rows, "N1": self.spread.vectors, "PB": places_at_once(columns)}
        return {**tile, "K": kernel, "S": stride, "curve": curve}

    def ready(self, laid_out: Filters, curve: str) -> Ready:
        """Forward with these filters."""
        return Ready((self._by_panels if self.cut is None else self._by_bands)(laid_out, curve))

    def _by_bands(self, laid_out: Filters, curve: str) -> Bind:
        assert self.cut is not None
        (band, chunk), (places, sizes) = self.cut, self.tables
        last = {"M3": self.draw.rows, "W3": self.draw.wide, "TAIL": self.outputs % host().lanes}
        run = bands.compiled(**last, **self.constants(curve))
        units, shape = self.batch * int(sizes[BANDS]), (self.batch, *self.out, self.outputs)
        room = self.area(band) + band * self.out[1] * chunk * self.width

        def bind(x: Array, r: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
            slots = parts(units, self.batch * self.work / 4)
            y, rooms = empty(shape), empty((slots, room))
            arguments = (units, slots, x, *laid_out, y, r, rooms, room, places, sizes)
            return nchw(y), [(run, arguments)]

        return bind

    def _by_panels(self, laid_out: Filters, curve: str) -> Bind:
        places, sizes = self.tables
        run = channels.compiled(**self.constants(curve))
        units, room = self.batch * self.panels, self.area(self.out[0])
        shape = (self.batch, *self.out)
        last = (prod(shape), self.wide, self.outputs)

        def bind(x: Array, r: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
            slots = parts(units, self.batch * self.work / 4)
            y, u, rooms = (
                empty(s) for s in ((*shape, self.outputs), (*shape, self.wide), (slots, room))
            )
            arguments = (units, slots, x, *laid_out[:2], u, rooms, room, places, sizes)
            then = product(last, u, laid_out.draw, self.draw, r, y, "none")
            return nchw(y), [(run, arguments), then]

        return bind


def places_at_once(columns: int) -> int:
    """A tile of a row of so many places: the one that computes the fewest twice, of 4 to 8."""
    return min(
        range(min(4, columns), min(8, columns) + 1), key=lambda n: (-(-columns // n) * n, -n)
    )


@lru_cache(maxsize=512)
def block(
    x: Shape, wide: int, outputs: int, kernel: Shape, stride: Any, padding: Any, threads: int
) -> Block | None:
    """The bottleneck of these shapes; None where the parts have to run."""
    win = window(kernel, stride, padding)
    if win is None or wide % host().lanes or not all((*x, wide, outputs)):
        return None
    slides = win.stride[0] == win.stride[1] and max(kernel) <= WIDEST
    inside = all(max(sides) < k for sides, k in zip(win.padding, kernel, strict=True))
    if not slides or not inside or min(win.places(*x[2:])) < 1:
        return None
    return Block(x, wide, outputs, win, threads)


class Filters(NamedTuple):
    """The filters of the three steps in panels, their biases behind them."""

    spread: Array
    slide: Array
    draw: Array


def filters(
    w1: Array, b1: Array | None, w2: Array, b2: Array | None, w3: Array, b3: Array | None,
    widths: tuple[int, int],
) -> Filters:  # fmt: skip
    """Lay the filters out as the kernels read them; widths: of panels of E, and of O."""
    each = w2[:, 0].transpose(1, 2, 0).reshape(-1, len(w2))  # (KH KW, E)
    return Filters(
        in_panels(w1[:, :, 0, 0].T, b1, widths[0]),
        in_panels(each, b2, widths[0]),
        in_panels(w3[:, :, 0, 0].T, b3, widths[1]),
    )


# -- the twin --------------------------------------------------------------------------------------
def prepare(
    x: Array, w1: Array, b1: Array | None, w2: Array, b2: Array | None, w3: Array,
    b3: Array | None, residual: Array | None = None, stride: Any = 1, padding: Any = 0,
    activation: str = "relu6",
) -> Ready:  # fmt: skip
    """Its forward for these shapes and filters."""
    made = _block(x, w1, w2, w3, stride, padding)
    assert made is not None
    laid_out = partial(filters, widths=made.widths)
    return made.ready(kept((w1, b1, w2, b2, w3, b3), made.widths, laid_out), activation)


def bottleneck_forward(
    x: Array, w1: Array, b1: Array | None, w2: Array, b2: Array | None, w3: Array,
    b3: Array | None, residual: Array | None = None, stride: Any = 1, padding: Any = 0,
    activation: str = "relu6",
) -> tuple[Array, Any]:  # fmt: skip
    """y = w3 f(w2 f(w1 x)) + residual."""
    x, r = nchw(nhwc(x)), None if residual is None else nchw(nhwc(residual))
    arrays = (w1, b1, w2, b2, w3, b3)
    y = prepare(x, *arrays, r, stride, padding, activation)(x, r)
    return y, (x, arrays, residual is not None, stride, padding, activation)


def bottleneck_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True,) * 8
) -> tuple[Array | None, ...]:
    """The parts' gradients, from the last to the first; what lay between is computed again."""
    x, (w1, b1, w2, b2, w3, b3), added, stride, padding, curve = cache
    t, one = conv2d_act_forward(x, w1, b1, activation=curve)
    u, two = conv2d_act_forward(t, w2, b2, None, stride, padding, groups=len(w2), activation=curve)
    _, three = conv2d_act_forward(u, w3, b3, activation="none")
    du, dw3, db3 = conv2d_act_backward(dy, three, (True, *needs[5:7]))
    assert du is not None
    dt, dw2, db2 = conv2d_act_backward(du, two, (True, *needs[3:5]))
    assert dt is not None
    dx, dw1, db1 = conv2d_act_backward(dt, one, needs[:3])
    return dx, dw1, db1, dw2, db2, dw3, db3, dy if added else None


def _block(x: Array, w1: Array, w2: Array, w3: Array, stride: Any, padding: Any) -> Block | None:
    sizes = (x.shape, len(w1), len(w3), w2.shape[2:], stride, padding)
    return block(*sizes, get_num_threads())


def _serves(
    x: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, residual: Any = None,
    stride: Any = 1, padding: Any = 0, activation: str = "relu6",
) -> bool:  # fmt: skip
    if not single(x, w1, b1, w2, b2, w3, b3, residual) or activation not in CURVES:
        return False
    if not x.ndim == w1.ndim == w2.ndim == w3.ndim == 4:
        return False
    e, o = len(w1), len(w3)
    shapes = w1.shape == (e, x.shape[1], 1, 1) and w3.shape == (o, e, 1, 1)
    biases = all(b is None or b.shape == (n,) for b, n in ((b1, e), (b2, e), (b3, o)))
    if not shapes or not biases or w2.shape[:2] != (e, 1):
        return False
    try:
        made = _block(x, w1, w2, w3, stride, padding)
    except TypeError:  # a list where a tuple could be: the page takes both
        return False
    if made is None:
        return False
    return residual is None or residual.shape == (len(x), o, *made.out)


register("bottleneck", bottleneck_forward, bottleneck_backward, _serves, prepare, (0, 7))
