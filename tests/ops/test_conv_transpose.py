"""Transposed convolution: the adjoint of convolution, with PyTorch's sizes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from glassnet.errors import ShapeError
from glassnet.ops._samples import normal
from glassnet.ops.conv import conv2d
from glassnet.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from glassnet.tensor import Tensor
from tests.helpers import check

few = st.integers(1, 3)


@settings(max_examples=60)
@given(
    groups=few,
    kernel=st.tuples(few, few),
    stride=few,
    dilation=few,
    padding=st.integers(0, 2),
    extra=st.integers(0, 2),
)
def test_is_the_adjoint_of_convolution(
    groups: int, kernel: Any, stride: int, dilation: int, padding: int, extra: int
) -> None:
    """<conv(u, w), v> = <u, conv_transpose(v, w)> for the same w and numbers."""
    assume(extra < max(stride, dilation))
    v, w = normal(2, 2 * groups, 4, 3), normal(2 * groups, 3, *kernel)
    numbers = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    assume(min(2 * stride + dilation * (k - 1) + 1 + extra for k in kernel) > 2 * padding)
    y = conv_transpose2d(Tensor(v), Tensor(w), output_padding=extra, **numbers).data
    u = normal(*y.shape, key=1)
    conv = conv2d(Tensor(u), Tensor(w), **numbers).data[:, :, :4, :3]
    assert np.sum(conv * v) == pytest.approx(float(np.sum(u * y)), rel=1e-10, abs=1e-10)


def test_by_hand() -> None:
    x = np.array([[[[1.0, 2.0]]]])
    w = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    # stride 1: the two copies of w overlap in the middle; stride 2: side by side
    check(conv_transpose2d, x, w, expected=np.array([[[[1.0, 12, 20], [100, 1200, 2000]]]]))
    apart = np.array([[[[1.0, 10, 2, 20], [100, 1000, 200, 2000]]]])
    check(conv_transpose2d, x, w, stride=2, expected=apart)
    check(conv_transpose2d, x, w, stride=2, padding=(0, 1), expected=apart[..., 1:3])


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"stride": 2}, (9, 11)),
        ({"stride": 2, "padding": 1}, (7, 9)),
        ({"stride": 2, "padding": 1, "output_padding": 1}, (8, 10)),
        ({"stride": (2, 3), "output_padding": (1, 2)}, (10, 17)),
        ({"dilation": 2, "output_padding": 1}, (9, 10)),
        ({"padding": ((1, 0), (0, 2))}, (5, 5)),
    ],
)
def test_sizes_and_gradients(options: Any, size: tuple[int, int]) -> None:
    y = check(conv_transpose2d, normal(1, 2, 4, 5), normal(2, 3, 3, 3), normal(3), **options)
    assert y[0].shape == (1, 3, *size)


def test_the_image_of_the_bias_is_flat() -> None:
    zero = Tensor(np.zeros((1, 2, 3, 3)))
    y = conv_transpose2d(zero, Tensor(normal(2, 3, 2, 2)), Tensor(np.arange(3.0)))
    assert np.array_equal(y.data, np.broadcast_to(np.arange(3.0)[:, None, None], (1, 3, 4, 4)))
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_in_one_dimension() -> None:
    x, w = np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0, 100.0]]])
    expected = np.array([[[1.0, 10, 102, 20, 200]]])
    check(conv_transpose1d, x, w, stride=2, expected=expected)
    longer = np.array([[[1.0, 10, 102, 20, 200, 0]]])
    check(conv_transpose1d, x, w, stride=2, output_padding=1, expected=longer)


@pytest.mark.parametrize(
    ("w", "options", "message"),
    [
        ((3, 2, 2, 2), {}, "expected 3 input channels"),
        ((4, 2, 2, 2), {"output_padding": 1}, "output_padding .* must be smaller"),
        ((4, 2, 2, 2), {"padding": 2}, "cuts off the whole output"),
        ((4, 2, 2, 2), {"bias": Tensor(np.zeros(3))}, r"expected a bias of shape \(2,\)"),
    ],
)
def test_what_does_not_fit(w: Any, options: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        conv_transpose2d(Tensor(normal(1, 4, 3, 3)), Tensor(normal(*w)), **options)
