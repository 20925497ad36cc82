"""The inner loops that the large kernels share: a tile of results that stays in registers.

Convolution and matrix products are sums of products in which each number that is loaded should be
used many times before it is forgotten. A tile of MB rows by NB vectors of LANES columns lives in
MB NB registers (accumulators); a step of the sum loads NB vectors and MB single numbers and does
MB NB multiply-adds with them. A processor of today starts two of those in a cycle and each takes
four, so that eight must be under way at once; and it loads two vectors or numbers in a cycle, so
that a tile should have as many multiply-adds as loads, or more. With 16 registers 6 x 2 is best
(12 accumulators, 2 vectors, 1 number), with 32 there is room for 8 x 3.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from glassnet.kernels.vector import (
    Floats,
    Longs,
    fma,
    lanes,
    load,
    load_part,
    lowest,
    part,
    prefetch,
    shuffle,
    splat,
    unroll,
    width,
)


class Tile(NamedTuple):
    """A tile's rows, columns in vectors and in numbers, and the cycles for all of a result."""

    rows: int
    vectors: int
    wide: int  # where one tile has all columns its last vector is as narrow as they allow
    cycles: float


LINE = 16  # floats
AROUND = 0.5  # cycles a step of the loop itself, and of what is done before and after it


@cache
def best_tile(
    rows: int, columns: int, lane_count: int, registers: int, spread: bool, whole: bool = False
) -> Tile:
    """The tile that computes a step of a (rows, columns) result in the fewest cycles.

    spread: rows past the end are computed and thrown away (else the last tile moves up, so that
    only the number of tiles counts); whole: there are no columns past the end, for which columns
    have to be a multiple of lanes. Each row needs an address in an integer register: 8 at most.
    """
    needed = -(-columns // lane_count)
    tiles = []
    for vectors in range(1, min(needed, 4) + 1):
        if whole and columns % (vectors * lane_count):
            continue
        for high in range(1, min(8, (registers - vectors - 1) // vectors) + 1):
            cycles = max(high * vectors / 2, (high + vectors + 1) / 2, 4) + AROUND
            count = -(-needed // vectors) * (-(-rows // high) if spread else max(1, rows / high))
            wide = min(vectors * lane_count, filled(columns, lane_count))
            tiles.append(Tile(high, vectors, wide, cycles * count))
    return min(tiles, key=lambda tile: (round(tile.cycles, 6), -tile.rows * tile.vectors))


# A half or a quarter of a register costs half as many cycles on some processors, and nothing more
# on the others: a row of 20 numbers is a vector of 16 and one of 4.
def filled(columns: int, lane_count: int) -> int:
    """Columns in whole vectors and one with half, a quarter, ... of the lanes, 4 at least."""
    last = lane_count
    while last > 4 and 0 < columns % lane_count <= last // 2:
        last //= 2
    return columns + -columns % last


def pieces(count: int, lane_count: int) -> list[tuple[int, int]]:
    """Vectors that fill `count` numbers, a multiple of 4: (where each begins, how wide it is)."""
    found, begin, wide = [], 0, lane_count
    while begin < count:
        if count - begin >= wide:
            found.append((begin, wide))
            begin += wide
        else:
            wide //= 2
    return found


@part
def gathered(at: list[Floats], taps: Longs, count: int, w: Floats, start: list[Any]) -> Any:
    """acc[m][j] = start[j] + sum over k < count of at[m][taps[k]] * w[k, j].

    Row m of the tile begins at the address at[m], and taps[k] is what entry k of the sum is away
    from there: an image is a matrix with a row for each window, which nobody needs to write down.
    w (count, columns), contiguous; start: vectors that are as wide as the columns together.
    """
    acc = [list(start) for _ in at]
    for k in range(count):
        multiply_in(at, taps[k], row_from(w + k * until(start, len(start)), start), acc)
    return acc


@part
def row_from(p: Floats, like: list[Any]) -> list[Any]:
    """Vectors side by side from p on, as wide as those of `like`."""
    return [load(p + until(like, j), width(like[j])) for j in unroll(len(like))]


@part
def until(row: list[Any], count: int) -> int:
    """The numbers in the first `count` vectors of a row; known now."""
    return sum([width(v) for v in row[:count]])


@part
def outer(
    at: list[Floats], places: Longs, count: int, v: Floats, ld: int, columns: int, WIDE: int
) -> Any:
    """acc[m][j] = sum over p < count of at[m][places[p]] * v[p, j]; v has `ld` floats a row.

    The sum runs over the places of an image: row m of the tile is one weight's view of it.
    columns: those of v that are there; where they are fewer than WIDE, the rest of acc is anything
    at all.
    """
    row = pieces(WIDE, lanes())
    acc = [[splat(0.0, wide) for _, wide in row] for _ in at]
    over = max(0, WIDE - columns)
    whole = max(0, count - (over + ld - 1) // ld)  # rows behind which `over` more numbers lie
    for p in range(whole):
        whole_row = [load(v + p * ld + begin, wide) for begin, wide in row]
        multiply_in(at, places[p], whole_row, acc)
    for p in range(whole, count):
        multiply_in(at, places[p], some(v + p * ld, columns, WIDE), acc)
    return acc


@part
def some(p: Floats, columns: int, WIDE: int) -> list[Any]:
    """Vectors of WIDE numbers from p on, of which `columns` are there, and read."""
    there = [max(0, min(columns - begin, lanes())) for begin, _ in pieces(WIDE, lanes())]
    wide = [count for _, count in pieces(WIDE, lanes())]
    return [
        lowest(load_part(p + j * lanes(), there[j]), wide[j]) for j in unroll(len(wide))
    ]  # fmt: skip


@part
def multiply_in(at: list[Floats], place: int, row: list[Any], acc: list[list[Any]]) -> None:
    """acc[m][j] += at[m][place] * row[j]."""
    for m in unroll(len(at)):
        x = at[m][place]
        for j in unroll(len(row)):
            acc[m][j] = fma(x, row[j], acc[m][j])


@part
def strided(at: list[Floats], every: int, count: int, w: Floats, start: list[list[Any]]) -> Any:
    """acc[m][j] = start[m][j] + sum over k < count of at[m][k every] * w[k, j]; w as above."""
    acc = [list(row) for row in start]
    place = 0
    for k in range(count):
        multiply_in(at, place, row_from(w + k * until(start[0], len(start[0])), start[0]), acc)
        place += every
    return acc


@part
def ask_for(p: Floats, turn: int, turns: int, count: int) -> None:
    """Ask for the share of this turn of `count` floats at p, which are not to be read before long.

    What is read in order a processor fetches ahead by itself, but only up to the next page.
    """
    share = (count + turns - 1) // turns
    for i in range(turn * share, min(turn * share + share, count), LINE):
        prefetch(p + i, 2)


@part
def dots(rows: list[Floats], columns: list[Floats], count: int, ask: bool, ahead: int) -> list[Any]:
    """The products of each row with each column, both `count` long, as LANES partial sums each.

    Where `ask` is set what lies `ahead` floats behind the columns is asked for meanwhile.
    """
    acc = [splat(0.0) for _ in unroll(len(rows) * len(columns))]
    whole = count - count % lanes()
    for k in range(0, whole, lanes()):
        if ask:
            for p in columns:
                prefetch(p + (k + ahead), 2)
        multiply_pairs([load(p + k) for p in rows], [load(p + k) for p in columns], acc)
    if whole < count:
        rest = count - whole
        a = [load_part(p + whole, rest) for p in rows]
        multiply_pairs(a, [load_part(p + whole, rest) for p in columns], acc)
    return acc


@part
def multiply_pairs(a: list[Any], b: list[Any], acc: list[Any]) -> None:
    """acc[i len(b) + j] += a[i] * b[j]."""
    for i in unroll(len(a)):
        for j in unroll(len(b)):
            acc[i * len(b) + j] = fma(a[i], b[j], acc[i * len(b) + j])


@part
def sum_each(vectors: list[Any]) -> list[Any]:
    """The sum across lanes of each of these vectors: number i in lane i % LANES of i // LANES.

    Two vectors become one with half as many partial sums of each, LANES become one with one.
    """
    sums = vectors + [splat(0.0)] * (-len(vectors) % lanes())
    for size in levels(lanes()):
        sums = [halve(sums[i], sums[i + 1], size) for i in unroll(0, len(sums), 2)]
    return sums


@part
def halve(a: Any, b: Any, size: int) -> Any:
    """Neighbours in blocks of `size` lanes added, first those of a, then those of b."""
    even, odd = neighbours(lanes(), size)
    return shuffle(a, b, even) + shuffle(a, b, odd)


def levels(lane_count: int) -> list[int]:
    """Block sizes of `sum_each`: inside of four lanes first, which is cheap, then fours."""
    return [1, 1] + [4] * (lane_count.bit_length() - 3)


def neighbours(lane_count: int, size: int) -> tuple[list[int], list[int]]:
    """Lane numbers (of a, then b) of even and odd blocks; inside of each four where size is 1."""
    span = 4 if size == 1 else lane_count
    even = [
        source * lane_count + begin + block * size + i
        for begin in range(0, lane_count, span)
        for source in (0, 1)
        for block in range(0, span // size, 2)
        for i in range(size)
    ]
    return even, [i + size for i in even]
