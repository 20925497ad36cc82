"""Binds the operations onto Tensor: methods, operators, and changes in place.

Nothing is computed here. An in-place method computes with the ordinary operation, and then
`Tensor.write` takes over the value and the history of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.ops import activation, arithmetic, elementwise, index, matmul, reduce, shape
from glassnet.ops.dtype import Operand, clone, to
from glassnet.ops.softmax import log_softmax, softmax
from glassnet.tape import is_grad_enabled
from glassnet.tensor import Tensor, as_array

METHODS = {
    arithmetic: "add sub mul div neg power eq ne lt le gt ge logical_and logical_or logical_not",
    elementwise: "exp log log1p sqrt abs sin cos erf clip maximum minimum",
    activation: "relu sigmoid tanh",
    reduce: "sum mean var std max min amax amin logsumexp argmax argmin any all",
    shape: "reshape flatten permute transpose unsqueeze squeeze expand broadcast_to split chunk "
    "flip",
    index: "gather",
    matmul: "matmul",
}
ALIASES = {"view": "reshape", "clamp": "clip", "pow": "power"}
CHANGES: dict[str, Callable[..., Any]] = {
    "add_": arithmetic.add,
    "sub_": arithmetic.sub,
    "mul_": arithmetic.mul,
    "div_": arithmetic.div,
    "pow_": arithmetic.power,
    "clip_": elementwise.clip,
    "clamp_": elementwise.clip,
}
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.div,
    "pow": arithmetic.power,
    "matmul": matmul.matmul,
    "and": arithmetic.logical_and,
    "or": arithmetic.logical_or,
}


def method(operation: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The operation as a method: a plain function, which Python binds to its tensor."""

    def bound(self: Tensor, *args: Any, **options: Any) -> Any:
        return operation(self, *args, **options)

    bound.__name__ = bound.__qualname__ = name
    bound.__doc__ = operation.__doc__
    return bound


