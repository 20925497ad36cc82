from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import dispatch, linear
from glassnet.kernels.ready import Launch, run_all
from tests.kernels.twins import hold_equal

TOLERANCE = 3e-6


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def done(product: Callable[..., np.ndarray], *arrays: Any, **options: Any) -> np.ndarray:
    todo: list[Launch] = []
    made = product(*arrays, todo=todo, **options)
    run_all(todo)
    return made


sizes = st.integers(1, 40)


@given(sizes, sizes, sizes, st.booleans(), st.sampled_from([0, 4]))
def test_linear_of_any_size(n: int, inputs: int, outputs: int, bias: bool, offset: int) -> None:
    b = normal(outputs, seed=2) if bias else None
    arguments = normal(n, inputs), normal(outputs, inputs, seed=1), b
    hold_equal("linear", *arguments, tolerance=TOLERANCE, offset=offset)


@given(sizes, sizes, sizes, st.booleans(), st.sampled_from(["relu", "relu6"]))
def test_linear_and_activation(n: int, inputs: int, outputs: int, bias: bool, curve: str) -> None:
    b = normal(outputs, seed=2) if bias else None
    arguments = normal(n, inputs), normal(outputs, inputs, seed=1), b
    hold_equal("linear_act", *arguments, activation=curve, tolerance=TOLERANCE)


def test_an_activation_keeps_what_is_no_number() -> None:
    x = normal(5, 7)
    x[1, 2], x[3, 3] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        hold_equal("linear_act", x, normal(4, 7, seed=1), normal(4), tolerance=TOLERANCE)
    assert dispatch.twin("linear_act", (x, normal(4, 7)), {"activation": "gelu"}) is None


@given(sizes, sizes, sizes)
def test_matmul_of_any_size(n: int, inputs: int, outputs: int) -> None:
    hold_equal("matmul", normal(n, inputs), normal(inputs, outputs, seed=1), tolerance=TOLERANCE)


@pytest.mark.parametrize("n", [1, 64])
def test_layers_of_real_networks(n: int) -> None:
    for inputs, outputs in ((784, 256), (256, 10), (600, 3)):
        x, weight = normal(n, inputs), normal(outputs, inputs, seed=1)
        hold_equal("linear", x, weight, normal(outputs), tolerance=TOLERANCE)
        hold_equal("matmul", x, np.ascontiguousarray(weight.T), tolerance=TOLERANCE)


@pytest.mark.parametrize("cache", [0, 1 << 14, 1 << 20])
def test_the_size_of_the_cache_changes_no_bit(cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = normal(61, 300), normal(45, 300, seed=1), normal(45, seed=2)
    before = done(linear.times_rows, x, weight, bias)
    monkeypatch.setattr(linear, "nearest_cache", lambda: cache)
    monkeypatch.setattr(linear, "_row_cut", linear._row_cut.__wrapped__)  # not what is kept of it
    np.testing.assert_array_equal(done(linear.times_rows, x, weight, bias), before)


@pytest.mark.parametrize("rows", [1, 7, 9, 64])
def test_rows_of_a_gradient_that_threads_share_out(rows: int) -> None:
    dy, x = normal(300, rows), normal(300, 150, seed=1)
    wide = np.pad(dy, ((0, 0), (0, 64)))  # more rows, for as many threads as there are
    expected = dy.T.astype(float) @ x
    for array in (dy, wide):
        found = done(linear.times, array, x, turned=True)[:rows]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_more_axes_and_other_layouts() -> None:
    hold_equal("linear", normal(2, 3, 5), normal(4, 5, seed=1), None, tolerance=TOLERANCE)
    hold_equal("linear", normal(5), normal(4, 5, seed=1), None, tolerance=TOLERANCE)
    x, weight = normal(6, 9)[:, ::2], np.asfortranarray(normal(4, 5, seed=1))
    hold_equal("linear", x, weight, normal(4), tolerance=TOLERANCE)
    hold_equal("matmul", normal(7, 6).T, normal(5, 7).T, tolerance=TOLERANCE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number(value: float) -> None:
    x = np.abs(normal(5, 20))
    x[2, 3] = value
    hold_equal("linear", x, np.abs(normal(4, 20, seed=1)) + 0.1, None, tolerance=TOLERANCE)


def test_what_the_page_is_left_with() -> None:
    assert dispatch.twin("linear", (normal(2, 3), normal(4, 5)), {}) is None
    assert dispatch.twin("linear", (normal(0, 5), normal(4, 5)), {}) is None
    assert dispatch.twin("linear", (normal(2, 5), normal(4, 5), normal(3)), {}) is None
    assert dispatch.twin("matmul", (normal(2, 3, 4), normal(4, 5)), {}) is None
    assert dispatch.twin("matmul", (normal(3), normal(3, 5)), {}) is None
    assert dispatch.twin("matmul", (normal(300, 300), normal(300, 300)), {}) is None
