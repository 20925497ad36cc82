"""The parts of `winograd.py`: where tiles lie, how they come in and go out, and what is between.

C channels, O outputs, H W height width, OH OW those of y; a grid: rows of vectors of LANES
V (36, tiles, C), Z and M (36, tiles, O), U (36, C, O), with 16 floats between the 36 matrices
"""

from __future__ import annotations

from typing import Any

from glassnet.kernels.cook_toom import LAST, OUT, SIDE, A, B, collected, evaluated
from glassnet.kernels.cook_toom import on_both_sides as both
from glassnet.kernels.microkernel import multiply_in, strided
from glassnet.kernels.statistics import counted, put_down, taken
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Longs,
    fma,
    lanes,
    load,
    part,
    splat,
    store,
    unroll,
)

POSITIONS = SIDE * SIDE
Pair = tuple[int, int]
Grid = list[list[Any]]

# What kernels know of a convolution, in this order: DOWN, ACROSS: tiles along height and width;
# TALL, BROAD: those of them with 4 rows, with 4 columns; TOP, LEFT: padding
H, W, C, OH, OW, O, TOP, LEFT, DOWN, ACROSS, TALL, BROAD = range(12)


# -- where tiles lie -------------------------------------------------------------------------------
def cover(length: int) -> Pair:
    """Into how many tiles a length is cut, and how many of them are of 4; the others are of 3."""
    count = -(-length // OUT)
    return count, max(length - (OUT - 1) * count, 0)


@part
def place(q: int, sizes: Longs) -> list[int]:
    """Tile q: its image, first row, first column, and whether it has 4 rows, 4 columns."""
    across, down = sizes[ACROSS], sizes[DOWN]
    n, i, j = q // (down * across), q // across % down, q % across
    row, column = OUT * i - max(i - sizes[TALL], 0), OUT * j - max(j - sizes[BROAD], 0)
    return [n, row, column, int(i < sizes[TALL]), int(j < sizes[BROAD])]


# Position (i, j) is needed by all tiles, by those of 4 rows (i is the last), of 4 columns, or of
# both; the tiles that need it have its matrix's rows 0, 1, 2, ...
def kind(i: int, j: int) -> int:
    """Which tiles need a position: 0 all, 1 those of 4 rows, 2 those of 4 columns, 3 of both."""
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
def read(source: Floats, row: int, pixel: int, high: int, wide: int) -> Grid:
    """A grid of vectors, from pixels `row` and `pixel` numbers apart."""
    return [[load(source + i * row + j * pixel) for j in unroll(wide)] for i in unroll(high)]


@part
def scatter(grid: Grid, V: Floats, every: int, rows: list[int]) -> None:
    """One vector to each of the 36 matrices, to the row that the tile has there."""
    for i in unroll(SIDE):
        for j in unroll(SIDE):
            store(V + (i * SIDE + j) * every + rows[kind(i, j)], grid[i][j])


@part
def gather(M: Floats, every: int, rows: list[int]) -> Grid:
    """One vector from each of the 36 matrices."""
    return [
        [load(M + (i * SIDE + j) * every + rows[kind(i, j)]) for j in unroll(SIDE)]
        for i in unroll(SIDE)
    ]


@part
def cut_out(image: Floats, top: int, left: int, sizes: Longs, cut: Floats) -> None:
    """Copy the 6 x 6 pixels from (top, left) on, with zeros for those outside of the image."""
    channels = sizes[C]
    for a in range(SIDE):
        for b in range(SIDE):
            h, w, to = top + a, left + b, cut + (a * SIDE + b) * channels
            if (h >= 0) & (h < sizes[H]) & (w >= 0) & (w < sizes[W]):
                pixel = image + (h * sizes[W] + w) * channels
                for c in range(0, channels, lanes()):
                    store(to + c, load(pixel + c))
            else:
                for c in range(0, channels, lanes()):
                    store(to + c, splat(0.0))


@part
def transform_in(
    x: Floats, tile: list[int], sizes: Longs, cut: Floats, V: Floats, every: int, counts: list[int]
) -> None:
    """Step 1 for one tile: V = B^T d B."""
    top, left, channels = tile[1] - sizes[TOP], tile[2] - sizes[LEFT], sizes[C]
    image = x + tile[0] * sizes[H] * sizes[W] * channels
    pixels, row = cut, SIDE * channels
    if (top >= 0) & (left >= 0) & (top + SIDE <= sizes[H]) & (left + SIDE <= sizes[W]):
        pixels, row = image + (top * sizes[W] + left) * channels, sizes[W] * channels
    else:
        cut_out(image, top, left, sizes, cut)
    rows = [count * channels for count in counts]
    for c in range(0, channels, lanes()):
        grid = read(pixels + c, row, channels, SIDE, SIDE)
        scatter(both(evaluated, B, grid), V + c, every, rows)


@part
def extent(tile: list[int], sizes: Longs) -> tuple[int, int, int]:
    """Where a tile of y begins in it, and how many rows and columns of it are there."""
    n, row, column, tall, broad = tile
    to = ((n * sizes[OH] + row) * sizes[OW] + column) * sizes[O]
    return to, min(OUT - 1 + tall, sizes[OH] - row), min(OUT - 1 + broad, sizes[OW] - column)


@part
def transform_dy(
    dy: Floats, tile: list[int], sizes: Longs, Z: Floats, every: int, counts: list[int]
) -> None:
    """Step 1 for one tile of dy: Z = A dy A^T, with 0 for what is not there."""
    begin, high, wide = extent(tile, sizes)
    outputs, row = sizes[O], sizes[OW] * sizes[O]
    rows = [count * outputs for count in counts]
    for o in range(0, outputs, lanes()):
        if (high == OUT) & (wide == OUT):
            whole = read(dy + begin + o, row, outputs, OUT, OUT)
            scatter(both(evaluated, A, whole), Z + o, every, rows)
        else:
            grid = [[splat(0.0) for _ in unroll(OUT)] for _ in unroll(OUT)]
            for i in unroll(OUT):
                for j in unroll(OUT):
                    if (high > i) & (wide > j):
                        grid[i][j] = load(dy + begin + o + i * row + j * outputs)
            scatter(both(evaluated, A, grid), Z + o, every, rows)


@part
def transform_out(
    M: Floats, every: int, counts: list[int], tile: list[int], sizes: Longs,
    bias: Floats, y: Floats, seen: Any, shift: Floats, sums: Doubles, SUMS: bool,
) -> Any:  # fmt: skip
    """Step 3 for one tile: y = A^T M A + bias; `seen` becomes NaN where that is not finite.

    With SUMS its places go into the sums of this part (`statistics.py`).
    """
    begin, high, wide = extent(tile, sizes)
    outputs, row = sizes[O], sizes[OW] * sizes[O]
    rows = [count * outputs for count in counts]
    for o in range(0, outputs, lanes()):
        grid = both(collected, A, gather(M + o, every, rows))
        more = load(bias + o)
        total = [[splat(0.0), splat(0.0)] for _ in unroll(2)]  # in turn: additions need not wait
        for i in unroll(OUT):
            for j in unroll(OUT):
                if (high > i) & (wide > j):
                    value = grid[i][j] + more
                    store(y + begin + o + i * row + j * outputs, value)
                    seen = fma(value, 0.0, seen)
                    if SUMS:
                        taken(value, shift + o, total[j % 2])
        if SUMS:
            put_down(sums + o, outputs, [total[0][k] + total[1][k] for k in unroll(2)])
    if SUMS:
        counted(sums, outputs, high * wide)
    return seen


@part
def first_place(M: Floats, every: int, sizes: Longs, bias: Floats, shift: Floats) -> None:
    """The first place of the tile in the first rows of M, as the shift of sums."""
    none = [sizes[O] - sizes[O] for _ in unroll(4)]
    for o in range(0, sizes[O], lanes()):
        grid = both(collected, A, gather(M + o, every, none))
        store(shift + o, grid[0][0] + load(bias + o))


# -- step 2: products of matrices ------------------------------------------------------------------
@part
def multiply(
    V: Floats, U: Floats, M: Floats, rows: int, sizes: Longs, o: int, MB: int, NB: int
) -> None:
    """NB vectors of M = V U, from column o on; V and M have room for MB rows more."""
    channels, outputs = sizes[C], sizes[O]
    zero = [[splat(0.0) for _ in unroll(NB)] for _ in unroll(MB)]
    for m in range(0, rows, MB):
        at = [V + (m + i) * channels for i in unroll(MB)]
        acc = strided(at, 1, channels, U + o * channels, zero)
        for i in unroll(MB):
            for j in unroll(NB):
                store(M + (m + i) * outputs + o + j * lanes(), acc[i][j])


@part
def add_outer(V: Floats, Z: Floats, dU: Floats, rows: int, sizes: Longs, MB: int, NB: int) -> None:
    """dU[c, o] += the sum over rows of V[t, c] Z[t, o], for MB channels and NB vectors."""
    channels, outputs = sizes[C], sizes[O]
    acc = [[splat(0.0) for _ in unroll(NB)] for _ in unroll(MB)]
    for t in range(rows):
        row = [load(Z + t * outputs + j * lanes()) for j in unroll(NB)]
        multiply_in([V + i for i in unroll(MB)], t * channels, row, acc)
    for i in unroll(MB):
        for j in unroll(NB):
            at = dU + i * outputs + j * lanes()
            store(at, load(at) + acc[i][j])


@part
def add_panel(V: Floats, Z: Floats, dU: Floats, rows: int, sizes: Longs, MB: int, NB: int) -> None:
    """All channels for NB vectors of outputs: MB at a time, then what is left by twos."""
    channels, outputs = sizes[C], sizes[O]
    for c in range(0, channels - channels % MB, MB):
        add_outer(V + c, Z, dU + c * outputs, rows, sizes, MB, NB)
    for c in range(channels - channels % MB, channels, 2):
        add_outer(V + c, Z, dU + c * outputs, rows, sizes, 2, NB)
