"""Twins of softmax and cross-entropy against their pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal

lengths = st.sampled_from([1, 5, 8, 10, 19, 40])  # each length mod 8 is compiled


def normal(*shape: int, scale: float = 1) -> Any:
    x = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    return x * np.float32(scale)


def labels(rows: int, k: int) -> Any:
    return np.random.default_rng(rows).integers(0, k, rows)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(rows=st.integers(0, 5), k=lengths, scale=st.sampled_from([1, 6]))
def test_softmax_of_any_shape(name: str, rows: int, k: int, scale: float) -> None:
    hold_equal(name, normal(rows, k, scale=scale), tolerance=1e-5)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_what_is_no_ordinary_number(name: str) -> None:
    x = normal(6, 11)
    x[0, 3], x[1, 2], x[2, 9:], x[3, 0] = np.nan, -np.inf, -np.inf, 3e38
    hold_equal(name, x[:4], tolerance=1e-5)


def test_softmax_of_three_axes_and_gaps() -> None:
    hold_equal("softmax", normal(3, 4, 10), 2, tolerance=1e-5)
    hold_equal("softmax", normal(6, 20)[::2, ::2], tolerance=1e-5)
    assert dispatch.twin("softmax", (normal(3, 4),), {"dim": 0}) is None


@given(
    rows=st.integers(1, 9),
    k=lengths,
    e=st.sampled_from([0.0, 0.2]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_cross_entropy(rows: int, k: int, e: float, reduction: str) -> None:
    hold_equal(
        "cross_entropy", normal(rows, k, scale=5), labels(rows, k),
        reduction=reduction, label_smoothing=e, tolerance=1e-5,
    )  # fmt: skip


def test_cross_entropy_of_what_is_no_ordinary_number() -> None:
    x = normal(4, 10)
    x[0, 3], x[1, 2], x[2, 0] = np.nan, -np.inf, 3e38
    hold_equal("cross_entropy", x, np.array([1, 5, 0, 2]), reduction="none", tolerance=1e-5)


def test_on_all_threads() -> None:
    hold_equal("softmax", normal(3000, 100), tolerance=1e-5)
    hold_equal("cross_entropy", normal(3000, 100), labels(3000, 100), tolerance=1e-5)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (np.array([0, 3]), {}),
        (np.array([-100, 1]), {}),
        (np.array([0.0, 1.0]), {}),
        (np.array([0, 1]), {"weight": np.ones(3, np.float32)}),
        (np.array([0, 1]), {"ignore_index": 1}),
    ],
)
def test_what_is_left_to_the_page(target: Any, options: dict[str, Any]) -> None:
    assert dispatch.twin("cross_entropy", (normal(2, 3), target), options) is None
