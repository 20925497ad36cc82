"""exp, log, tanh, the logistic sigmoid and erf of whole vectors, in float32.

LLVM has no such instructions, and the C library's functions take one number at a time. Each is
reduced to a short interval where a polynomial is as good as the number format, and put together
again. The polynomials interpolate the function at Chebyshev points, which comes within a small
factor of the best polynomial of the degree [Trefethen 2013, "Approximation Theory and
Approximation Practice", chapters 2-4]; their coefficients are computed below, in float64, when this
file is read. Largest errors, over all float32 arguments, in units of the last place (ulp): exp
1.1, log 1.0, tanh 1.4, sigmoid 2.3, erf 2.5; NaN and infinities are as NumPy has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from glassnet.kernels.vector import (
    Vector,
    absolute,
    bits,
    copysign,
    fma,
    from_bits,
    nearest,
    part,
    select,
    smaller,
    splat,
    to_floats,
    to_ints,
    unroll,
)

Coefficients = tuple[float, ...]


def fitted(f: Callable[[float], float], low: float, high: float, degree: int) -> Coefficients:
    """c_0 .. c_degree of the polynomial in x that equals f at degree + 1 Chebyshev points."""
    points = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    x = (high - low) / 2 * points + (high + low) / 2
    values = np.array([f(v) for v in x.tolist()])
    found = np.polynomial.Polynomial.fit(x, values, degree, domain=[low, high])
    return tuple(found.convert().coef.tolist())


@part
def polynomial(x: Vector, coefficients: Coefficients) -> Vector:
    """c_0 + c_1 x + c_2 x^2 + ..., by Horner's rule: a fused multiply-add a degree."""
    degree = len(coefficients) - 1
    value = splat(coefficients[degree])
    for i in unroll(degree):
        value = fma(value, x, splat(coefficients[degree - 1 - i]))
    return value


# -- exp -------------------------------------------------------------------------------------------
# e^x = 2^n e^r with n the whole number nearest to x / log 2, so |r| <= log(2) / 2
LOG2 = math.log(2)
LOG2_HIGH = 0.693359375  # the first 9 bits: n times it is exact
LOG2_LOW = LOG2 - LOG2_HIGH
EXP = fitted(math.exp, -LOG2 / 2, LOG2 / 2, 6)
EXP_LARGEST, EXP_SMALLEST = 88.72283, -103.97208  # beyond: infinity, 0


@part
def two_to_the(n: Vector) -> Vector:
    """2^n of whole numbers n (int32) from -126 to 127: the exponent's bits."""
    return from_bits((n + 127) << 23)


@part
def exp(x: Vector) -> Vector:
    """e^x; infinity above 88.72; results below 2^-126 lose digits and end at 0."""
    bounded = select(x > EXP_LARGEST + 1, splat(EXP_LARGEST + 1), x)
    bounded = select(x < EXP_SMALLEST - 1, splat(EXP_SMALLEST - 1), bounded)
    whole = nearest(bounded * (1 / LOG2))
    r = fma(whole, splat(-LOG2_LOW), fma(whole, splat(-LOG2_HIGH), bounded))
    n = to_ints(select(bounded == bounded, whole, splat(0.0)))
    half = n >> 1  # in two factors: 2^n alone may be out of range where the product is not
    y = polynomial(r, EXP) * two_to_the(half) * two_to_the(n - half)
    return select(x == x, y, x)


# -- log -------------------------------------------------------------------------------------------
# x = 2^n m with m in [sqrt(1/2), sqrt(2)); with s = (m - 1) / (m + 1), log m = 2 atanh(s), and
# 2 atanh(s) = 2 s + s^3 P(s^2)
MANTISSA = 0x007FFFFF
ROOT_HALF = 0x3F3504F3  # the bits of sqrt(1/2)
ONE = 0x3F800000
ATANH_LARGEST = (math.sqrt(2) - 1) / (math.sqrt(2) + 1)


def _atanh_tail(z: float) -> float:
    """(2 atanh(s) - 2 s) / s^3 at z = s^2."""
    return sum(2 * z**i / (2 * i + 3) for i in range(12))


ATANH = fitted(_atanh_tail, 0.0, ATANH_LARGEST**2, 3)


@part
def log(x: Vector) -> Vector:
    """log x; -infinity at 0 and for denormal numbers, NaN below."""
    pattern = bits(x) - ROOT_HALF
    n = to_floats(pattern >> 23)
    m = from_bits((pattern & MANTISSA) + ROOT_HALF)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    # 2 s = f - s f: the part that is exact, f, is added last
    tail = fma(s * z, polynomial(z, ATANH), fma(n, splat(LOG2_LOW), -(s * f)))
    y = fma(n, splat(LOG2_HIGH), tail + f)
    y = select(x < 2.0**-126, splat(-math.inf), y)
    y = select(x < 0.0, splat(math.nan), y)
    return select(smaller(x, splat(math.inf)) == x, select(x == math.inf, x, y), x)


# -- tanh and the logistic sigmoid -----------------------------------------------------------------
TANH_SMALL = 0.625


def _tanh_tail(z: float) -> float:
    """(tanh(x) - x) / x^3 at z = x^2."""
    x = math.sqrt(z)
    return (math.tanh(x) - x) / x**3 if z > 1e-4 else -1 / 3 + 2 / 15 * z - 17 / 315 * z * z


TANH = fitted(_tanh_tail, 0.0, TANH_SMALL**2, 5)


@part
def tanh(x: Vector) -> Vector:
    """tanh x: x + x^3 P(x^2) near 0, else 1 - 2 / (e^(2 |x|) + 1) with the sign of x."""
    size = absolute(x)
    z = x * x
    near = fma(x * z, polynomial(z, TANH), x)
    far = copysign(1.0 - 2.0 / (exp(size + size) + 1.0), x)
    return select(size > TANH_SMALL, far, near)


@part
def sigmoid(x: Vector) -> Vector:
    """1 / (1 + e^-x) from e^-|x|, which cannot overflow; small values keep their digits."""
    z = exp(-absolute(x))
    return select(x >= 0.0, splat(1.0), z) / (1.0 + z)


# -- erf -------------------------------------------------------------------------------------------
# near 0 x P(x^2); beyond 1, 1 - e^(-x^2) Q(t), Q the scaled complementary error function, which is
# smooth in t = (|x| - 2) / (|x| + 2); from 4 on erf is 1 in float32
ERF = fitted(
    lambda z: math.erf(math.sqrt(z)) / math.sqrt(z) if z else 2 / math.pi**0.5, 0.0, 1.0, 6
)
ERF_CENTRE, ERF_LARGEST = 2.0, 4.0


def _scaled_complement(t: float) -> float:
    """e^(x^2) (1 - erf x) at x = 2 (1 + t) / (1 - t)."""
    x = ERF_CENTRE * (1 + t) / (1 - t)
    return math.exp(x * x) * math.erfc(x)


ERFC = fitted(_scaled_complement, -1 / 3, 1 / 3, 7)


@part
def erf(x: Vector) -> Vector:
    """The error function 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    size = smaller(absolute(x), splat(ERF_LARGEST))
    t = (size - ERF_CENTRE) / (size + ERF_CENTRE)
    far = copysign(1.0 - exp(-(size * size)) * polynomial(t, ERFC), x)
    near = x * polynomial(x * x, ERF)
    return select(absolute(x) > 1.0, far, select(x == x, near, x))
