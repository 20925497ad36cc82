"""What the numbers are kept as: float32, float64, integers, booleans.

    x, y   arrays of any one shape

Numbers of two kinds in one operation follow PyTorch: Python numbers adapt to tensors, tensors
without axes adapt to those with axes, integers adapt to floats, and float32 is the float that
whole numbers become where nobody says another.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from glassnet.operation import example, operation
from glassnet.ops._samples import normal
from glassnet.tape import Array
from glassnet.tensor import Tensor, as_array

Operand: TypeAlias = Tensor | ArrayLike


def floating(x: Array) -> Array:
    """x, with whole numbers and booleans as float32: for functions whose values are fractions."""
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def clone_forward(x: Array) -> tuple[Array, None]:
    """y = x, in memory of its own and in the layout of x."""
    return x.copy(order="K"), None


def clone_backward(dy: Array, cache: None) -> Array:
    """dx = dy."""
    return dy


clone = operation(clone_forward, clone_backward, examples=lambda: [example(normal(3, 4))])


def to_forward(x: Array, dtype: DTypeLike) -> tuple[Array, np.dtype[Any]]:
    """y = x, rounded to another dtype."""
    return x.astype(dtype), x.dtype


def to_backward(dy: Array, cache: np.dtype[Any]) -> Array:
    """dx = dy in the dtype of x: rounding is taken for the identity."""
    return dy.astype(cache)


_to = operation(to_forward, to_backward, examples=lambda: [example(normal(3, 4), np.float64)])


def to(x: Operand, dtype: DTypeLike) -> Tensor:
    """x as numbers of `dtype`; x itself where it holds them already."""
    x = x if isinstance(x, Tensor) else Tensor(as_array(x))
    return x if x.dtype == dtype else _to(x, dtype)


def alike(a: Operand, b: Operand) -> tuple[Any, Any]:
    """The operands of one operation, brought to one dtype by PyTorch's rule (see above)."""
    known = getattr(a, "dtype", None)
    if known is not None and known is getattr(b, "dtype", None):
        return a, b
    x, y = _plain(a), _plain(b)
    if isinstance(y, (int, float)):
        return _beside(x, y), y
    if isinstance(x, (int, float)):
        return x, _beside(y, x)
    dtype = _common(x, y)
    return _as(x, dtype), _as(y, dtype)


def _plain(value: Any) -> Any:
    """A Python number, an array, or a Tensor."""
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (Tensor, np.ndarray, int, float)) else as_array(value)


def _beside(value: Any, number: float) -> Any:
    """`value` as it meets a Python number: only an integer that meets a float changes."""
    if isinstance(number, float) and not isinstance(value, (int, float)):
        return value if value.dtype.kind == "f" else to(value, np.float32)
    return value


def _as(value: Tensor | Array, dtype: np.dtype[Any]) -> Tensor | Array:
    return value if value.dtype == dtype else to(value, dtype)


def _common(a: Tensor | Array, b: Tensor | Array) -> np.dtype[Any]:
    """The dtype of the highest kind, of the arrays with axes where any of them is of that kind."""
    order = {"b": 0, "u": 1, "i": 1, "f": 2}
    kind = max(order[a.dtype.kind], order[b.dtype.kind])
    highest = [v for v in (a, b) if order[v.dtype.kind] == kind]
    with_axes = [v for v in highest if v.ndim] or highest
    return np.result_type(*(v.dtype for v in with_axes))
