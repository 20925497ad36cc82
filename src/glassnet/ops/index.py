"""Indexing: entries picked by their place. The gradient of an entry goes back to that place.

    x, dx       any shape; (V, D) is a table of V rows of D numbers
    index       what NumPy takes in x[index]: integers, slices, None, ..., integer arrays, booleans
    y, dy       the shape of x[index]

Where an entry was picked several times, its gradients add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import example, operation
from glassnet.ops._samples import integers, normal
from glassnet.tape import Array, unbroadcast
from glassnet.tensor import Tensor, as_array

Shape = tuple[int, ...]


def add_rows(rows: Array, index: Array, count: int) -> Array:
    """out[v] = sum of the rows[i] with index[i] = v: rows (M, D), index (M,) -> out (count, D).

    The rows are sorted by their place, so that those which belong together lie beside each other
    and one pass sums them (np.add.at takes up to three times as long).
    """
    out = np.zeros((count, *rows.shape[1:]), rows.dtype)
    if not len(index):
        return out
    order = np.argsort(index, kind="stable")  # (M,)
    places = index[order]
    starts = np.flatnonzero(np.diff(places, prepend=-1))  # where another place begins
    out[places[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return out


def add_entries(values: Array, index: Any, shape: Shape) -> Array:
    """out of `shape` with out[index] += values, an entry that is named twice added to twice."""
    size = prod(shape)
    places = np.arange(size).reshape(shape)[index]
    sums = np.bincount(places.ravel(), weights=values.ravel(), minlength=size)  # float64
    return sums.reshape(shape).astype(values.dtype)


def _parts(index: Any) -> Iterator[Any]:
    return iter(index if isinstance(index, tuple) else (index,))


def _may_repeat(index: Any) -> bool:
    """Whether the index names entries by integer arrays, and so perhaps one of them twice."""
    return any(isinstance(p, np.ndarray) and p.ndim and p.dtype.kind in "iu" for p in _parts(index))


def _take(x: Array, index: Any) -> Array:
    """x[index], a view where NumPy gives one, a single entry too."""
    y = x[index]
    return y if isinstance(y, np.ndarray) else x[(*_parts(index), ...)]


def _examples() -> list[Any]:
    x, rows = normal(3, 4, 5), np.array([0, 2, 0, -1])
    return [
        example(x, 1),
        example(x, (slice(None), slice(3, 0, -1), None, 2)),
        example(x, (..., slice(1, None, 2))),
        example(x, rows),
        example(x, (slice(None), rows, rows)),
        example(x, x > 0),
        example(normal(5), 2),
    ]


def getitem_forward(x: Array, index: Any) -> tuple[Array, Any]:
    """y = x[index]."""
    return _take(x, index), (index, x.shape)


def getitem_backward(dy: Array, cache: Any) -> Array:
    """dx[index] += dy, from zero."""
    index, shape = cache
    if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and index.ndim:  # whole rows
        rows = dy.reshape(index.size, *shape[1:])
        return add_rows(rows, index.ravel() % shape[0], shape[0])
    if _may_repeat(index):
        return add_entries(dy, index, shape)
    dx = np.zeros(shape, dy.dtype)
    dx[index] = dy
    return dx


_getitem = operation(getitem_forward, getitem_backward, examples=_examples)


def setitem_forward(x: Array, index: Any, value: Array | float) -> tuple[Array, Any]:
    """y = x, but y[index] = value (broadcast). The index names no entry twice."""
    y = x.copy(order="K")
    y[index] = value
    return y, (index, np.shape(value))


def setitem_backward(dy: Array, cache: Any) -> tuple[Array, None, Array]:
    """dx = dy, but 0 where it was overwritten; dvalue = dy[index], summed over the copies."""
    index, shape = cache
    dx = dy.copy(order="K")
    dx[index] = 0
    return dx, None, unbroadcast(_with_axes(dy[index], len(shape)), shape)


def _with_axes(dy: Array, ndim: int) -> Array:
    """dy with as many axes as the value had, which may have more of length 1 in front."""
    return dy.reshape((1,) * (ndim - np.ndim(dy)) + np.shape(dy))


_setitem = operation(
    setitem_forward,
    setitem_backward,
    examples=lambda: [
        example(normal(3, 4), 1, normal(4)),
        example(normal(3, 4), (slice(None), slice(1, 3)), normal(3, 1)),
        example(normal(3, 4), normal(3, 4) > 0, 2.0),
        example(normal(3, 4), (np.array([0, 2]), np.array([1, 1])), normal(2)),
    ],
)


def gather_forward(x: Array, dim: int, index: Array) -> tuple[Array, Any]:
    """y[i, j, ...] = x[i, j, ...], but with index[i, j, ...] for the place along the axis `dim`.

    x and index have as many axes; y has the shape of index.
    """
    if index.ndim != x.ndim:
        raise ValueError("x and index need the same number of axes")
    grid: list[Array] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return x[tuple(grid)], (tuple(grid), x.shape)


def gather_backward(dy: Array, cache: Any) -> Array:
    """dx[i, index[i, j], ...] += dy[i, j, ...], from zero."""
    grid, shape = cache
    return add_entries(dy, grid, shape)


_gather = operation(
    gather_forward,
    gather_backward,
    examples=lambda: [
        example(normal(3, 4), 1, integers(3, 6, high=4)),
        example(normal(3, 4, 2), -2, integers(2, 5, 2, high=4)),
        example(normal(5), 0, integers(3, high=5)),
    ],
)


def embedding_forward(
    index: Array, weight: Array, padding_idx: int | None = None
) -> tuple[Array, Any]:
    """y = weight[index]: row `index` of a table.  index (...), weight (V, D) -> y (..., D)."""
    if index.size and (index.min() < 0 or index.max() >= len(weight)):
        raise ValueError(
            f"the indices run from {index.min()} to {index.max()}, "
            f"the table has rows 0 to {len(weight) - 1}"
        )
    return weight[index], (index, weight.shape, padding_idx)


def embedding_backward(dy: Array, cache: Any) -> tuple[None, Array]:
    """dweight[v] = sum of dy over the places where index = v; 0 for the row `padding_idx`."""
    index, shape, padding_idx = cache
    dweight = add_rows(dy.reshape(index.size, shape[1]), index.ravel(), shape[0])
    if padding_idx is not None:
        dweight[padding_idx] = 0
    return None, dweight


embedding = operation(
    embedding_forward,
    embedding_backward,
    examples=lambda: [
        example(integers(3, 4, high=5), normal(5, 2)),
        example(integers(6, high=4), normal(5, 2), padding_idx=4),
    ],
)


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index], as NumPy has it; a Tensor of integers or booleans may be (part of) the index."""
    return _getitem(x, plain_index(index))


