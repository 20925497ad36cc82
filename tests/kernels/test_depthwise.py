"""A filter for each channel against the page, over kernels, strides, paddings and channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.kernels import target
from glassnet.kernels.conv import convolution
from tests.kernels.twins import hold_equal

LANES = target.host().lanes


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def served(x, w, stride=1, padding=0, dilation=1) -> bool:
    return convolution(x.shape, w.shape, stride, padding, dilation, len(w), 1).depthwise is not None


def hold(x: np.ndarray, kernel, bias=True, **options) -> None:
    channels = x.shape[1]
    w = normal(channels, 1, *kernel, seed=1)
    assert served(x, w, **options)
    b = normal(channels, seed=2) if bias else None
    hold_equal("conv2d", x, w, b, groups=channels, tolerance=3e-6, **options)


@pytest.mark.parametrize(
    ("size", "channels", "kernel", "stride"),
    [
        (28, 32, 3, 1),
        (28, 24, 3, 2),
        (28, 40, 5, 2),
        (14, 48, 3, 1),
        (14, 112, 5, 1),
        (7, 40, 5, 1),
    ],
)
def test_shapes_of_efficientnet(size, channels, kernel, stride) -> None:
    hold(normal(2, channels, size, size), (kernel, kernel), stride=stride, padding=kernel // 2)


sides = st.tuples(st.integers(0, 4), st.integers(0, 4))


@settings(max_examples=40)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(LANES, 3 * LANES),
    kernel=st.sampled_from([(3, 3), (5, 5), (3, 2), (1, 3)]),
    stride=st.integers(1, 3),
    padding=st.one_of(st.integers(0, 3), st.tuples(sides, sides)),
    more=st.tuples(st.integers(0, 12), st.integers(0, 18)),
    bias=st.booleans(),
)
def test_any_size(batch, channels, kernel, stride, padding, more, bias) -> None:
    x = normal(batch, channels, kernel[0] + more[0], kernel[1] + more[1])
    hold(x, kernel, bias, stride=stride, padding=padding)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_what_is_no_ordinary_number(value) -> None:
    x, w = normal(2, 12, 9, 9), normal(12, 1, 3, 3, seed=1)
    x[1, 3, 0, 4] = x[0, 11, 8, 8] = value
    hold_equal("conv2d", x, w, None, 2, 1, groups=12)
    w[5, 0, 0, 0] = value
    # dx of the page leaves out what lies in the padding, where ours multiplies by 0: not the same
    needs = (False, True, True)
    hold_equal("conv2d", normal(2, 12, 9, 9), w, None, 1, 1, groups=12, needs=needs)


def test_what_it_leaves_to_others() -> None:
    assert not served(normal(1, LANES - 1, 9, 9), normal(LANES - 1, 1, 3, 3))
    assert not served(normal(1, LANES, 9, 9), normal(LANES, 1, 3, 3), dilation=2)
    assert not served(normal(1, LANES, 9, 9), normal(LANES, 1, 3, 3), stride=(1, 2))
    w = normal(2 * LANES, 1, 3, 3)  # two filters a channel
    made = convolution((1, LANES, 9, 9), w.shape, 1, 0, 1, LANES, 1)
    assert made is not None
    assert made.depthwise is None
