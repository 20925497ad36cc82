"""Pooling: values by hand, ties, padding, PyTorch's sizes, and bins that overlap."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.errors import ShapeError
from glassnet.ops._samples import distinct, normal
from glassnet.ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from glassnet.tape import Array
from glassnet.tensor import Tensor
from tests.helpers import check

SQUARE = np.arange(16.0).reshape(1, 1, 4, 4)


def gradient(op: Any, x: Array, *args: Any, **options: Any) -> Array:
    """dx for dy = 1 everywhere."""
    leaf = Tensor(x, requires_grad=True)
    y = op(leaf, *args, **options)
    y.backward(np.ones(y.shape))
    assert leaf.grad is not None
    return leaf.grad.data


def test_by_hand() -> None:
    check(max_pool2d, SQUARE, 2, expected=np.array([[[[5.0, 7.0], [13.0, 15.0]]]]))
    check(avg_pool2d, SQUARE, 2, expected=np.array([[[[2.5, 4.5], [10.5, 12.5]]]]))
    check(max_pool2d, SQUARE, 3, 1, expected=np.array([[[[10.0, 11.0], [14.0, 15.0]]]]))


@settings(max_examples=40)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    pad=st.booleans(),
    dilation=st.integers(1, 2),
)
def test_max_agrees_with_loops(kernel: Any, stride: int, pad: bool, dilation: int) -> None:
    x = distinct(2, 3, 6, 7)
    pads = [k // 2 if pad else 0 for k in kernel]
    y = max_pool2d(Tensor(x), kernel, stride, tuple(pads), dilation).data
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in pads)), constant_values=-np.inf)
    for n, c, h, w in np.ndindex(y.shape):
        rows = h * stride + dilation * np.arange(kernel[0])
        columns = w * stride + dilation * np.arange(kernel[1])
        assert y[n, c, h, w] == padded[n, c][np.ix_(rows, columns)].max()


def test_first_of_equal_entries_gets_the_gradient() -> None:
    x = np.array([[[[1.0, 7.0], [7.0, 7.0]]]])
    assert np.array_equal(gradient(max_pool2d, x, 2), [[[[0, 1], [0, 0]]]])
    assert np.array_equal(gradient(adaptive_max_pool2d, x, 1), [[[[0, 1], [0, 0]]]])
    assert np.array_equal(gradient(max_pool2d, np.zeros((1, 1, 2, 2)), 2), [[[[1, 0], [0, 0]]]])


def test_windows_that_share_a_maximum_add_up() -> None:
    x = np.array([[[[0.0, 1.0, 9.0, 2.0, 3.0]]]])
    assert np.array_equal(gradient(max_pool2d, x, (1, 3), 1), [[[[0, 0, 3, 0, 0]]]])


def test_padding_is_never_the_maximum() -> None:
    y = max_pool2d(Tensor(-5 - np.zeros((1, 1, 3, 3))), 3, 2, 1)
    assert np.array_equal(y.data, np.full((1, 1, 2, 2), -5.0))


def test_many_taps_have_numbers_enough() -> None:
    x = distinct(1, 2, 17, 17)  # 289 taps do not fit into a byte
    for corner in ((0, 0), (16, 16), (8, 3)):
        x[0, 1][corner] = 1000
        dx = gradient(max_pool2d, x, 17)
        assert tuple(np.argwhere(dx[0, 1])[0]) == corner
        x[0, 1][corner] = 0


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "places"),
    # the last: a window may begin in the image, or in the padding before it, not behind it
    [(5, 2, 2, 0, 3), (6, 3, 2, 0, 3), (7, 3, 3, 1, 3), (4, 2, 2, 1, 3), (3, 2, 3, 1, 2)],
)
def test_ceil_mode(size: int, kernel: int, stride: int, padding: int, places: int) -> None:
    x = normal(1, 1, size, size)
    options = {"stride": stride, "padding": padding, "ceil_mode": True}
    for op in (max_pool2d, avg_pool2d):
        (y,) = check(op, x, kernel, **options)
        assert y.shape[2:] == (places, places)
        assert np.isfinite(y).all()


def test_what_the_average_counts() -> None:
    x = np.ones((1, 1, 3, 3))
    corner, edge = 4 / 9, 6 / 9
    with_padding = np.array([[corner, edge, corner], [edge, 1, edge], [corner, edge, corner]])
    check(avg_pool2d, x, 3, 1, 1, expected=with_padding[None, None])
    check(avg_pool2d, x, 3, 1, 1, count_include_pad=False, expected=x)
    # ceil_mode: the window that hangs over the end divides by what it has
    check(avg_pool2d, x, 2, ceil_mode=True, expected=np.ones((1, 1, 2, 2)))


def test_average_hands_on_the_whole_gradient() -> None:
    dx = gradient(avg_pool2d, normal(2, 3, 6, 6), 3, 3)
    np.testing.assert_allclose(dx, np.full((2, 3, 6, 6), 1 / 9))
    assert gradient(avg_pool2d, normal(2, 3, 5, 5), 2, 1).sum() == pytest.approx(2 * 3 * 16)


def test_sequences() -> None:
    x = np.array([[[3.0, 1.0, 4.0, 1.0, 5.0]]])
    check(max_pool1d, distinct(1, 2, 5), 2)
    assert np.array_equal(max_pool1d(Tensor(x), 2).data, [[[3, 4]]])
    assert np.array_equal(max_pool1d(Tensor(x), 2, ceil_mode=True).data, [[[3, 4, 5]]])
    check(avg_pool1d, x, 2, 1, expected=np.array([[[2.0, 2.5, 2.5, 3.0]]]))
    check(adaptive_avg_pool1d, x, 2, expected=np.array([[[8 / 3, 10 / 3]]]))


def test_adaptive_bins_by_hand() -> None:
    x = np.arange(5.0).reshape(1, 1, 1, 5)  # three bins: 0 1, 1 2 3, 3 4
    check(adaptive_avg_pool2d, x, (1, 3), expected=np.array([[[[0.5, 2.0, 3.5]]]]))
    check(adaptive_max_pool2d, x, (1, 3), expected=np.array([[[[1.0, 3.0, 4.0]]]]))
    assert np.array_equal(gradient(adaptive_max_pool2d, x, (1, 3)), [[[[0, 1, 0, 1, 1]]]])


def test_adaptive_is_ordinary_pooling_where_the_bins_fit() -> None:
    x = Tensor(distinct(2, 3, 6, 4))
    for adaptive, fixed in ((adaptive_avg_pool2d, avg_pool2d), (adaptive_max_pool2d, max_pool2d)):
        np.testing.assert_allclose(adaptive(x, (3, 2)).data, fixed(x, 2).data, rtol=1e-12)
        np.testing.assert_allclose(adaptive(x, (None, 4)).data, x.data, rtol=1e-12)
    np.testing.assert_allclose(
        adaptive_avg_pool2d(x, 1).data[:, :, 0, 0], x.data.mean((2, 3)), rtol=1e-12
    )


def test_output_is_channels_last() -> None:
    for y in (max_pool2d(Tensor(normal(2, 3, 4, 4)), 2), avg_pool2d(Tensor(normal(2, 3, 4, 4)), 2)):
        assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("op", [max_pool2d, avg_pool2d, adaptive_avg_pool2d, adaptive_max_pool2d])
def test_empty_batch_and_extremes(op: Any) -> None:
    assert gradient(op, np.zeros((0, 3, 4, 4)), 2).shape == (0, 3, 4, 4)
    y = op(Tensor(np.array([[[[-300.0, 300.0], [0.0, 0.0]]]], np.float32)), 1)
    assert y.dtype == np.float32
    assert np.isfinite(y.data).all()


@pytest.mark.parametrize(
    ("op", "args", "message"),
    [
        (max_pool2d, (2, 2, 2), "more than half of the window"),
        (avg_pool2d, (5,), "larger than the padded input of 4 x 4"),
        (max_pool2d, (0,), "kernel_size"),
        (adaptive_avg_pool2d, (0,), "output_size"),
        (adaptive_avg_pool2d, ((1, 2, 3),), "output_size"),
    ],
)
def test_what_does_not_fit(op: Any, args: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        op(Tensor(normal(1, 2, 4, 4)), *args)


def test_adaptive_needs_a_pixel() -> None:
    for shape in ((2, 3, 0, 4), (3, 4)):
        with pytest.raises(ShapeError, match="at least a pixel"):
            adaptive_avg_pool2d(Tensor(np.zeros(shape)), 1)
