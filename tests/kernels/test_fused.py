"""Twins of operations in a row against their pages, which compose the parts' pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet.ops._image import nchw, nhwc
from tests.kernels.twins import hold_equal

SHAPES = [(5, 3), (2, 16, 4, 6), (3, 20, 5, 5), (64, 8, 7, 3), (1, 7, 9, 1)]


def images(*shape: int, key: int = 0) -> Any:
    """Normal numbers, channels last in memory where there are places."""
    x = np.random.default_rng(key).standard_normal(shape).astype(np.float32)
    return nchw(np.ascontiguousarray(nhwc(x))) if x.ndim == 4 else x


@pytest.mark.parametrize("activation", ["relu", "relu6", "gelu", "silu"])
@pytest.mark.parametrize("shape", SHAPES)
def test_norm_and_activation(shape: tuple[int, ...], activation: str) -> None:
    x, w, b = 3 + 2 * images(*shape), images(shape[1]), images(shape[1], key=1)
    hold_equal("batch_norm_act", x, w, b, activation=activation, tolerance=2e-5)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("shape", SHAPES)
def test_norm_residual_and_activation(shape: tuple[int, ...], activation: str) -> None:
    x, w, b = images(*shape), images(shape[1]), images(shape[1], key=1)
    r = images(*shape, key=2)
    hold_equal("batch_norm_act", x, w, b, r, activation=activation, tolerance=2e-5)


def test_norm_without_weight_and_bias_in_plain_layout() -> None:
    x = np.ascontiguousarray(images(4, 12, 6, 6))
    hold_equal("batch_norm_act", x, tolerance=2e-5)
    hold_equal("batch_norm_act", x, None, None, np.ascontiguousarray(images(4, 12, 6, 6, key=1)),
               tolerance=2e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((2, 8, 6, 6), (2,)),
        ((3, 20, 8, 8), (2, 2)),
        ((2, 3, 7, 9), (3, 2, 1)),
        ((1, 5, 4, 4), (4,)),
    ],
)
def test_relu_and_pool(shape: tuple[int, ...], window: tuple[int, ...]) -> None:
    hold_equal("relu_max_pool2d", images(*shape), *window)
    hold_equal("relu_max_pool2d", -np.abs(images(*shape)), *window)
    x = images(*shape)
    x[0, 0, 1, 1], x[0, 1, 0, 0] = np.nan, np.inf
    hold_equal("relu_max_pool2d", x, *window)
