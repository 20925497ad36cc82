"""The twin of attention against its page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal

NAME = "scaled_dot_product_attention"
few = st.integers(1, 20)


def normal(*shape: int, key: int = 0) -> Any:
    return np.random.default_rng((key, *shape)).standard_normal(shape).astype(np.float32)


def three(*batch: int, L: int, S: int, E: int, F: int) -> Any:
    return normal(*batch, L, E), normal(*batch, S, E, key=1), normal(*batch, S, F, key=2)


@given(batch=st.sampled_from([(), (2,), (2, 3)]), L=few, S=few, E=few, F=few)
def test_any_shape(batch: Any, L: int, S: int, E: int, F: int) -> None:
    hold_equal(NAME, *three(*batch, L=L, S=S, E=E, F=F), tolerance=1e-5)


@given(L=few, S=few, causal=st.booleans())
def test_masks(L: int, S: int, causal: bool) -> None:
    given = three(2, L=L, S=S, E=5, F=9)
    if causal:
        hold_equal(NAME, *given, None, True, tolerance=1e-5)
    else:
        hold_equal(NAME, *given, normal(L, S) > 0, scale=0.3, tolerance=1e-5)
        hold_equal(NAME, *given, normal(L, S), tolerance=1e-5)


def test_a_query_that_sees_no_key_reads_zero() -> None:
    q, k, v = three(1, L=3, S=11, E=4, F=4)
    seen = np.ones((3, 11), bool)
    seen[1] = False
    hold_equal(NAME, q, k, v, seen, tolerance=1e-5)


def test_nan_stays_in_its_head() -> None:
    q, k, v = three(3, L=4, S=9, E=8, F=8)
    q[1, 2, 3] = np.nan
    y, _ = dispatch.TWINS[NAME].pair[0](q, k, v)
    assert np.isnan(y[1, 2]).all() and np.isfinite(np.delete(y, 1, 0)).all()
    assert np.isfinite(y[1, [0, 1, 3]]).all()


def test_on_all_threads() -> None:
    hold_equal(NAME, *three(8, 4, L=50, S=50, E=32, F=32), tolerance=2e-5)


@pytest.mark.parametrize("mask", [normal(2, 1, 3, 4), normal(3, 1)])
def test_what_is_left_to_the_page(mask: Any) -> None:
    assert dispatch.twin(NAME, three(2, 1, L=3, S=4, E=5, F=6), {"attn_mask": mask}) is None
