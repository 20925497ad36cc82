"""The parts of `winograd.py`: where tiles lie, how they come in and go out, and what is between.

C channels, O outputs, H W height width, OH OW those of y; a grid: rows of vectors
V (36, tiles, C), Z and M (36, tiles, O), U (36, C, O), with 16 floats between the 36 matrices
OUT: a tile is OUT x OUT places of y; TAIL: channels behind the last whole vector, a multiple of 4
"""

from __future__ import annotations

from typing import Any

from glassnet.kernels.cook_toom import LAST, SIDE, Matrix, collected, evaluated
from glassnet.kernels.cook_toom import on_both_sides as both
from glassnet.kernels.direct import copy, zero
from glassnet.kernels.microkernel import multiply_in, pieces, strided
from glassnet.kernels.statistics import add_wide, counted, put_down, taken
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Longs,
    fma,
    lanes,
    load,
    part,
    select,
    splat,
    store,
    unroll,
    widened,
    width,
)

POSITIONS = SIDE * SIDE
Pair = tuple[int, int]
Grid = list[list[Any]]

# What kernels know of a convolution, in this order: DOWN, ACROSS: tiles along height and width;
# TALL, BROAD: those of them with OUT rows, with OUT columns; TOP, LEFT: padding; HIGH, WIDE: the
# image with zeros around it, as far as tiles see, or 0 where it is not copied as a whole
H, W, C, OH, OW, O, TOP, LEFT, DOWN, ACROSS, TALL, BROAD, HIGH, WIDE = range(14)