def reversed_operator(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation for `other + tensor`, where `other` does not know how."""
    return lambda self, other: operation(other, self)


def comparison(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation as `tensor == other`; what holds no numbers is left to Python: unequal."""

    def bound(self: Tensor, other: Any) -> Any:
        known = isinstance(other, (Tensor, np.ndarray, np.generic, int, float, list, tuple))
        return operation(self, other) if known else NotImplemented

    return bound


def changing(operation: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    """The operation as an in-place method: the same value and gradient, in the same memory."""

    def bound(self: Tensor, *args: Any, **options: Any) -> Tensor:
        x = self.operand()
        args = tuple(x if a is self else a for a in args)  # y *= y
        return _write(self, operation(x, *args, **options), name)

    bound.__name__ = bound.__qualname__ = name
    bound.__doc__ = f"Put the result of {name.removesuffix('_')}() in the place of this tensor."
    return bound


def _write(x: Tensor, result: Tensor, name: str) -> Tensor:
    if result.shape != x.shape:
        raise ShapeError(
            f"{name}() in place: the result has shape {result.shape}, the tensor {x.shape}; "
            f"a tensor cannot grow, use the operation that makes a new one"
        )
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"{name}() in place: the result holds {result.dtype}, the tensor {x.dtype}; "
            f"convert it first, with .float() say"
        )
    return x.write(result)


# -- in place ------------------------------------------------------------------------------------
def zero_(x: Tensor) -> Tensor:
    """Set every entry to 0."""
    return x.write(Tensor(np.zeros_like(x.data)))


def fill_(x: Tensor, value: Operand) -> Tensor:
    """Set every entry to `value`, one number."""
    return copy_(x, value)


def copy_(x: Tensor, source: Operand) -> Tensor:
    """Take over the entries of `source`, broadcast and converted; gradients go to the source."""
    source = to(source, x.dtype)
    return _write(x, clone(shape.expand(source, x.shape)), "copy_")


def setitem(x: Tensor, place: Any, value: Operand) -> None:
    """x[place] = value, with broadcasting; gradients of these entries go to the value."""
    place = index.plain_index(place)
    value = value if isinstance(value, (Tensor, int, float)) else Tensor(as_array(value))
    wanted = x.requires_grad or (isinstance(value, Tensor) and value.requires_grad)
    if not (wanted and is_grad_enabled()):
        x.data[place] = value.data if isinstance(value, Tensor) else value
        x._version.bump(x.data)
        return
    if isinstance(value, Tensor) and _came_from(x, place, value):
        x._seen = value._seen
    _write(x, index._setitem(x.operand(), place, value), "setitem")


def _came_from(x: Tensor, place: Any, value: Tensor) -> bool:
    """Whether `value` is x[place] itself, changed in place once, and x is as it was otherwise.

    Python runs `x[0] += 1` as `v = x[0]; v += 1; x[0] = v`, where v is a view: the second step
    changes the memory of x, the third gives x the history that belongs to it. A view that was
    changed has a history whose result lay in memory of its own (its last version is another).
    """
    if value._version is not x._version or value._made is None:
        return False
    part = index._take(x.data, place)
    same = part.__array_interface__["data"] == value.data.__array_interface__["data"]
    same = same and part.shape == value.shape and part.strides == value.data.strides
    once = value._seen == x._version.recorded == x._seen + 1
    return same and once and value._made[0].versions[-1] is not value._version


# -- the rest ------------------------------------------------------------------------------------
def _iterate(x: Tensor) -> Iterator[Tensor]:
    return (x[i] for i in range(len(x)))


def _converter(kind: Any, name: str) -> Callable[[Tensor], Tensor]:
    def convert(x: Tensor) -> Tensor:
        return to(x, kind)

    convert.__doc__ = f"The tensor as {np.dtype(kind)}; itself where it is that already."
    convert.__name__ = convert.__qualname__ = name
    return convert


def _swapped(x: Tensor) -> Tensor:
    """The matrix with its axes exchanged. Raises ShapeError for more than two axes."""
    if x.ndim > 2:
        raise ShapeError(f".T is for matrices; for shape {x.shape} use .mT or .permute(...)")
    return x if x.ndim < 2 else shape.transpose(x, 0, 1)


def bind() -> None:
    """Give Tensor its methods."""
    for page, names in METHODS.items():
        for name in names.split():
            setattr(Tensor, name, method(getattr(page, name), name))
    for name, same in ALIASES.items():
        setattr(Tensor, name, getattr(Tensor, same))
    for name, operation in CHANGES.items():
        setattr(Tensor, name, changing(operation, name))
    for name, operation in OPERATORS.items():
        setattr(Tensor, f"__{name}__", method(operation, f"__{name}__"))
        setattr(Tensor, f"__r{name}__", reversed_operator(operation))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", comparison(getattr(arithmetic, name)))
    for name, same in (("add", "add_"), ("sub", "sub_"), ("mul", "mul_"), ("truediv", "div_")):
        setattr(Tensor, f"__i{name}__", getattr(Tensor, same))
    for name, kind in (("float", np.float32), ("double", np.float64), ("long", np.int64)):
        setattr(Tensor, name, _converter(kind, name))
    others: dict[str, Any] = {
        "__getitem__": index.getitem,
        "__setitem__": setitem,
        "__iter__": _iterate,
        "__neg__": method(arithmetic.neg, "__neg__"),
        "__abs__": method(elementwise.abs, "__abs__"),
        "__invert__": arithmetic.logical_not,
        "__float__": lambda self: float(self.item()),
        "__int__": lambda self: int(self.item()),
        "T": property(_swapped),
        "mT": property(lambda self: shape.transpose(self, -2, -1)),
        "clone": method(clone, "clone"),
        "softmax": method(softmax, "softmax"),
        "log_softmax": method(log_softmax, "log_softmax"),
        "to": to,
        "bool": _converter(np.bool_, "bool"),
        "int": _converter(np.int32, "int"),
        "zero_": zero_,
        "fill_": fill_,
        "copy_": copy_,
    }
    for name, value in others.items():
        setattr(Tensor, name, value)
