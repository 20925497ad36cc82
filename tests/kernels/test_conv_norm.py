"""The twin of convolution, norm and activation in training, against the page of its parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet import kernels
from glassnet.kernels import dispatch, statistics
from glassnet.kernels.ready import Launch, run_all
from glassnet.operation import OPERATIONS
from glassnet.ops._image import nchw, nhwc
from tests.kernels.twins import hold_equal

WAYS = {
    "direct": ((3, 5, 9, 8), (20, 5, 3, 3), {"padding": 1}),
    "strided": ((3, 16, 9, 9), (32, 16, 3, 3), {"stride": 2, "padding": 1}),
    "in groups": ((2, 6, 7, 7), (10, 3, 3, 3), {"groups": 2}),
    "one image a chunk": ((2, 3, 40, 40), (8, 3, 5, 5), {"padding": 2}),
    "1 x 1": ((4, 12, 5, 5), (18, 12, 1, 1), {}),
    "winograd": ((6, 16, 15, 7), (32, 16, 3, 3), {"padding": 1}),
    "depthwise": ((3, 16, 8, 8), (16, 1, 3, 3), {"padding": 1, "groups": 16}),
    "two places": ((2, 4, 3, 3), (8, 4, 3, 3), {}),
}


def images(*shape: int, key: int = 0) -> Any:
    """Normal numbers, channels last in memory."""
    x = np.random.default_rng(key).standard_normal(shape).astype(np.float32)
    return nchw(np.ascontiguousarray(nhwc(x))) if x.ndim == 4 else x


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("way", WAYS)
def test_values_and_gradients(way: str, activation: str) -> None:
    shape, filters, options = WAYS[way]
    x, w, g, h = images(*shape), images(*filters), images(filters[0]), images(filters[0], key=1)
    b = images(filters[0], key=2)
    hold_equal(
        "conv2d_norm_act",
        x,
        w,
        b,
        g,
        h,
        activation=activation,
        tolerance=1e-4,
        least=1.0,
        **options,
    )


def test_a_residual_and_no_parameters_of_the_norm() -> None:
    x, w, r = images(4, 16, 8, 8), images(16, 16, 3, 3), images(4, 16, 8, 8, key=1)
    options = {"padding": 1, "tolerance": 1e-4, "least": 1.0}
    hold_equal("conv2d_norm_act", x, w, None, None, None, r, **options)
    with kernels.exact():
        hold_equal("conv2d_norm_act", x, w, None, None, None, r, activation="relu6", **options)
    assert dispatch.twin("conv2d_norm_act", (x, w, None, None, None, r[:1]), {"padding": 1}) is None
    options = {"padding": 1, "activation": "silu"}  # whose derivative does not follow from y
    assert dispatch.twin("conv2d_norm_act", (x, w, None, None, None, r), options) is None


@pytest.mark.parametrize("way", ["direct", "winograd", "strided", "in groups"])
def test_a_channel_far_from_zero_keeps_its_digits(way: str) -> None:
    shape, filters, options = WAYS[way]
    x, w = images(*shape), images(*filters)
    far = np.full(filters[0], 3000, np.float32)
    pair = dispatch.twin("conv2d_norm_act", (x, w, far), options)
    assert pair is not None
    twin, _ = pair[0](x, w, far, **options)
    wide = [a.astype(np.float64) for a in (x, w, far)]
    page, _ = OPERATIONS["conv2d_norm_act"].page[0](*wide, **options)
    np.testing.assert_allclose(twin[1], page[1], rtol=1e-6)
    np.testing.assert_allclose(twin[2], page[2], rtol=1e-4)


def test_what_is_not_finite_goes_where_it_goes_on_the_page() -> None:
    x, w = images(6, 16, 8, 8), images(16, 16, 3, 3)
    x[1, 2, 3, 4] = np.nan
    with np.errstate(invalid="ignore"):
        hold_equal("conv2d_norm_act", x, w, padding=1, tolerance=1e-4, least=1.0)


def test_parts_with_their_shifts_are_put_together() -> None:
    y = 5 + np.random.default_rng(0).standard_normal((70, 3))
    sums = statistics.room(3, 3)
    for slot, rows in enumerate(np.split(y, [10, 11])):
        u = rows - rows[0].astype(np.float32)
        sums.shift[slot] = rows[0]
        sums.sums[slot, :3], sums.sums[slot, 3:6] = u.sum(0), (u * u).sum(0)
        sums.sums[slot, 6:] = len(rows)
    weight = np.array([1, -2, 0.5], np.float32)
    rstd = 1 / np.sqrt(y.var(0) + 1e-5)
    todo: list[Launch] = []
    made = statistics.settled(sums, 3, weight, 1e-5, todo)
    plain = statistics.settled(sums, 3, None, 1e-5, todo)
    run_all(todo)
    for found, right in zip(made, (y.mean(0), y.var(0), rstd, rstd * weight), strict=True):
        np.testing.assert_allclose(found, right, rtol=1.2e-7)  # rounded once to float32
    np.testing.assert_array_equal(plain.scale, made.rstd)
