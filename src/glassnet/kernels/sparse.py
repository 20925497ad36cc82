"""Products of matrices the left one of which is mostly zeros: what is zero is never multiplied.

    y (M, N) = a b, a (M, K) or, turned, (K, M); b (K, N)

A digit has ink in one pixel of seven. For each row of a the places and values of what is not zero
are written down, without a branch. Then a block of columns of b, 8 vectors wide, is copied side by
side, so that it lies in the second cache and in few pages, and is added up for all rows, the sums
in registers. The last block moves up so that it is
whole too: what two blocks share comes out the same in both. A sum goes from the first k to the
last, whatever the number of threads.
"""

from __future__ import annotations

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, single
from glassnet.kernels.linear import beside
from glassnet.kernels.target import host
from glassnet.kernels.vector import Floats, Ints, Longs, fma, lanes, load, splat, store, unroll

VECTORS = 8  # of a block
DENSE = 0.35  # the share of numbers that are not zero from which on BLAS is as fast
SCANNED = 64  # columns at once: where their entries go to stays in the nearest cache


@task
def list_rows(
    begin: int, end: int, a: Floats, places: Ints, values: Floats, counts: Longs, K: int
) -> None:
    """Entries of rows begin to end of a (M, K): places and values (M, K), the first counts[m]."""
    for m in range(begin, end):
        count = 0
        for k in range(K):
            value = a[m * K + k]
            places[m * K + count] = k
            values[m * K + count] = value
            count += int(value != 0.0)
        counts[m] = count


@task
def list_columns(
    begin: int, end: int, a: Floats, places: Ints, values: Floats, counts: Longs, M: int, K: int
) -> None:
    """The same for a (K, M), turned; for groups begin to end of SCANNED columns."""
    for first in range(begin * SCANNED, min(end * SCANNED, M), SCANNED):
        last = min(first + SCANNED, M)
        for m in range(first, last):
            counts[m] = 0
        for k in range(K):
            for m in range(first, last):
                value, at = a[k * M + m], m * K + counts[m]
                places[at] = k
                values[at] = value
                counts[m] = counts[m] + int(value != 0.0)


@task
def add_up(
    begin: int, end: int, slot: int, places: Ints, values: Floats, counts: Longs, b: Floats,
    y: Floats, rooms: Floats, M: int, N: int, K: int, *, NB: int,
) -> None:  # fmt: skip
    """y[m, n] = sum over the entries of row m of value b[place, n], for blocks begin to end."""
    width = NB * lanes()
    room = rooms + slot * K * width
    for block in range(begin, end):
        first = min(block * width, N - width)
        beside(b + first, room, N, K, width, NB)
        for m in range(M):
            acc = [splat(0.0) for _ in unroll(NB)]
            for i in range(m * K, m * K + counts[m]):
                value = splat(values[i])
                row = room + places[i] * width
                for j in unroll(NB):
                    acc[j] = fma(value, load(row + j * lanes()), acc[j])
            for j in unroll(NB):
                store(y + (m * N + first + j * lanes()), acc[j])


def times(a: Array, b: Array, turned: bool = False) -> Array | None:
    """a b, or a^T b where `turned`; None where a has too few zeros for that to pay."""
    k, n = b.shape
    m = a.shape[1] if turned else len(a)
    counts = np.empty(m, np.int64)
    places, values = memory.empty((m, k)).view(np.int32), memory.empty((m, k))
    if turned:
        units = -(-m // SCANNED)
        list_columns(units, parts(units, 3 * a.size), a, places, values, counts, m, k)
    else:
        list_rows(m, parts(m, 3 * a.size), a, places, values, counts, k)
    entries = int(counts.sum())
    if entries > DENSE * a.size:
        return None
    y = memory.empty((m, n))
    width = VECTORS * host().lanes
    units = -(-n // width)
    cut = parts(units, entries * n / 4)
    rooms = memory.empty((cut, k, width))
    add_up.compiled(NB=VECTORS)(units, cut, places, values, counts, b, y, rooms, m, n, k)
    return y


def serves(a: Array, b: Array) -> bool:
    """Whether both are float32 matrices, row after row, with columns of b for a block."""
    return (
        single(a, b)
        and a.ndim == b.ndim == 2
        and a.flags.c_contiguous
        and b.flags.c_contiguous
        and b.shape[1] >= VECTORS * host().lanes
    )
