"""Twins of batch norm and layer norm against their pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal

widths = st.sampled_from([1, 5, 8, 16, 19])  # each width mod 8 is compiled
TOLERANCE = 1e-5


def normal(*shape: int, key: int = 0) -> Any:
    return np.random.default_rng((key, *shape)).standard_normal(shape).astype(np.float32)


def images(n: int, c: int, h: int, w: int) -> Any:
    return normal(n, h, w, c).transpose(0, 3, 1, 2)


def positive(c: int) -> Any:
    return np.abs(normal(c, key=2)) + np.float32(0.5)


@given(n=st.integers(2, 4), c=widths, h=st.integers(1, 14), affine=st.booleans())
def test_batch_norm(n: int, c: int, h: int, affine: bool) -> None:
    given = (normal(c), normal(c, key=1)) if affine else (None, None)
    hold_equal("batch_norm", images(n, c, h, 3), *given, tolerance=TOLERANCE)
    hold_equal("batch_norm", np.ascontiguousarray(images(n, c, h, 3)), *given, tolerance=TOLERANCE)
    hold_equal("batch_norm", normal(n + h, c), *given, tolerance=TOLERANCE)


@given(n=st.integers(1, 4), c=widths, h=st.integers(1, 4))
def test_batch_norm_with_constants(n: int, c: int, h: int) -> None:
    constants = normal(c), normal(c, key=1), normal(c, key=3), positive(c)
    hold_equal("batch_norm_eval", images(n, c, h, 3), *constants, tolerance=TOLERANCE)
    hold_equal("batch_norm_eval", normal(n, c), None, None, *constants[2:], tolerance=TOLERANCE)


def test_a_channel_far_from_zero_keeps_its_digits() -> None:
    x = images(8, 3, 16, 16) + np.float32([1e3, -1e4, 0])[:, None, None]
    (_, mean, var), _ = dispatch.TWINS["batch_norm"].pair[0](x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 2, 3)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(var, wide.var((0, 2, 3)), rtol=1e-5)


def test_a_channel_that_never_changes() -> None:
    x = np.full((4, 9, 3, 3), np.float32(0.1))
    (y, mean, var), _ = dispatch.TWINS["batch_norm"].pair[0](x, None, np.ones(9, np.float32))
    assert (y == 1).all() and (var == 0).all() and np.allclose(mean, 0.1)


def test_what_is_no_ordinary_number() -> None:
    x = images(3, 9, 2, 2)
    x[0, 2, 1, 1], x[1, 4, 0, 0] = np.nan, np.inf
    (y, mean, var), _ = dispatch.TWINS["batch_norm"].pair[0](x)
    for channel in range(9):
        usual = channel not in (2, 4)
        assert np.isfinite(y[:, channel]).all() == usual
        assert np.isfinite(var[channel]) == usual
    assert np.isnan(mean[2]) and np.isinf(mean[4])


@given(rows=st.integers(1, 9), d=widths, affine=st.booleans(), scale=st.sampled_from([1, 50]))
def test_layer_norm(rows: int, d: int, affine: bool, scale: float) -> None:
    given = (normal(d), normal(d, key=1)) if affine else (None, None)
    x = normal(rows, d) * np.float32(scale)
    if d > 1:  # of one number, what is left of x - mean is rounding
        hold_equal("layer_norm", x, *given, tolerance=TOLERANCE)
        hold_equal("layer_norm", normal(2, rows, d), *given, eps=0.1, tolerance=TOLERANCE)


def test_on_all_threads() -> None:
    hold_equal("batch_norm", images(16, 32, 28, 28), normal(32), normal(32, key=1), tolerance=2e-5)
    hold_equal("layer_norm", normal(4000, 64), normal(64), normal(64, key=1), tolerance=2e-5)


@pytest.mark.parametrize("x", [normal(0, 3, 2, 2), normal(1, 3), normal(1, 3).astype(np.float64)])
def test_what_is_left_to_the_page(x: Any) -> None:
    assert dispatch.twin("batch_norm", (x,), {}) is None
