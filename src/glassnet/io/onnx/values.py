"""What flows through a graph from an ONNX file: Tensors, and plain arrays of whole numbers.

Images and weights are Tensors and have gradients. Shapes, axes and indices are computed with too,
by the same operators; those are NumPy arrays of integers or booleans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.tape import Array
from glassnet.tensor import Tensor

Value = Tensor | Array
MAX_ENTRIES = 1 << 28  # of an array that a file asks for by its shape alone


def tensor(value: Value) -> Tensor:
    """As a Tensor; whole numbers become floating-point ones, to join in arithmetic."""
    if isinstance(value, Tensor):
        return value
    return Tensor(value if value.dtype.kind == "f" else value.astype(np.float32))


def either(with_numpy: Callable[..., Any], with_ops: Callable[..., Tensor]) -> Callable[..., Value]:
    """The one function where all arguments are arrays, the other where a Tensor is among them."""

    def apply(*values: Value) -> Value:
        if all(isinstance(value, np.ndarray) for value in values):
            return np.asarray(with_numpy(*values))
        return with_ops(*map(tensor, values))

    return apply


def integers(value: Any) -> list[int]:
    """A value that gives sizes or axes, as a list of whole numbers. Raises ShapeError."""
    array = np.asarray(value.detach().data if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "iu" and not np.array_equal(array, np.round(array)):
        raise ShapeError(f"sizes and axes are whole numbers, the file gives {array!r:.80}")
    return [int(n) for n in array.reshape(-1)]


def number(value: Value) -> float:
    """A value of one entry."""
    return float((value.detach().data if isinstance(value, Tensor) else value).reshape(())[()])


def bounded(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape, if an array of it is of a sensible size. Raises ShapeError otherwise."""
    if min(shape, default=0) < 0 or prod(shape) > MAX_ENTRIES:
        raise ShapeError(f"the file asks for an array of shape {tuple(shape)}; refused")
    return tuple(shape)


def reshaped(value: Value, shape: Sequence[int]) -> Value:
    """The same entries in another shape."""
    return (
        value.reshape(tuple(shape)) if isinstance(value, np.ndarray) else ops.reshape(value, shape)
    )
