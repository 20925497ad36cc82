import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.twins import hold_equal

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-37, -1e-37, 3e38, -3e38], np.float32)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(size=st.integers(0, 70), offset=st.sampled_from([0, 4, 12]))
def test_relu_of_any_length_and_alignment(size: int, offset: int) -> None:
    hold_equal("relu", normal(size), offset=offset)


@pytest.mark.parametrize("order", ["C", "F", "channels last", "gaps"])
def test_relu_of_any_layout(order: str) -> None:
    x = normal(2, 5, 3, 4)
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    elif order == "gaps":
        x = normal(4, 5, 6, 4)[::2, :, ::2]
    hold_equal("relu", x)


def test_relu_of_what_is_no_ordinary_number() -> None:
    hold_equal("relu", SPECIAL)
    hold_equal("relu", np.tile(SPECIAL, 5))


def test_relu_on_all_threads() -> None:
    hold_equal("relu", normal(300_001))