def plain_index(index: Any) -> Any:
    """The index with arrays in the place of tensors and lists."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, Tensor):
        return index.data
    return np.asarray(index, None if len(index) else np.intp) if isinstance(index, list) else index


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries of x at the places `index` (integers) along the axis `dim`.

    index has as many axes as x; y has its shape: y[i, j] = x[i, index[i, j]] for dim = 1.
    """
    return _gather(x, dim, as_array(index))


def one_hot(index: Tensor, num_classes: int = -1) -> Tensor:
    """Rows with 1 at `index` and else 0: index (...) -> (..., num_classes), of whole numbers.

    num_classes = -1 takes one more than the largest index. Raises ShapeError for other indices.
    """
    places = as_array(index)
    if num_classes == -1 and places.size:
        num_classes = int(places.max()) + 1
    if places.dtype.kind not in "iu" or num_classes < 1 or not _within(places, num_classes):
        raise ShapeError(
            f"one_hot() needs whole numbers from 0 to num_classes - 1 = {num_classes - 1}, "
            f"this tensor of {places.dtype} has others"
        )
    return Tensor((places[..., None] == np.arange(num_classes)).astype(np.int64))


def _within(places: Array, count: int) -> bool:
    return not places.size or (int(places.min()) >= 0 and int(places.max()) < count)