# -- where tiles lie -------------------------------------------------------------------------------
def cover(length: int, out: int) -> Pair:
    """Into how many tiles a length is cut, and how many are of `out`; the others have one less."""
    count = -(-length // out)
    return count, max(length - (out - 1) * count, 0)


@part
def index_of(q: int, sizes: Longs) -> list[int]:
    """Tile q: its image, which it is along height, which along width."""
    across, down = sizes[ACROSS], sizes[DOWN]
    return [q // (down * across), q // across % down, q % across]


@part
def step_on(index: list[int], sizes: Longs) -> None:
    """From one tile to the next, without a division, which takes as long as twenty products."""
    index[2] = index[2] + 1
    row_ends = int(index[2] == sizes[ACROSS])
    index[2] = index[2] * (1 - row_ends)
    index[1] = index[1] + row_ends
    image_ends = int(index[1] == sizes[DOWN])
    index[1] = index[1] * (1 - image_ends)
    index[0] = index[0] + image_ends


@part
def place(index: list[int], sizes: Longs, OUT: int) -> list[int]:
    """A tile's image, first row, first column, and whether it has OUT rows, OUT columns."""
    n, i, j = index
    row, column = OUT * i - max(i - sizes[TALL], 0), OUT * j - max(j - sizes[BROAD], 0)
    return [n, row, column, int(i < sizes[TALL]), int(j < sizes[BROAD])]


# Position (i, j) is needed by all tiles, by those with OUT rows (i is the last), with OUT columns,
# or with both; the tiles that need it have its matrix's rows 0, 1, 2, ...
def kind(i: int, j: int) -> int:
    """Which tiles need a position: 0 all, 1 with OUT rows, 2 with OUT columns, 3 with both."""
    return (i == LAST) + 2 * (j == LAST)


@part
def one_more(counts: list[int], tile: list[int]) -> list[int]:
    """How many tiles of each kind there are after one more."""
    tall, broad = tile[3], tile[4]
    return [counts[0] + 1, counts[1] + tall, counts[2] + broad, counts[3] + tall * broad]


@part
def rows_of(counts: list[int], i: int, j: int) -> int:
    """How many tiles need position (i, j), which is not known now."""
    last = counts[3] if j == LAST else counts[1]
    other = counts[2] if j == LAST else counts[0]
    return last if i == LAST else other


@part
def apart(rows: int, width: int) -> int:
    """From one position's matrix to the next: 16 more, so that they use different cache lines."""
    return rows * width + 16


# -- steps 1 and 3: tiles in and out ---------------------------------------------------------------
@part
def read(source: Floats, row: int, pixel: int, side: int, count: int) -> Grid:
    """A square grid of vectors of `count` numbers, from pixels `row` and `pixel` numbers apart."""
    return [[load(source + i * row + j * pixel, count) for j in unroll(side)] for i in unroll(side)]


@part
def scatter(grid: Grid, V: Floats, every: int, rows: list[int]) -> None:
    """One vector to each of the 36 matrices, to the row that the tile has there."""
    for i in unroll(SIDE):
        for j in unroll(SIDE):
            store(V + (i * SIDE + j) * every + rows[kind(i, j)], grid[i][j])


@part
def gather(M: Floats, every: int, rows: list[int], count: int) -> Grid:
    """One vector of `count` numbers from each of the 36 matrices."""
    return [
        [load(M + (i * SIDE + j) * every + rows[kind(i, j)], count) for j in unroll(SIDE)]
        for i in unroll(SIDE)
    ]


@part
def around(x: Floats, n: int, sizes: Longs, room: Floats) -> None:
    """Copy image n with zeros around it, so that no tile looks beyond its edge."""
    channels, row = sizes[C], sizes[WIDE] * sizes[C]
    before, there = sizes[LEFT] * channels, sizes[W] * channels
    for a in range(sizes[HIGH]):
        h, to = a - sizes[TOP], room + a * row
        if (h < 0) | (h >= sizes[H]):
            zero(to, row)
        else:
            zero(to, before)
            copy(x + (n * sizes[H] + h) * there, to + before, there)
            zero(to + before + there, row - before - there)


@part
def cut_out(image: Floats, top: int, left: int, sizes: Longs, cut: Floats, TAIL: int) -> None:
    """Copy the 6 x 6 pixels from (top, left) on, with zeros for those outside of the image."""
    channels = sizes[C]
    before = min(max(-left, 0), SIDE) * channels
    end = max(min(SIDE, sizes[W] - left) * channels, before)
    for a in range(SIDE):
        h, to = top + a, cut + a * SIDE * channels
        there = (h >= 0) & (h < sizes[H])
        row = image + (h * sizes[W] + left) * channels
        first, last = select(there, before, 0), select(there, end, 0)
        fill(to, 0, first, TAIL)
        for c in range(first, last - (last - first) % lanes(), lanes()):
            store(to + c, load(row + c))
        for c in range(last - (last - first) % lanes(), last, 4):
            store(to + c, load(row + c, 4))
        fill(to, last, SIDE * channels, TAIL)


@part
def fill(to: Floats, begin: int, end: int, TAIL: int) -> None:
    """Zeros from `begin` to `end`, which are multiples of LANES without a TAIL, else of 4."""
    count = 4 if TAIL else lanes()
    for c in range(begin, end, count):
        store(to + c, splat(0.0, count))


@part
def transform_in(
    x: Floats, tile: list[int], sizes: Longs, cut: Floats, V: Floats, every: int,
    counts: list[int], B: Matrix, TAIL: int,
) -> None:  # fmt: skip
    """Step 1 for one tile: V = B^T d B; cut: a tile, or the image with what is around it."""
    top, left, channels = tile[1] - sizes[TOP], tile[2] - sizes[LEFT], sizes[C]
    image = x + tile[0] * sizes[H] * sizes[W] * channels
    pixels, row = cut, SIDE * channels
    if sizes[HIGH] > 0:
        pixels, row = cut + (tile[1] * sizes[WIDE] + tile[2]) * channels, sizes[WIDE] * channels
    elif (top >= 0) & (left >= 0) & (top + SIDE <= sizes[H]) & (left + SIDE <= sizes[W]):
        pixels, row = image + (top * sizes[W] + left) * channels, sizes[W] * channels
    else:
        cut_out(image, top, left, sizes, cut, TAIL)
    rows = [count * channels for count in counts]
    for c in range(0, channels - TAIL, lanes()):
        grid = read(pixels + c, row, channels, SIDE, lanes())
        scatter(both(evaluated, B, grid), V + c, every, rows)
    for at, count in pieces(TAIL, lanes()):
        c = channels - TAIL + at
        grid = read(pixels + c, row, channels, SIDE, count)
        scatter(both(evaluated, B, grid), V + c, every, rows)


@part
def extent(tile: list[int], sizes: Longs, OUT: int) -> tuple[int, int, int]:
    """Where a tile of y begins in it, and how many rows and columns of it are there."""
    n, row, column, tall, broad = tile
    to = ((n * sizes[OH] + row) * sizes[OW] + column) * sizes[O]
    return to, min(OUT - 1 + tall, sizes[OH] - row), min(OUT - 1 + broad, sizes[OW] - column)


@part
def transform_dy(
    dy: Floats, tile: list[int], sizes: Longs, Z: Floats, every: int, counts: list[int],
    sums: Doubles, A: Matrix, TAIL: int,
) -> None:  # fmt: skip
    """Step 1 for one tile of dy: Z = A dy A^T, with 0 for what is not there; sums (O) += dy."""
    here = extent(tile, sizes, len(A[0]))
    outputs = sizes[O]
    rows = [count * outputs for count in counts]
    for o in range(0, outputs - TAIL, lanes()):
        grid = read_there(dy + o, here, sizes, len(A[0]), lanes())
        scatter(both(evaluated, A, grid), Z + o, every, rows)
        if sums is not None:
            add_wide(sums + o, total_of(grid))
    for at, count in pieces(TAIL, lanes()):
        o = outputs - TAIL + at
        grid = read_there(dy + o, here, sizes, len(A[0]), count)
        scatter(both(evaluated, A, grid), Z + o, every, rows)
        if sums is not None:
            add_wide(sums + o, total_of(grid))


@part
def total_of(grid: Grid) -> Any:
    """The sum of all vectors of a grid, row by row."""
    rows = [row[0] for row in grid]
    for i in unroll(len(grid)):
        for v in grid[i][1:]:
            rows[i] = rows[i] + v
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    return total


@part
def read_there(dy: Floats, here: tuple[int, int, int], sizes: Longs, OUT: int, count: int) -> Grid:
    """The places of a tile of dy, with 0 for what is not there."""
    begin, high, wide = here
    row = sizes[OW] * sizes[O]
    grid = [[splat(0.0, count) for _ in unroll(OUT)] for _ in unroll(OUT)]
    if (high == OUT) & (wide == OUT):
        for i in unroll(OUT):
            for j in unroll(OUT):
                grid[i][j] = load(dy + begin + i * row + j * sizes[O], count)
    else:
        for i in unroll(OUT):
            for j in unroll(OUT):
                if (high > i) & (wide > j):
                    grid[i][j] = load(dy + begin + i * row + j * sizes[O], count)
    return grid


@part
def transform_out(
    M: Floats, every: int, counts: list[int], tile: list[int], sizes: Longs, bias: Floats,
    y: Floats, seen: list[Any], shift: Floats, sums: Doubles, A: Matrix, TAIL: int, SUMS: bool,
) -> None:  # fmt: skip
    """Step 3 for one tile: y = A^T M A + bias; seen[0] becomes NaN where that is not finite.

    With SUMS its places go into the sums of this part (`statistics.py`).
    """
    begin, high, wide = extent(tile, sizes, len(A[0]))
    here, outputs = (begin, high, wide), sizes[O]
    rows = [count * outputs for count in counts]
    for o in range(0, outputs - TAIL, lanes()):
        grid = both(collected, A, gather(M + o, every, rows, lanes()))
        put(grid, bias + o, y + o, here, sizes, seen, shift + o, sums + o, SUMS)
    for at, count in pieces(TAIL, lanes()):
        o = outputs - TAIL + at
        grid = both(collected, A, gather(M + o, every, rows, count))
        put(grid, bias + o, y + o, here, sizes, seen, shift + o, sums + o, SUMS)
    if SUMS:
        counted(sums, outputs, high * wide)


@part
def put(
    grid: Grid, bias: Floats, y: Floats, here: tuple[int, int, int], sizes: Longs,
    seen: list[Any], shift: Floats, sums: Doubles, SUMS: bool,
) -> None:  # fmt: skip
    """y = grid + bias where the tile has places, and their sums."""
    begin, high, wide = here
    OUT, row, count = len(grid), sizes[OW] * sizes[O], width(grid[0][0])
    more = load(bias, count)
    all_of = [splat(0.0, count) for _ in unroll(2)]  # in turn, so that none waits for the last
    total = [[splat(0.0, count), splat(0.0, count)] for _ in unroll(2)]
    if (high == OUT) & (wide == OUT):  # mostly, and without a question at each place
        for i in unroll(OUT):
            for j in unroll(OUT):
                to = y + begin + i * row + j * sizes[O]
                put_one(grid[i][j] + more, to, all_of, shift, total, j % 2, SUMS)
    else:
        for i in unroll(OUT):
            for j in unroll(OUT):
                if (high > i) & (wide > j):
                    to = y + begin + i * row + j * sizes[O]
                    put_one(grid[i][j] + more, to, all_of, shift, total, j % 2, SUMS)
    seen[0] = fma(widened(all_of[0] + all_of[1]), 0.0, seen[0])
    if SUMS:
        put_down(sums, sizes[O], [total[0][k] + total[1][k] for k in unroll(2)])


@part
def put_one(
    value: Any, y: Floats, all_of: list[Any], shift: Floats, total: list[list[Any]], k: int,
    SUMS: bool,
) -> None:  # fmt: skip
    """y = value, which goes into sum k of those that show what is not finite, and of channels."""
    store(y, value)
    all_of[k] = all_of[k] + value
    if SUMS:
        taken(value, shift, total[k])


@part
def first_place(
    M: Floats, every: int, sizes: Longs, bias: Floats, shift: Floats, A: Matrix, TAIL: int
) -> None:
    """The first place of the tile in the first rows of M, as the shift of sums."""
    none = [sizes[O] - sizes[O] for _ in unroll(4)]
    for o in range(0, sizes[O] - TAIL, lanes()):
        grid = both(collected, A, gather(M + o, every, none, lanes()))
        store(shift + o, grid[0][0] + load(bias + o))
    for at, count in pieces(TAIL, lanes()):
        o = sizes[O] - TAIL + at
        grid = both(collected, A, gather(M + o, every, none, count))
        store(shift + o, grid[0][0] + load(bias + o, count))


# -- step 2: products of matrices ------------------------------------------------------------------
@part
def multiply(
    V: Floats, U: Floats, M: Floats, rows: int, sizes: Longs, o: int, MB: int, panel: list[Pair]
) -> None:
    """A panel of columns of M = V U, from o on; V and M have room for MB rows more."""
    channels, outputs = sizes[C], sizes[O]
    zero = [[splat(0.0, count) for _, count in panel] for _ in unroll(MB)]
    for m in range(0, rows, MB):
        at = [V + (m + i) * channels for i in unroll(MB)]
        acc = strided(at, 1, channels, U + o * channels, zero)
        for i in unroll(MB):
            for j in unroll(len(panel)):
                store(M + (m + i) * outputs + o + panel[j][0], acc[i][j])


@part
def add_outer(
    V: Floats, Z: Floats, dU: Floats, rows: int, sizes: Longs, MB: int, panel: list[Pair]
) -> None:
    """dU[c, o] += the sum over rows of V[t, c] Z[t, o], for a panel of columns, MB channels a time.

    There are no channels beyond a multiple of MB.
    """
    channels, outputs = sizes[C], sizes[O]
    for c in range(0, channels, MB):
        acc = [[splat(0.0, count) for _, count in panel] for _ in unroll(MB)]
        for t in range(rows):
            row = [load(Z + t * outputs + at, count) for at, count in panel]
            multiply_in([V + c + i for i in unroll(MB)], t * channels, row, acc)
        for i in unroll(MB):
            for j in unroll(len(panel)):
                at = dU + (c + i) * outputs + panel[j][0]
                store(at, load(at, panel[j][1]) + acc[i][j])
