"""Twins of activations against their pages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.twins import hold_equal

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-37, -1e-37, 3e38, -3e38], np.float32)
CURVES = ["relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "silu", "gelu"]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", CURVES)
@given(size=st.integers(0, 70), offset=st.sampled_from([0, 4, 12]), scale=st.sampled_from([1, 9]))
def test_any_length_and_alignment(name: str, size: int, offset: int, scale: float) -> None:
    # y (1 - y) of a float32 y near 1 has an error of 6e-8, whatever is left of it
    tolerance = 2e-5 if name in ("sigmoid", "tanh") else 2e-6
    hold_equal(name, normal(size) * np.float32(scale), offset=offset, tolerance=tolerance)


@pytest.mark.parametrize("order", ["C", "F", "channels last", "gaps"])
def test_any_layout(order: str) -> None:
    x = normal(2, 5, 3, 4)
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    elif order == "gaps":
        x = normal(4, 5, 6, 4)[::2, :, ::2]
    hold_equal("relu", x)
    hold_equal("silu", x)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_what_is_no_ordinary_number(name: str) -> None:
    few = SPECIAL[:7] if name == "gelu" else SPECIAL  # the page squares 3e38 in float64
    hold_equal(name, few)
    hold_equal(name, np.tile(few, 5))


def test_on_all_threads() -> None:
    hold_equal("relu", normal(300_001))
    hold_equal("gelu", normal(100_001))


def test_options() -> None:
    hold_equal("leaky_relu", normal(33), 0.3)
    hold_equal("leaky_relu", normal(33), negative_slope=-0.5)
    hold_equal("elu", normal(33) * 3, alpha=1.7)
    hold_equal("gelu", normal(33), "tanh")
    hold_equal("gelu", normal(33) * 4, approximate="tanh")
