"""Each function against float64, over the whole range of float32 and where it is delicate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

pytest.importorskip("llvmlite")

from glassnet.kernels import vector_math
from glassnet.kernels.compile import task
from glassnet.kernels.vector import Floats, lanes, load, store

Function = Callable[[Any], Any]


@task
def vector_function(begin: int, end: int, x: Floats, y: Floats, *, name: str) -> None:
    for i in range(begin * lanes(), end * lanes(), lanes()):
        store(y + i, getattr(vector_math, name)(load(x + i)))


def of(name: str, x: Any) -> Any:
    x = np.asarray(x, np.float32)
    padded = np.zeros(-(-x.size // 16) * 16, np.float32)
    padded[: x.size] = x
    y = np.empty_like(padded)
    from glassnet.kernels.target import host

    vector_function.compiled(name=name)(padded.size // host().lanes, 1, padded, y)
    return y[: x.size]


def across(low: float, high: float) -> Any:
    """Both signs of sizes from low to high, evenly on a logarithmic scale."""
    size = np.geomspace(low, high, 100_000)
    return np.concatenate([-size, size])


@pytest.mark.parametrize(
    ("name", "true", "x", "ulp"),
    [
        ("exp", np.exp, np.linspace(-87.3, 88.72, 400_001), 1.1),
        ("exp", np.exp, across(1e-10, 80), 1.1),
        ("log", np.log, np.geomspace(1.2e-38, 3.4e38, 400_001), 1.1),
        ("log", np.log, np.linspace(0.5, 2, 400_001), 1.1),
        ("tanh", np.tanh, across(1e-30, 20), 1.5),
        ("sigmoid", special.expit, across(1e-10, 87), 2.4),
        ("erf", special.erf, across(1e-30, 6), 2.5),
    ],
)
def test_errors_in_units_of_the_last_place(name: str, true: Function, x: Any, ulp: float) -> None:
    x = x.astype(np.float32)
    wanted = true(x.astype(np.float64))
    unit = np.spacing(np.maximum(np.abs(wanted), 1.2e-38).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(of(name, x) - wanted) / unit) <= ulp


INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("exp", [INF, -INF, NAN, 0.0, 89.0, -104.0, 1e30], [INF, 0, NAN, 1, INF, 0, INF]),
        ("log", [INF, -INF, NAN, 0.0, -1.0, 1.0], [INF, NAN, NAN, -INF, NAN, 0]),
        ("tanh", [INF, -INF, NAN, 0.0, 50.0], [1, -1, NAN, 0, 1]),
        ("sigmoid", [INF, -INF, NAN, 0.0, -200.0], [1, 0, NAN, 0.5, 0]),
        ("erf", [INF, -INF, NAN, 0.0, 9.0], [1, -1, NAN, 0, 1]),
    ],
)
def test_where_there_is_no_ordinary_number(name: str, x: Any, y: Any) -> None:
    np.testing.assert_array_equal(of(name, x), np.asarray(y, np.float32))


def test_polynomials_are_as_good_as_they_are_said_to_be() -> None:
    c = vector_math.fitted(np.exp, -0.5, 0.5, 4)
    x = np.linspace(-0.5, 0.5, 1001)
    error = np.max(np.abs(np.polynomial.Polynomial(c)(x) - np.exp(x)))
    assert error < 2 * np.exp(0.5) * 0.25**5 * 2 / 120  # the Chebyshev points' bound, twice
