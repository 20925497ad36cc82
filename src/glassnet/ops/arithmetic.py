"""Arithmetic: sums, products, quotients and powers, entry by entry, with broadcasting.

    a, b   arrays whose shapes broadcast (NumPy's rule), or numbers
    y, dy  the broadcast shape

The gradients are written as if a and b had the shape of y. Where an argument was broadcast, one of
its entries went to many places, and the tape adds up what comes back (`tape.unbroadcast`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from glassnet.operation import example, operation
from glassnet.ops._samples import normal, uniform
from glassnet.ops.dtype import Operand, alike, to
from glassnet.tape import Array
from glassnet.tensor import Tensor, as_array

Needs = tuple[bool, ...]
Gradients = tuple[Array | None, Array | None]


def _kept(value: Array, other: Array | float) -> Array | None:
    """`value`, kept for the gradient of `other` alone: a number has none, and needs nothing."""
    return value if isinstance(other, np.ndarray) else None


def _pairs() -> list[Any]:
    return [
        example(normal(3, 4), normal(3, 4, key=1)),
        example(normal(2, 3, 4), normal(3, 1)),
        example(normal(4), 2.5),
        example(-1.5, normal(2, 3)),
    ]


def _positive_pairs() -> list[Any]:
    return [
        example(uniform(3, 4, low=0.5, high=2), uniform(3, 4, low=0.5, high=2, key=1)),
        example(uniform(2, 3, 4, low=0.5, high=2), uniform(3, 1, low=-3, high=-0.5)),
        example(uniform(4, low=0.5, high=2), 2.5),
        example(1.5, uniform(2, 3, low=0.5, high=2)),
    ]


def add_forward(a: Array, b: Array) -> tuple[Array, None]:
    """y = a + b."""
    return np.add(a, b), None


def add_backward(dy: Array, cache: None) -> Gradients:
    """da = dy, db = dy."""
    return dy, dy


_add = operation(add_forward, add_backward, examples=_pairs, broadcasts=True)


def sub_forward(a: Array, b: Array) -> tuple[Array, None]:
    """y = a - b."""
    return np.subtract(a, b), None


def sub_backward(dy: Array, cache: None, needs: Needs) -> Gradients:
    """da = dy, db = -dy."""
    return dy, -dy if needs[1] else None


_sub = operation(sub_forward, sub_backward, examples=_pairs, broadcasts=True)


def mul_forward(a: Array, b: Array) -> tuple[Array, Any]:
    """y = a b."""
    return np.multiply(a, b), (_kept(a, b), _kept(b, a))


def mul_backward(dy: Array, cache: Any, needs: Needs) -> Gradients:
    """da = b dy, db = a dy."""
    a, b = cache
    da = dy * b if needs[0] and b is not None else None
    return da, dy * a if needs[1] and a is not None else None


_mul = operation(mul_forward, mul_backward, examples=_pairs, broadcasts=True)


def div_forward(a: Array, b: Array) -> tuple[Array, Any]:
    """y = a / b; a number over zero is infinite, with no warning."""
    with np.errstate(divide="ignore"):
        y = np.divide(a, b)
    return y, (b, _kept(y, b))


def div_backward(dy: Array, cache: Any, needs: Needs) -> Gradients:
    """da = dy / b, db = -a dy / b^2 = -y da."""
    b, y = cache
    with np.errstate(divide="ignore"):
        da = dy / b
    return da, -y * da if needs[1] and y is not None else None


_div = operation(div_forward, div_backward, examples=_positive_pairs, broadcasts=True)


def neg_forward(x: Array) -> tuple[Array, None]:
    """y = -x."""
    return np.negative(x), None


def neg_backward(dy: Array, cache: None) -> Array:
    """dx = -dy."""
    return -dy


neg = operation(neg_forward, neg_backward, examples=lambda: [example(normal(3, 4))])


def power_forward(a: Array, b: Array) -> tuple[Array, Any]:
    """y = a^b."""
    y = np.power(a, b)
    return y, (a, b, _kept(y, b))


def power_backward(dy: Array, cache: Any, needs: Needs) -> Gradients:
    """da = b a^(b-1) dy, and 0 where b = 0: y is 1 there, whatever a is; db = log(a) y dy.

    Where a = 0 and b >= 0, y stays 0 as b moves, and db = 0.
    """
    a, b, y = cache
    da = db = None
    with np.errstate(divide="ignore", invalid="ignore"):
        if needs[0]:
            slope = b * np.power(a, b - 1)
            da = dy * (slope if np.all(b) else np.where(np.equal(b, 0), 0, slope))
        if needs[1] and y is not None:
            flat = np.equal(a, 0) & np.greater_equal(b, 0)
            db = dy * np.where(flat, 0, y * np.log(a))
    return da, db


_power = operation(power_forward, power_backward, examples=_positive_pairs, broadcasts=True)


def add(a: Operand, b: Operand) -> Tensor:
    """a + b."""
    return _add(*alike(a, b))


def sub(a: Operand, b: Operand) -> Tensor:
    """a - b."""
    return _sub(*alike(a, b))


def mul(a: Operand, b: Operand) -> Tensor:
    """a b, entry by entry."""
    return _mul(*alike(a, b))


def div(a: Operand, b: Operand) -> Tensor:
    """a / b, entry by entry. Whole numbers are divided as float32."""
    a, b = alike(a, b)
    if all(isinstance(v, int) or getattr(v, "dtype", np.dtype(float)).kind != "f" for v in (a, b)):
        a, b = to(a, np.float32), to(b, np.float32)
    return _div(a, b)


def power(a: Operand, b: Operand) -> Tensor:
    """a to the power b. Differentiable in b where a >= 0."""
    return _power(*alike(a, b))


def _without_gradient(function: Callable[..., Any], meaning: str) -> Callable[..., Tensor]:
    """An operation whose result has no gradient, made of a NumPy function of two arrays."""

    def result(a: Operand, b: Operand) -> Tensor:
        return Tensor(np.asarray(function(_numbers(a), _numbers(b))))

    result.__doc__ = f"Where {meaning}, as booleans, with broadcasting. It has no gradient."
    result.__name__ = result.__qualname__ = function.__name__
    return result


def _numbers(value: Operand) -> Any:
    return value if isinstance(value, (int, float)) else as_array(value)


eq = _without_gradient(np.equal, "a = b")
ne = _without_gradient(np.not_equal, "a differs from b")
lt = _without_gradient(np.less, "a < b")
le = _without_gradient(np.less_equal, "a <= b")
gt = _without_gradient(np.greater, "a > b")
ge = _without_gradient(np.greater_equal, "a >= b")
logical_and = _without_gradient(np.logical_and, "a and b are both true")
logical_or = _without_gradient(np.logical_or, "a or b is true")


def logical_not(x: Operand) -> Tensor:
    """Where x is false (or 0). It has no gradient."""
    return Tensor(np.asarray(np.logical_not(as_array(x))))
