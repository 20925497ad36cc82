"""Functions of one number, and choices between two, applied entry by entry.

x, a, b    any shape (a, b, condition: shapes that broadcast)
y, dy      the same shape, in the memory layout of x
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.operation import example, operation
from glassnet.ops._samples import integers, normal, uniform
from glassnet.ops.dtype import Operand, alike, floating
from glassnet.tape import Array
from glassnet.tensor import Tensor, as_array

Gradients = tuple[Array, Array]


def exp_forward(x: Array) -> tuple[Array, Array]:
    """y = e^x."""
    y = np.exp(floating(x))
    return y, y


def exp_backward(dy: Array, y: Array) -> Array:
    """dx = y dy."""
    return dy * y


exp = operation(exp_forward, exp_backward, examples=lambda: [example(normal(3, 4))])


def log_forward(x: Array) -> tuple[Array, Array]:
    """y = ln x; -inf at 0, with no warning."""
    with np.errstate(divide="ignore"):
        return np.log(floating(x)), x


def log_backward(dy: Array, x: Array) -> Array:
    """dx = dy / x."""
    with np.errstate(divide="ignore"):
        return dy / x


log = operation(
    log_forward, log_backward, examples=lambda: [example(uniform(3, 4, low=0.1, high=3))]
)


def log1p_forward(x: Array) -> tuple[Array, Array]:
    """y = ln(1 + x), exact for small x; -inf at -1, with no warning."""
    with np.errstate(divide="ignore"):
        return np.log1p(floating(x)), x


def log1p_backward(dy: Array, x: Array) -> Array:
    """dx = dy / (1 + x)."""
    with np.errstate(divide="ignore"):
        return dy / (1 + x)


log1p = operation(
    log1p_forward, log1p_backward, examples=lambda: [example(uniform(3, 4, low=-0.9, high=3))]
)


def sqrt_forward(x: Array) -> tuple[Array, Array]:
    """y = x^(1/2)."""
    y = np.sqrt(floating(x))
    return y, y


def sqrt_backward(dy: Array, y: Array) -> Array:
    """dx = dy / 2y; infinite at 0, with no warning."""
    with np.errstate(divide="ignore"):
        return dy / (2 * y)


sqrt = operation(
    sqrt_forward, sqrt_backward, examples=lambda: [example(uniform(3, 4, low=0.1, high=3))]
)


def abs_forward(x: Array) -> tuple[Array, Array]:
    """y = |x|."""
    return np.abs(x), x


def abs_backward(dy: Array, x: Array) -> Array:
    """dx = sign(x) dy, and 0 at the kink."""
    return dy * np.sign(x)


abs = operation(abs_forward, abs_backward, examples=lambda: [example(normal(3, 4))])


def sin_forward(x: Array) -> tuple[Array, Array]:
    """y = sin x, with x in radians."""
    return np.sin(floating(x)), x


def sin_backward(dy: Array, x: Array) -> Array:
    """dx = cos(x) dy."""
    return dy * np.cos(x)


sin = operation(sin_forward, sin_backward, examples=lambda: [example(normal(3, 4))])


def cos_forward(x: Array) -> tuple[Array, Array]:
    """y = cos x, with x in radians."""
    return np.cos(floating(x)), x


def cos_backward(dy: Array, x: Array) -> Array:
    """dx = -sin(x) dy."""
    return -dy * np.sin(x)


cos = operation(cos_forward, cos_backward, examples=lambda: [example(normal(3, 4))])

# Cody's rational approximations of erf [1969, "Rational Chebyshev approximations for the error
# function", Math. Comp. 23, 631-637], the highest power first: x N(x^2) / D(x^2) near zero, and
# further out 1 - exp(-x^2) N(x) / D(x).
_ERF_NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (
        1.0,
        2.36012909523441209e1,
        2.44024637934444173e2,
        1.28261652607737228e3,
        2.84423683343917062e3,
    ),
)
_ERF_FAR = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    """N(x) / D(x), each by Horner's rule."""
    values = []
    for coefficients in polynomials:
        value = np.full_like(x, coefficients[0])
        for c in coefficients[1:]:
            value *= x
            value += c
        values.append(value)
    return values[0] / values[1]


