"""Products of matrices the left one of which is mostly zeros: what is zero is never multiplied.

    y (M, N) = a b, a (M, K), b (K, N); or the sum of several a^T b, a (K, M), b (K, N)

A digit has ink in one pixel of seven. For each row of a the places and values of what is not zero
are written down, without a branch. Then a block of b, 8 vectors wide and 96 rows deep, is copied
side by side into the nearest cache, and what the rows of a take from it is added up in registers.
The last block of columns moves up so that it is whole too: what two blocks share comes out the same
in both. A sum goes from the first k to the last, whatever the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, single
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Floats,
    Ints,
    Longs,
    any_lane,
    fma,
    lanes,
    load,
    load_part,
    part,
    splat,
    store,
    unroll,
)

VECTORS = 8  # of a block
DEEP = 104
DENSE = 0.35  # the share of numbers that are not zero from which on BLAS is as fast
MOST_KEPT = 8  # shapes of products that memory is kept for
SCANNED = 64  # columns at once: where their entries go to stays in the nearest cache


@task
def list_rows(
    begin: int, end: int, a: Floats, places: Ints, values: Floats, counts: Longs, K: int
) -> None:
    """Entries of rows begin to end of a (M, K), counts[m] of them; behind the last stands K."""
    for m in range(begin, end):
        first = m * (K + 1)
        at = first + 0
        for k in range(K):
            value = a[m * K + k]
            places[at] = k
            values[at] = value
            at += int(value != 0.0)
        places[at] = K
        counts[m] = at - first


@task
def list_columns(
    begin: int, end: int, a: Floats, places: Ints, values: Floats, counts: Longs, M: int,
    row: int, rows: int, K: int,
) -> None:  # fmt: skip
    """Rows `row` to `row + rows` of the (K, M) whose columns these are, from a (rows, M).

    For groups begin to end of SCANNED columns; the lists (M, K) begin anew where row is 0.
    """
    for first in range(begin * SCANNED, min(end * SCANNED, M), SCANNED):
        last = min(first + SCANNED, M)
        if row == 0:
            for m in range(first, last):
                counts[m] = 0
        for k in range(rows):
            for group in range(first, last, lanes()):
                end_of_group = min(group + lanes(), last)
                if any_lane(load_part(a + (k * M + group), end_of_group - group) != 0.0):
                    for m in range(group, end_of_group):
                        value, at = a[k * M + m], m * (K + 1) + counts[m]
                        places[at] = row + k
                        values[at] = value
                        counts[m] = counts[m] + int(value != 0.0)
        for m in range(first, last):
            places[m * (K + 1) + counts[m]] = K


@task
def add_up(
    begin: int, end: int, slot: int, places: Ints, values: Floats, counts: Longs, y: Floats,
    rooms: Floats, cursors: Longs, M: int, N: int, K: int, b0: Floats, rows0: int, scale0: float,
    b1: Floats, rows1: int, scale1: float, b2: Floats, rows2: int, scale2: float, *, NB: int,
) -> None:  # fmt: skip
    """y[m, n] = sum over the entries of row m of value b[place, n], for blocks begin to end.

    b is b0, b1 and b2, times their scales, one below the other: K rows.
    """
    width = NB * lanes()
    room, cursor = rooms + slot * DEEP * width, cursors + slot * M
    below0, below1 = rows0, rows0 + rows1
    for block in range(begin, end):
        first = min(block * width, N - width)
        for m in range(M):
            cursor[m] = m * (K + 1)
        for k in range(0, K, DEEP):
            last = min(k + DEEP, K)
            copy(b0 + first, room, N, k, min(last, below0), scale0, NB)
            start = max(k, below0)
            copy(b1 + (first - below0 * N), room + (start - k) * width, N, start,
                 min(last, below1), scale1, NB)  # fmt: skip
            start = max(k, below1)
            copy(b2 + (first - below1 * N), room + (start - k) * width, N, start, last, scale2, NB)
            for m in range(M):
                at = y + (m * N + first)
                cursor[m] = add_row(places, values, room - k * width, at, cursor[m], k, last, NB)


@part
def copy(b: Floats, room: Floats, ld: int, begin: int, end: int, scale: float, NB: int) -> None:
    """Copy NB vectors of rows begin to end side by side, times `scale`."""
    for k in range(begin, end):
        for j in unroll(NB):
            at = room + ((k - begin) * NB + j) * lanes()
            store(at, load(b + k * ld + j * lanes()) * scale)


@part
def add_row(
    places: Ints, values: Floats, room: Floats, y: Floats, i: int, begin: int, end: int, NB: int
) -> int:
    """Add to y the entries from i on whose place is below `end`; gives the first that is not."""
    acc = [splat(0.0) for _ in unroll(NB)]
    if begin > 0:
        for j in unroll(NB):
            acc[j] = load(y + j * lanes())
    at = i + 0
    while places[at] < end:
        value, row = splat(values[at]), room + places[at] * (NB * lanes())
        for j in unroll(NB):
            acc[j] = fma(value, load(row + j * lanes()), acc[j])
        at += 1
    for j in unroll(NB):
        store(y + j * lanes(), acc[j])
    return at


Term = tuple[Array, Array, float]
NOTHING = (None, 0, 0.0)


class Lists(NamedTuple):
    """Places and values of what is not zero in each row of an (M, K), and how many there are."""

    places: Array
    values: Array
    counts: Array


_KEPT = threading.local()  # memory of a thread's last products; each is done when it returns


def kept(name: str, make: Callable[..., Any], *shape: int) -> Any:
    """make(*shape), or what it gave this thread for the same shape before."""
    held = vars(_KEPT).setdefault(name, {})
    found = held.get(shape)
    if found is None:
        if len(held) > MOST_KEPT:
            held.clear()
        found = held[shape] = make(*shape)
    return found


def lists(m: int, k: int) -> Lists:
    """Room for the entries of an (M, K)."""
    places = memory.empty((m, k + 1)).view(np.int32)
    return Lists(places, memory.empty((m, k + 1)), np.empty(m, np.int64))


def rooms(parts: int, m: int, width: int) -> tuple[Array, Array]:
    """Room for the blocks of b and the places reached, one for each part."""
    return memory.empty((parts, DEEP, width)), np.empty((parts, m), np.int64)


def times(a: Array, b: Array) -> Array | None:
    """a b; None where a has too few zeros for that to pay."""
    found = kept("lists", lists, *a.shape)
    list_rows(len(a), parts(len(a), 3 * a.size), a, *found, a.shape[1])
    return _summed(found, [(a, b, 1.0)])


def sum_of_products(terms: Sequence[Term]) -> Array | None:
    """The sum of scale a^T b over one to three terms (a (K, M), b (K, N), scale): (M, N).

    None where the a have too few zeros for that to pay.
    """
    m, k = terms[0][0].shape[1], sum(len(a) for a, _, _ in terms)
    found, row, units = kept("lists", lists, m, k), 0, -(-m // SCANNED)
    for a, _, _ in terms:
        list_columns(units, parts(units, 3 * a.size), a, *found, m, row, len(a), k)
        row += len(a)
    return _summed(found, terms)


def _summed(found: Lists, terms: Sequence[Term]) -> Array | None:
    """The product of what is listed with the b of all terms."""
    m, n, k = len(found.counts), terms[0][1].shape[1], sum(len(b) for _, b, _ in terms)
    entries = int(found.counts.sum())
    if entries > DENSE * m * k:
        return None
    y, width = memory.empty((m, n)), VECTORS * host().lanes
    units = -(-n // width)
    cut = parts(units, entries * n / 4)
    below = [(b, len(b), scale) for _, b, scale in terms] + [NOTHING] * (3 - len(terms))
    own, given = kept("rooms", rooms, cut, m, width), chain.from_iterable(below)
    add_up.compiled(NB=VECTORS)(units, cut, *found, y, *own, m, n, k, *given)
    return y


def serves(a: Array, b: Array) -> bool:
    """Whether both are float32 matrices, row after row, with columns of b for a block."""
    return (
        single(a, b)
        and a.ndim == b.ndim == 2
        and a.size > 0
        and a.flags.c_contiguous
        and b.flags.c_contiguous
        and b.shape[1] >= VECTORS * host().lanes
    )
