"""The twin of embedding against its page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal


def table(rows: int, columns: int) -> Any:
    return np.random.default_rng(rows).standard_normal((rows, columns)).astype(np.float32)


def places(*shape: int, rows: int) -> Any:
    return np.random.default_rng(shape).integers(0, rows, shape)


@given(
    m=st.integers(1, 30),
    v=st.integers(1, 6),
    d=st.sampled_from([1, 7, 8, 24, 29]),
    padding=st.sampled_from([None, 0, -1]),
)
def test_any_shape(m: int, v: int, d: int, padding: int | None) -> None:
    wide = {"least": 1.0}  # a sum may be a small difference of large numbers
    hold_equal("embedding", places(m, rows=v), table(v, d), padding, **wide)
    hold_equal("embedding", places(2, m, rows=v).astype(np.int32), table(v, d), padding, **wide)


def test_on_all_threads() -> None:
    hold_equal("embedding", places(3000, rows=50), table(50, 100))


def test_a_row_of_nan_is_fetched_as_it_is() -> None:
    weight = table(4, 9)
    weight[2] = np.nan
    hold_equal("embedding", np.array([0, 2, 1]), weight)


@pytest.mark.parametrize("index", [[0, 4], [-1, 0], []])
def test_what_is_left_to_the_page(index: list[int]) -> None:
    given = (np.array(index, np.int64), table(4, 3))
    assert dispatch.twin("embedding", given, {}) is None
