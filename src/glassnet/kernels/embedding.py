"""Twin of embedding: rows of a table, fetched and added back.

    index (M), weight (V, D), y (M, D)

Backward, row dy[m] is added to row index[m] of dweight. Two threads must not add to one row at the
same time, nor in an order that chance decides: each takes some of the columns, and all of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, plain, single
from glassnet.kernels.target import host
from glassnet.kernels.vector import Floats, Longs, lanes, load_part, part, store_part


@part
def copy_row(x: Floats, y: Floats, count: int) -> None:
    """y = x, of `count` numbers."""
    whole = count - count % lanes()
    for i in range(0, whole, lanes()):
        store_part(y + i, load_part(x + i, lanes()), lanes())
    for i in range(whole, count):
        y[i] = x[i]


@task
def fetch(begin: int, end: int, index: Longs, weight: Floats, y: Floats, D: int) -> None:
    """y[m] = weight[index[m]], rows `begin` to `end`."""
    for m in range(begin, end):
        copy_row(weight + index[m] * D, y + m * D, D)


@task
def add_back(
    begin: int, end: int, index: Longs, dy: Floats, dweight: Floats, M: int, D: int, *, TAIL: int
) -> None:
    """dweight[index[m]] += dy[m], columns from vector `begin` to vector `end`."""
    for m in range(M):
        to, given = dweight + index[m] * D, dy + m * D
        for c in range(begin, end):
            at = c * lanes()
            if TAIL:
                if at + lanes() > D:
                    add_vector(to + at, given + at, TAIL)
                else:
                    add_vector(to + at, given + at, lanes())
            else:
                add_vector(to + at, given + at, lanes())


@part
def add_vector(to: Floats, given: Floats, count: int) -> None:
    """to += given."""
    store_part(to, load_part(to, count) + load_part(given, count), count)


def embedding_forward(
    index: Array, weight: Array, padding_idx: int | None = None
) -> tuple[Array, Any]:
    """y = weight[index]."""
    at, weight = np.ascontiguousarray(index, np.int64), plain(weight)
    y = memory.empty((*index.shape, weight.shape[1]))
    fetch(at.size, parts(at.size, 2 * y.size), at, weight, y, weight.shape[1])
    return y, (at, weight.shape, padding_idx)


def embedding_backward(dy: Array, cache: Any) -> tuple[None, Array]:
    """dweight[v] = sum of dy over the places where index = v; 0 for the row `padding_idx`."""
    index, shape, padding_idx = cache
    dweight, d = memory.zeros(shape), shape[1]
    units = -(-d // host().lanes)
    run = add_back.compiled(TAIL=d % host().lanes)
    run(units, parts(units, 3 * dy.size), index, plain(dy), dweight, index.size, d)
    if padding_idx is not None:
        dweight[padding_idx] = 0
    return None, dweight


def _serves(index: Any, weight: Any, padding_idx: int | None = None) -> bool:
    return (
        single(weight)
        and weight.ndim == 2
        and weight.size > 0
        and isinstance(index, np.ndarray)
        and index.dtype.kind in "iu"
        and index.size > 0
        and bool(index.min() >= 0 and index.max() < len(weight))
    )


register("embedding", embedding_forward, embedding_backward, _serves)
