"""The twin of dropout against its page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


@given(size=st.integers(0, 70), p=st.sampled_from([0.1, 0.5, 1.0]))
def test_any_length(size: int, p: float) -> None:
    hold_equal("dropout", normal(size), normal(size) > 0, p=p)


def test_any_layout() -> None:
    x = normal(2, 4, 5, 3).transpose(0, 3, 1, 2)
    hold_equal("dropout", x, x > 0)
    hold_equal("dropout", x, np.ascontiguousarray(x > 0))
    hold_equal("dropout", np.ascontiguousarray(x), x > 0)
    hold_equal("dropout", normal(4, 6)[::2, ::3], normal(2, 2) > 0)


def test_what_is_no_ordinary_number() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.0, np.nan, np.inf, 2.0, 3.0, 4.0], np.float32)
    hold_equal("dropout", x, np.array([1, 1, 1, 1, 0, 0, 0, 1, 0], bool))


def test_on_all_threads() -> None:
    hold_equal("dropout", normal(200_001), normal(200_001) > 0)


@pytest.mark.parametrize("keep", [normal(2, 1) > 0, normal(2, 3)])
def test_what_is_left_to_the_page(keep: np.ndarray) -> None:
    assert dispatch.twin("dropout", (normal(2, 3), keep), {}) is None
