"""The window that slides over an image: where it stands, and what it refuses."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glassnet.errors import ShapeError
from glassnet.ops._image import Window, channel_sum, flat, flat_padding, nhwc

few = st.integers(1, 3)


@given(k=few, stride=few, dilation=few, pad=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_taps_and_views_see_the_same(
    k: int, stride: int, dilation: int, pad: tuple[int, int]
) -> None:
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 3))
    window = Window.make((k, 2), stride, (pad, (1, 0)), dilation)
    padded = window.pad(x)
    assert padded.flags.c_contiguous
    assert np.array_equal(window.crop(padded, 6, 5), x)
    assume(min(padded.shape[1] - window.reach[0], padded.shape[2] - window.reach[1]) >= 0)
    views = window.views(padded)
    for i, j, seen in window.taps(*views.shape[1:3]):
        assert np.array_equal(views[:, :, :, i, j], padded[seen])


@pytest.mark.parametrize(
    ("kernel", "dilation", "sides"),
    [(3, 1, (1, 1)), (2, 1, (0, 1)), (4, 1, (1, 2)), (3, 2, (2, 2)), (1, 1, (0, 0))],
)
def test_same_keeps_the_size(kernel: int, dilation: int, sides: tuple[int, int]) -> None:
    window = Window.make(kernel, 1, "same", dilation)
    assert window.padding == (sides, sides)
    padded = window.pad(np.ones((1, 9, 7, 1)))
    assert window.places(*padded.shape[1:3]) == (9, 7)


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        ([1, 2], ((1, 1), (2, 2))),
        (((1, 2), (3, 4)), ((1, 2), (3, 4))),
        ("valid", ((0, 0), (0, 0))),
    ],
)
def test_padding_in_all_its_forms(padding: object, sides: object) -> None:
    assert Window.make(5, padding=padding).padding == sides  # type: ignore[arg-type]


def test_padding_of_a_sequence() -> None:
    forms = [2, (2,), (2, 2), ((2, 2),)]
    assert all(flat_padding(form) == ((0, 0), (2, 2)) for form in forms)  # type: ignore[arg-type]
    assert flat_padding((3, 0)) == ((0, 0), (3, 0))
    assert flat_padding("same") == "same"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 0}, "kernel_size is a whole number of at least 1"),
        ({"kernel": (2, 2, 2)}, "kernel_size"),
        ({"kernel": 2, "stride": 0}, "stride"),
        ({"kernel": 2, "stride": 1.5}, "stride"),
        ({"kernel": 2, "padding": -1}, "padding is a whole number of at least 0"),
        ({"kernel": 2, "padding": "full"}, '"same", "valid"'),
        ({"kernel": 2, "padding": "same", "stride": 2}, "needs stride 1"),
        ({"kernel": 2, "dilation": 0}, "dilation"),
    ],
)
def test_sizes_that_are_none(options: dict[str, object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Window.make(**options)  # type: ignore[arg-type]


def test_window_larger_than_the_image_names_both() -> None:
    with pytest.raises(ShapeError, match=r"window of 5 x 5 .* larger than .* 4 x 6"):
        Window.make(3, dilation=2).places(4, 6)


def test_other_numbers_of_axes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected images \(N, C, H, W\), got shape \(3, 4, 4\)"):
        nhwc(np.zeros((3, 4, 4)))
    with pytest.raises(ShapeError, match=r"expected sequences \(N, C, L\), got shape \(3, 4\)"):
        flat(np.zeros((3, 4)))


def test_channel_sum_rounds_little() -> None:
    x = np.full((64, 100, 100, 2), 0.1, np.float32)
    assert channel_sum(x).dtype == np.float32
    np.testing.assert_allclose(channel_sum(x), 64e4 * np.float32(0.1), rtol=1e-5)
