"""Convolution against a seven-loop oracle, its algebra, its memory layout and its errors."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from glassnet.errors import ShapeError
from glassnet.ops import conv
from glassnet.ops._samples import normal
from glassnet.ops.conv import conv1d, conv2d, conv2d_backward, conv2d_forward
from glassnet.tape import Array
from glassnet.tensor import Tensor
from tests.helpers import check

few = st.integers(1, 3)
sides = st.tuples(st.integers(0, 2), st.integers(0, 2))


def naive_conv2d(x: Array, w: Array, stride: Any, pads: Any, dilation: Any, groups: int) -> Array:
    """The formula, read out loud."""
    x = np.pad(x, ((0, 0), (0, 0), *pads))
    (n, _, h, wide), (o, c, kh, kw) = x.shape, w.shape
    oh = (h - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (wide - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, o, oh, ow))
    for image, out, row, column in np.ndindex(y.shape):
        first = out // (o // groups) * c  # the first channel of the group
        for channel, i, j in np.ndindex(c, kh, kw):
            p, q = row * stride[0] + i * dilation[0], column * stride[1] + j * dilation[1]
            y[image, out, row, column] += x[image, first + channel, p, q] * w[out, channel, i, j]
    return y


@settings(max_examples=60)
@given(
    n=few,
    per_group=st.tuples(few, few),
    groups=few,
    kernel=st.tuples(few, few),
    stride=st.tuples(few, few),
    dilation=st.tuples(few, few),
    pads=st.tuples(sides, sides),
)
def test_agrees_with_seven_loops(
    n: int, per_group: Any, groups: int, kernel: Any, stride: Any, dilation: Any, pads: Any
) -> None:
    x = normal(n, per_group[0] * groups, 5, 6)
    w = normal(per_group[1] * groups, per_group[0], *kernel)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    assume(reach[0] <= 5 + sum(pads[0]) and reach[1] <= 6 + sum(pads[1]))
    y = conv2d(Tensor(x), Tensor(w), None, stride, pads, dilation, groups)
    np.testing.assert_allclose(
        y.data, naive_conv2d(x, w, stride, pads, dilation, groups), rtol=1e-12, atol=1e-12
    )


def test_by_hand() -> None:
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    w = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    # 0 1 + 1 2 + 3 3 + 4 4 = 27, and each step right or down adds 1 or 3 times the sum of w
    check(conv2d, x, w, np.array([0.5]), expected=np.array([[[[27.5, 37.5], [57.5, 67.5]]]]))


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((1, 1, 5, 5), (1, 1, 5, 5), {}),
        ((1, 3, 4, 4), (2, 3, 3, 3), {"padding": "same"}),
        ((2, 4, 5, 5), (8, 1, 3, 3), {"groups": 4, "stride": 2, "padding": 1}),  # multiplier 2
        ((2, 3, 6, 6), (3, 1, 3, 3), {"groups": 3, "dilation": 2, "padding": "same"}),
        ((1, 2, 7, 7), (4, 2, 1, 1), {"stride": 3}),  # some pixels are never seen
    ],
)
def test_gradients(x: Any, w: Any, options: Any) -> None:
    check(conv2d, normal(*x), normal(*w), normal(w[0]), **options)


def test_gradients_entry_by_entry_at_extremes() -> None:
    x = 300 * np.sign(normal(1, 2, 3, 3))
    check(conv2d, x, normal(2, 2, 2, 2), normal(2), every_entry=True, tolerance=1e-5)
    check(conv2d, np.zeros((1, 2, 3, 3)), normal(2, 2, 2, 2), normal(2), every_entry=True)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_are_convolutions_side_by_side(groups: int) -> None:
    x, w = normal(2, 4, 5, 5), normal(4, 4 // groups, 3, 3)
    parts = [
        conv2d(Tensor(a), Tensor(b)).data
        for a, b in zip(np.split(x, groups, axis=1), np.split(w, groups), strict=True)
    ]
    whole = conv2d(Tensor(x), Tensor(w), groups=groups).data
    np.testing.assert_allclose(whole, np.concatenate(parts, axis=1), rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 3])
def test_the_sums_and_their_adjoints(groups: int) -> None:
    """<conv(x, w), dy> = <x, dx> = <w, dw>: the output is linear in each."""
    x, w = normal(2, 3, 6, 5), normal(6, 3 // groups, 3, 2)
    y, cache = conv2d_forward(x, w, None, stride=2, padding=1, groups=groups)
    dy = normal(*y.shape, key=1)
    dx, dw, _ = conv2d_backward(dy, cache)
    assert dx is not None
    assert dw is not None
    inner = float(np.sum(y * dy))
    assert np.sum(x * dx) == pytest.approx(inner, rel=1e-12)
    assert np.sum(w * dw) == pytest.approx(inner, rel=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_few_images_at_a_time_changes_nothing(
    groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, w, b = normal(5, 4, 6, 6), normal(4, 4 // groups, 3, 3), normal(4)

    def run() -> list[Any]:
        y, cache = conv2d_forward(x, w, b, padding=1, groups=groups)
        return [y, *conv2d_backward(normal(*y.shape, key=1), cache)]

    together = run()
    for images in (1, 2):
        monkeypatch.setattr(conv, "AT_ONCE", images * 36 * w[0].size * groups * 8)
        for one, other in zip(run(), together, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_memory_is_channels_last() -> None:
    x = Tensor(normal(2, 3, 5, 5).astype(np.float32), requires_grad=True)
    w = Tensor(normal(4, 3, 3, 3).astype(np.float32), requires_grad=True)
    y = conv2d(x, w, padding=1)
    y.backward(np.ones(y.shape, np.float32))
    assert x.grad is not None
    assert w.grad is not None
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
    assert x.grad.data.strides[1] == x.grad.data.itemsize
    assert w.grad.data.transpose(2, 3, 1, 0).flags.c_contiguous
    assert y.dtype == x.grad.dtype == w.grad.dtype == np.float32


def test_computes_what_is_needed() -> None:
    y, cache = conv2d_forward(normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(4))
    for i in range(3):
        needs = tuple(i == k for k in range(3))
        grads = conv2d_backward(np.ones_like(y), cache, needs)
        assert tuple(g is not None for g in grads) == needs
    _, cache = conv2d_forward(normal(2, 3, 5, 5), normal(4, 3, 3, 3))
    assert conv2d_backward(np.ones_like(y), cache, (True, True))[2] is None


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_empty_batch(groups: int) -> None:
    x, w = np.zeros((0, 4, 5, 5)), normal(4, 4 // groups, 3, 3)
    y, cache = conv2d_forward(x, w, normal(4), groups=groups)
    dx, dw, db = conv2d_backward(y, cache)
    assert dx is not None
    assert (y.shape, dx.shape) == ((0, 4, 3, 3), x.shape)
    assert np.array_equal(dw, np.zeros_like(w))
    assert np.array_equal(db, np.zeros(4))


@pytest.mark.parametrize(
    ("x", "w", "b", "options", "message"),
    [
        ((64, 1, 28, 28), (16, 3, 5, 5), 16, {}, r"expected 3 input channels \(weight \(16, 3, 5"),
        ((2, 4, 5, 5), (4, 4, 3, 3), 4, {"groups": 2}, "expected 8 input channels .*groups=2"),
        ((2, 4, 5, 5), (3, 2, 3, 3), 3, {"groups": 2}, "3 output channels .* 2 equal groups"),
        ((2, 4, 5, 5), (3, 4, 3, 3), 4, {}, r"expected a bias of shape \(3,\), got \(4,\)"),
        ((4, 5, 5), (3, 4, 3, 3), 3, {}, r"expected images \(N, C, H, W\)"),
        ((2, 4, 5, 5), (3, 4, 3), 3, {}, "filters"),
        ((2, 4, 5, 5), (3, 4, 7, 7), 3, {"padding": ((1, 0), 0)}, "padding"),
        ((2, 4, 5, 5), (3, 4, 8, 7), 3, {"padding": 1}, "8 x 7 .* larger than .* 7 x 7"),
    ],
)
def test_what_does_not_fit(x: Any, w: Any, b: int, options: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        conv2d(Tensor(normal(*x)), Tensor(normal(*w)), Tensor(normal(b)), **options)


# -- conv1d --------------------------------------------------------------------------------------
def test_conv1d_by_hand() -> None:
    x, w = np.array([[[1.0, 2.0, 4.0, 8.0]]]), np.array([[[1.0, -1.0]]])
    check(conv1d, x, w, expected=np.array([[[-1.0, -2.0, -4.0]]]))
    check(conv1d, x, w, padding="same", expected=np.array([[[-1.0, -2.0, -4.0, 8.0]]]))
    check(conv1d, x, w, None, 2, expected=np.array([[[-1.0, -4.0]]]))
    check(conv1d, x, w, None, (2,), expected=np.array([[[-1.0, -4.0]]]))


def test_padding_on_the_left_alone_sees_no_future() -> None:
    x = Tensor(normal(1, 2, 8), requires_grad=True)
    y = conv1d(x, Tensor(normal(3, 2, 3)), padding=(4, 0), dilation=2)
    dy = np.zeros(y.shape)
    dy[:, :, 4] = 1
    y.backward(dy)
    assert x.grad is not None
    assert y.shape == (1, 3, 8)
    assert not x.grad.data[:, :, 5:].any()
    assert x.grad.data[:, :, [0, 2, 4]].all()


def test_conv1d_says_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="expected 3 input channels"):
        conv1d(Tensor(normal(2, 4, 9)), Tensor(normal(5, 3, 3)))
    with pytest.raises(ShapeError, match="stride of a sequence is one number"):
        conv1d(Tensor(normal(2, 4, 9)), Tensor(normal(5, 4, 3)), stride=(1, 1))
    with pytest.raises(ShapeError, match=r"expected sequences \(N, C, L\)"):
        conv1d(Tensor(normal(4, 9)), Tensor(normal(5, 4, 3)))