def erf_forward(x: Array) -> tuple[Array, Array]:
    """y = 2 / sqrt(pi) * integral of exp(-t^2) over t from 0 to x.

    Two rational functions, for |x| <= 0.46875 and beyond [Cody 1969], give it to rounding. The
    second is meant for |x| <= 4; further out it still has enough digits of 1 - erf < 2e-8.
    """
    z = np.minimum(np.abs(x), 6)  # erf(6) is 1 to the last digit
    square = z * z
    near = x * _ratio(_ERF_NEAR, square)
    far = np.copysign(1 - np.exp(-square) * _ratio(_ERF_FAR, z), x)
    return np.where(z <= 0.46875, near, far), x


def erf_backward(dy: Array, x: Array) -> Array:
    """dx = 2 / sqrt(pi) exp(-x^2) dy."""
    z = np.minimum(np.abs(x), 30)  # exp(-900) is 0, and the square does not overflow
    return dy * (2 / np.pi**0.5 * np.exp(-z * z))


erf = operation(erf_forward, erf_backward, examples=lambda: [example(2 * normal(3, 4))])


def clip_forward(x: Array, min: float | None = None, max: float | None = None) -> tuple[Array, Any]:
    """y = x where min <= x <= max, else the bound it passed. None is no bound."""
    low, high = (b.item() if isinstance(b, np.generic) else b for b in (min, max))
    return np.clip(x, low, high), (x, low, high)


def clip_backward(dy: Array, cache: Any) -> Array:
    """dx = dy where min <= x <= max, the bounds included, else 0."""
    x, low, high = cache
    inside = np.ones(x.shape, bool)
    if low is not None:
        inside &= x >= low
    if high is not None:
        inside &= x <= high
    return dy * inside


clip = operation(
    clip_forward,
    clip_backward,
    examples=lambda: [
        example(normal(3, 4), min=-0.5, max=0.7),
        example(normal(3, 4), min=0.1),
        example(normal(3, 4), max=0.1),
    ],
)


def where_forward(condition: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """y = a where the condition holds, else b."""
    return np.where(condition, a, b), condition


def where_backward(dy: Array, condition: Array) -> tuple[None, Array, Array]:
    """da = dy where the condition holds, else 0; db the other way round."""
    return None, np.where(condition, dy, 0), np.where(condition, 0, dy)


_where = operation(
    where_forward,
    where_backward,
    examples=lambda: [
        example(integers(3, 4, high=2) > 0, normal(3, 4), normal(3, 4, key=1)),
        example(integers(3, 1, high=2) > 0, normal(4), 0.5),
    ],
    broadcasts=True,
)


def maximum_forward(a: Array, b: Array) -> tuple[Array, Any]:
    """y = the larger of a and b."""
    return np.maximum(a, b), (a, b)


def maximum_backward(dy: Array, cache: Any) -> Gradients:
    """All of dy to the larger one; half of it to each where they are equal."""
    a, b = cache
    share = np.where(np.equal(a, b), 0.5, np.greater(a, b))
    da = dy * share.astype(dy.dtype)
    return da, dy - da


_maximum = operation(
    maximum_forward,
    maximum_backward,
    examples=lambda: [
        example(normal(3, 4), normal(3, 4, key=1)),
        example(normal(2, 3, 4), normal(3, 1)),
        example(normal(3, 4), 0.3),
    ],
    broadcasts=True,
)


def minimum_forward(a: Array, b: Array) -> tuple[Array, Any]:
    """y = the smaller of a and b."""
    return np.minimum(a, b), (a, b)


def minimum_backward(dy: Array, cache: Any) -> Gradients:
    """All of dy to the smaller one; half of it to each where they are equal."""
    a, b = cache
    return maximum_backward(dy, (b, a))  # min(a, b) is a where b is the larger


_minimum = operation(
    minimum_forward,
    minimum_backward,
    examples=lambda: [
        example(normal(3, 4), normal(3, 4, key=1)),
        example(normal(2, 3, 4), normal(3, 1)),
        example(normal(3, 4), 0.3),
    ],
    broadcasts=True,
)


def where(condition: Operand, a: Operand, b: Operand) -> Tensor:
    """a where `condition` holds, else b, with broadcasting."""
    return _where(as_array(condition), *alike(a, b))


def maximum(a: Operand, b: Operand) -> Tensor:
    """The larger of a and b, entry by entry, with broadcasting."""
    return _maximum(*alike(a, b))


def minimum(a: Operand, b: Operand) -> Tensor:
    """The smaller of a and b, entry by entry, with broadcasting."""
    return _minimum(*alike(a, b))
