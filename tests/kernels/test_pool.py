"""Twins of pooling against their pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal

sides = st.integers(1, 9)
kernels = st.sampled_from([(1, 1), (2, 2), (3, 3), (2, 3)])  # each is compiled
steps = st.tuples(st.integers(1, 4), st.integers(1, 4))


def images(n: int, c: int, h: int, w: int, kind: str = "channels last") -> Any:
    """Whole numbers, so that some are equal."""
    x = np.random.default_rng(n + c + h).integers(-4, 5, (n, h, w, c)).astype(np.float32)
    x = x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(x) if kind == "C" else x


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@given(
    n=st.integers(0, 3),
    c=st.sampled_from([1, 8, 19]),
    size=st.tuples(sides, sides),
    kernel=kernels,
    stride=st.none() | steps,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    kind=st.sampled_from(["channels last", "C"]),
)
def test_any_shape(
    name: str, n: int, c: int, size: Any, kernel: Any, stride: Any, padding: Any, kind: str
) -> None:
    assume(all(p <= k // 2 for p, k in zip(padding, kernel, strict=True)))
    assume(all(s + 2 * p >= k for s, p, k in zip(size, padding, kernel, strict=True)))
    hold_equal(name, images(n, c, *size, kind), kernel, stride, padding)


@given(c=st.sampled_from([3, 16]), size=st.tuples(sides, sides))
def test_the_mean_of_what_is_in_the_image(c: int, size: Any) -> None:
    x = images(2, c, *size)
    hold_equal("avg_pool2d", x, 3, stride=2, padding=1, count_include_pad=False)


def test_what_is_no_ordinary_number() -> None:
    x = images(2, 9, 6, 6)
    x[0, :, 1, 2], x[1, 3], x[1, 4] = np.nan, -np.inf, np.inf
    hold_equal("max_pool2d", x, 2)
    hold_equal("max_pool2d", x, 3, 2, 1)


def test_padding_on_one_side() -> None:
    hold_equal("max_pool2d", images(2, 9, 7, 7), 3, 2, ((0, 1), (1, 0)))
    hold_equal("avg_pool2d", images(2, 9, 7, 7), 3, 2, ((0, 1), (1, 0)))


def test_on_all_threads() -> None:
    hold_equal("max_pool2d", images(32, 16, 28, 28), 2)
    hold_equal("max_pool2d", images(32, 16, 29, 29), 3, 2, 1)
    hold_equal("avg_pool2d", images(32, 16, 28, 28), 2)


@pytest.mark.parametrize(
    "options", [{"dilation": 2}, {"ceil_mode": True}, {"padding": 2}, {"stride": 0}]
)
def test_what_is_left_to_the_page(options: dict[str, Any]) -> None:
    assert dispatch.twin("max_pool2d", (images(2, 3, 8, 8), 3), options) is None


def test_bins_of_one_size() -> None:
    for size, wanted in (((7, 7), 1), ((8, 6), (2, 3)), ((5, 4), (5, 1))):
        hold_equal("adaptive_avg_pool2d", images(2, 9, *size), wanted)
    for wanted in (2, (None, 1), [1, 1]):
        assert dispatch.twin("adaptive_avg_pool2d", (images(2, 9, 7, 7), wanted), {}) is None
