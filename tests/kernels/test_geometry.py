"""Sizes of windows, and where walks look, against the page's own reading of them."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glassnet.errors import ShapeError
from glassnet.kernels.geometry import window
from glassnet.kernels.walk import backward_axes, forward_axis
from glassnet.ops._image import Window

numbers = st.integers(0, 4)
sizes = st.one_of(numbers, st.tuples(numbers, numbers), st.just("two"), st.just((1, 2, 3)))
paddings = st.one_of(
    sizes,
    st.sampled_from(["same", "valid", "full", -1, 1.0, ((1,), (2,))]),
    st.tuples(st.tuples(numbers, numbers), st.tuples(numbers, numbers)),
)


@given(sizes, sizes, paddings, sizes)
def test_windows_read_as_on_the_page(kernel, stride, padding, dilation) -> None:
    try:
        page = Window.make(kernel, stride, padding, dilation)
    except (ShapeError, TypeError, ValueError):
        page = None
    mine = window(kernel, stride, padding, dilation)
    assert (mine is None) == (page is None)
    if page is None or mine is None:
        return
    assert (mine.kernel, mine.stride, mine.padding, mine.dilation) == page[:4]
    (top, bottom), (left, right) = page.padding
    high, wide = 20 + top + bottom, 30 + left + right
    assume(high >= page.reach[0] and wide >= page.reach[1])
    assert mine.places(20, 30) == page.places(high, wide)


one = st.integers(1, 4)


@given(st.integers(1, 12), one, one, st.tuples(numbers, numbers), one)
def test_forward_and_backward_walks_meet_the_same_pairs(size, kernel, stride, padding, dilation):
    assume(size + sum(padding) >= dilation * (kernel - 1) + 1)
    ahead = forward_axis(size, kernel, stride, padding, dilation)
    seen = {
        (place, a, place * ahead.step + shift)
        for place in range(ahead.places)
        for a, shift in ahead.taps
    }
    back = {
        (pixel + shift, a, axis.start + pixel * axis.every)
        for axis in backward_axes(size, kernel, stride, padding, dilation)
        for pixel in range(axis.places)
        for a, shift in axis.taps
    }
    inside = {(y, a, x) for y, a, x in seen if 0 <= x < size}
    assert inside == {(y, a, x) for y, a, x in back if 0 <= y < ahead.places}


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_phases_cover_every_pixel_once(stride: int) -> None:
    for size in range(1, 9):
        covered = [
            axis.start + i * axis.every
            for axis in backward_axes(size, 3, stride, (1, 1), 1)
            for i in range(axis.places)
        ]
        np.testing.assert_array_equal(sorted(covered), range(size))
