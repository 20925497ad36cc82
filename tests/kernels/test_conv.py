"""Direct convolution against its page, over shapes, strides, paddings, dilations and groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.kernels import dispatch
from tests.kernels.twins import hold_equal

TOLERANCE = 5e-6  # of the largest entry; sums of a few thousand products in float32


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def hold(x, weight, bias=True, **options) -> None:
    b = normal(len(weight), seed=2) if bias else None
    hold_equal("conv2d", x, weight, b, tolerance=TOLERANCE, least=1.0, **options)


@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((2, 1, 28, 28), (8, 1, 5, 5), {"padding": 2}),  # LeNet
        ((2, 8, 14, 14), (16, 8, 5, 5), {"padding": 2}),
        ((2, 3, 32, 32), (16, 3, 5, 5), {"padding": 2}),  # ConvNetJS
        ((2, 16, 16, 16), (20, 16, 5, 5), {"padding": "same"}),
        ((2, 20, 8, 8), (20, 20, 5, 5), {"padding": 2}),
        ((2, 3, 32, 32), (16, 3, 3, 3), {"padding": 1}),  # ResNet-20
        ((2, 16, 32, 32), (32, 16, 3, 3), {"padding": 1, "stride": 2}),
        ((2, 16, 32, 32), (32, 16, 1, 1), {"stride": 2}),
        ((4, 64, 8, 8), (64, 64, 3, 3), {"padding": 1}),
    ],
)
def test_shapes_of_real_networks(x, weight, options) -> None:
    hold(normal(*x), normal(*weight, seed=1), **options)


sizes = st.integers(1, 3)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    kernel = draw(st.tuples(sizes, st.integers(1, 5)))
    dilation, stride = draw(st.tuples(sizes, sizes)), draw(st.tuples(sizes, sizes))
    padding = draw(
        st.one_of(
            st.integers(0, 3),
            st.tuples(st.integers(0, 4), st.integers(0, 4)),
            st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2),
        )
    )
    inputs, outputs = draw(st.integers(1, 10)), draw(st.integers(1, 20))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    high, wide = (draw(st.integers(n, n + 9)) for n in reach)
    x = normal(draw(st.integers(1, 5)), inputs * groups, high, wide)
    weight = normal(outputs * groups, inputs, *kernel, seed=1)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, weight, draw(st.booleans()), options


@given(convolutions())
@settings(max_examples=60)
def test_any_convolution(case) -> None:
    x, weight, bias, options = case
    hold(x, weight, bias, **options)


@pytest.mark.parametrize(
    "needs", [(True, False, False), (False, True, False), (False, False, True)]
)
def test_only_what_is_needed(needs: tuple[bool, ...]) -> None:
    from glassnet.kernels.conv import conv2d_backward, conv2d_forward

    y, cache = conv2d_forward(normal(2, 3, 6, 6), normal(4, 3, 3, 3, seed=1), normal(4))
    gradients = conv2d_backward(normal(*y.shape), cache, needs)
    assert gradients[0] is None or needs[0]
    assert gradients[1] is None or needs[1] or needs[2]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [7, 31, 33])  # pixels up to which it is a product, and more
def test_filters_of_one_pixel(size: int, bias: bool) -> None:
    hold(normal(1, 300, size, size), normal(50, 300, 1, 1, seed=1), bias)


@pytest.mark.parametrize("layout", ["C", "F", "channels last", "gaps", "reversed"])
def test_any_layout(layout: str) -> None:
    x, weight = normal(3, 5, 7, 6), normal(9, 5, 3, 3, seed=1)
    if layout == "F":
        x, weight = np.asfortranarray(x), np.asfortranarray(weight)
    elif layout == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        weight = np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)
    elif layout == "gaps":
        x = normal(3, 10, 7, 12)[:, ::2, :, ::2]
    elif layout == "reversed":
        x = x[:, :, ::-1]
    hold(x, weight, padding=1)


@pytest.mark.parametrize("offset", [0, 4, 16, 20])
def test_any_alignment(offset: int) -> None:
    hold_equal("conv2d", normal(2, 3, 6, 5), normal(5, 3, 2, 2, seed=1), None, offset=offset)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_spreads_as_on_the_page(value: float) -> None:
    x = np.abs(normal(2, 3, 6, 6))
    x[1, 2, 3, 3] = value
    hold(x, np.abs(normal(5, 3, 3, 3, seed=1)) + 0.1, padding=1)


@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((0, 3, 5, 5), (4, 3, 3, 3), {}),  # an empty batch
        ((2, 3, 5, 5), (4, 2, 3, 3), {}),  # channels that do not fit
        ((2, 3, 2, 2), (4, 3, 3, 3), {}),  # a window larger than the image
        ((2, 3, 5, 5), (4, 3, 3, 3), {"stride": [1, 1]}),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"padding": "all"}),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"padding": "same", "stride": 2}),
        ((2, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}),
    ],
)
def test_what_the_page_is_left_with(x, weight, options) -> None:
    arguments = (normal(*x), normal(*weight, seed=1))
    assert dispatch.twin("conv2d", arguments, options) is None
    double = tuple(a.astype(np.float64) for a in arguments)
    assert dispatch.twin("conv2d", double, options) is None


def test_twice_the_same_to_the_last_bit() -> None:
    from glassnet.kernels.conv import conv2d_backward, conv2d_forward

    x, weight, bias = normal(64, 16, 8, 8), normal(20, 16, 3, 3, seed=1), normal(20, seed=2)
    results = []
    for _ in range(5):
        y, cache = conv2d_forward(x, weight, bias, padding=1)
        results.append((y, *conv2d_backward(normal(*y.shape, seed=3), cache)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": "same"},
        {"padding": 2, "stride": 2, "dilation": (2,)},
        {"padding": (3, 1), "stride": (3,)},
        {"padding": ((0, 2),), "groups": 2},
        {"padding": (1,)},
    ],
)
def test_sequences(options) -> None:
    weight = normal(6, 4 // options.get("groups", 1), 3, seed=1)
    hold_equal("conv1d", normal(3, 4, 11), weight, normal(6), tolerance=TOLERANCE, **options)


def test_what_is_no_sequence_is_left_to_the_page() -> None:
    x, weight = normal(3, 4, 11), normal(6, 4, 3)
    for arguments, options in (
        ((x[0], weight), {}),
        ((x, normal(6, 3, 3)), {}),
        ((x, weight), {"stride": (1, 1)}),
        ((x, weight), {"stride": [1]}),
        ((x, weight), {"padding": (1, 2, 3)}),
        ((x, weight), {"padding": ()}),
    ):
        assert dispatch.twin("conv1d", arguments, options) is None
