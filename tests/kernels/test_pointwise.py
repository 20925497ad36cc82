"""Convolution with bias and activation in one walk, against its page."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.kernels import dispatch, pointwise, target
from tests.kernels.twins import hold_equal

LANES = target.host().lanes


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@settings(max_examples=30)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 40),
    outputs=st.integers(1, 60),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    activation=st.sampled_from(["none", "relu", "relu6"]),
    bias=st.booleans(),
)
def test_a_filter_of_one_pixel(batch, channels, outputs, size, activation, bias) -> None:
    x, w = normal(batch, channels, *size), normal(outputs, channels, 1, 1, seed=1)
    b = normal(outputs, seed=2) if bias else None
    hold_equal("conv2d_act", x, w, b, activation=activation, tolerance=3e-6)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
def test_other_filters(activation) -> None:
    x, b = normal(2, 24, 9, 9), normal(24, seed=2)
    depthwise, full = normal(24, 1, 3, 3, seed=1), normal(24, 24, 3, 3, seed=1) / 8
    hold_equal("conv2d_act", x, depthwise, b, None, 2, 1, 1, 24, activation, tolerance=3e-6)
    hold_equal("conv2d_act", x, full, b, None, 2, 1, 1, 1, activation, tolerance=3e-6)
    hold_equal("conv2d_act", x, full, b, None, 1, 1, 1, 1, activation, tolerance=5e-6)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
def test_a_residual(activation) -> None:
    x, b = normal(2, 24, 9, 9), normal(24, seed=2)
    for w, groups in ((normal(24, 24, 1, 1) / 5, 1), (normal(24, 1, 3, 3), 24),
                      (normal(24, 24, 3, 3) / 15, 1), (normal(24, 12, 3, 3) / 9, 2)):  # fmt: skip
        options = {"padding": w.shape[2] // 2, "groups": groups, "activation": activation}
        r = normal(2, 24, 9, 9, seed=3)
        hold_equal("conv2d_act", x, w, b, r, tolerance=5e-6, **options)
    assert dispatch.twin("conv2d_act", (x, w, b, r[:1]), options) is None


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_what_is_no_ordinary_number() -> None:
    x, w = normal(2, 9, 7, 5), normal(20, 9, 1, 1, seed=1)
    x[0, 1, 2, 3], x[1, 8, 6, 4], x[1, 0, 0, 0] = np.nan, np.inf, -np.inf
    hold_equal("conv2d_act", x, w, None, activation="relu6", tolerance=3e-6)


def test_filters_that_stay_are_laid_out_once() -> None:
    made = []

    def make(weight) -> int:
        made.append(1)
        return len(made)

    frozen, open_ = np.ones(3, np.float32), np.ones(3, np.float32)
    view = frozen.reshape(3, 1)
    frozen.flags.writeable = view.flags.writeable = False
    assert [pointwise.kept((view,), "use", make) for _ in range(3)] == [1, 1, 1]
    assert [pointwise.kept((open_,), "use", make) for _ in range(2)] == [2, 3]
    read_only = open_.view()
    read_only.flags.writeable = False
    assert pointwise.kept((read_only,), "use", make) == 4
    assert pointwise.kept((read_only,), "use", make) == 5, "its memory can still be written to"
    kept = len(pointwise._KEPT)
    del view
    assert len(pointwise._KEPT) == kept - 1
