"""Images moved and normalised in one walk: to the last bit what NumPy's page gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.data import Preprocessing
from glassnet.data.augment.window import Window, look, whole
from glassnet.kernels import dispatch
from tests.kernels.twins import canaries, guarded

kernel = pytest.importorskip("glassnet.kernels.window", exc_type=ImportError)
Array = Any
RNG = np.random.default_rng(0)
LANES = kernel.host().lanes


def preprocessing(channels: int) -> Preprocessing:
    numbers = np.random.default_rng(channels).random((2, channels))
    return Preprocessing(None, channels, tuple(numbers[0]), tuple(numbers[1] + 0.1))


def images(kind: type, *shape: int) -> Array:
    """(N, H, W, C) of this kind as (N, C, H, W), right before memory that nobody may touch."""
    some = RNG.integers(0, 256, shape).astype(kind)
    return guarded(some if kind is np.uint8 else some / kind(100)).transpose(0, 3, 1, 2)


def page(pre: Preprocessing, some: Array, rows: Array, window: Window) -> Array:
    """What NumPy makes of them."""
    pixels = np.ascontiguousarray(pre.scale(some[rows]).transpose(0, 2, 3, 1))
    return pre.normalise(look(pixels, window).transpose(0, 3, 1, 2))


def hold_equal(some: Array, window: Window, rows: Array | None = None) -> None:
    """The kernel takes these, and gives what the page does, bit for bit, whole and in part."""
    pre, before = preprocessing(some.shape[1]), some.copy()
    rows = np.arange(len(window.top)) % max(1, len(some)) if rows is None else rows
    walk = pre.walk(some, rows, window)
    assert walk is not None
    expected = page(pre, some, rows, window)
    for start, stop in {(0, len(rows)), (0, len(rows) + 5), (len(rows) // 2, len(rows))}:
        with canaries():
            seen, part = walk(start, stop), expected[start:stop]
        assert seen.dtype == np.float32 and seen.shape == part.shape
        assert seen.transpose(0, 2, 3, 1).flags.c_contiguous
        np.testing.assert_array_equal(seen.view(np.int32), part.view(np.int32))
    np.testing.assert_array_equal(some, before)


@given(
    kind=st.sampled_from([np.uint8, np.float32]),
    size=st.tuples(*[st.integers(1, 20)] * 2),
    seen=st.tuples(*[st.integers(1, 24)] * 2),
    channels=st.integers(1, LANES),
    count=st.integers(0, 3),
    fill=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 999),
)
def test_any_window_on_any_image(
    kind: type, size: Any, seen: Any, channels: int, count: int, fill: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    top, left = draw.integers(-25, 25, (2, count))
    window = Window(top, left, draw.random(count) < 0.5, *seen, fill)
    hold_equal(images(kind, count, *size, channels), window)


@given(
    kind=st.sampled_from([np.uint8, np.float32]),
    size=st.tuples(*[st.integers(1, 20)] * 2),
    channels=st.integers(1, 5),
    seed=st.integers(0, 999),
)
def test_an_image_in_a_mirror(kind: type, size: Any, channels: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    top, left = (draw.integers(1 - n, n, 3) for n in size)
    window = Window(top, left, draw.random(3) < 0.5, *size, reflect=True)
    hold_equal(images(kind, 3, *size, channels), window)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_on_all_threads(channels: int) -> None:
    top, left = RNG.integers(-4, 5, (2, 80))
    hold_equal(images(np.uint8, 80, 32, 30, channels), Window(top, left, top > left, 32, 30))


def test_windows_of_any_layout_and_width() -> None:
    places = np.array([[-2, 1, 9], [3, -1, 9]], np.int32)
    apart = Window(places[:, 0], places[:, 1], np.array([1, 5, 0, 5], np.uint8)[::2] > 0, 6, 7)
    hold_equal(images(np.uint8, 2, 6, 7, 3), apart)


def test_what_is_no_number_stays_so() -> None:
    some = images(np.float32, 1, 4, 9, 1)
    some[0, 0, 1, 2:5] = np.nan, np.inf, -np.inf
    hold_equal(some, whole(1, 4, 9))


def test_rows_in_any_order_and_more_than_once() -> None:
    rows = np.array([3, 0, 3, 2, 1, 1], np.int32)[::-1]
    top, left = RNG.integers(-2, 3, (2, 6))
    hold_equal(images(np.uint8, 4, 7, 9, 3), Window(top, left, top > left, 6, 7), rows)


def test_what_is_left_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def served(some: Array, window: Window, rows: Any = (0, 1)) -> bool:
        return preprocessing(some.shape[1]).walk(some, np.array(rows), window) is not None

    some, at = images(np.uint8, 2, 5, 5, 3), whole(2, 5, 5)
    assert served(some, at)
    assert not served(np.ascontiguousarray(some), at)
    assert not served(some.astype(np.float64), at)
    assert not served(images(np.uint8, 2, 5, 5, LANES + 1), at)
    assert not served(some, at, (0, 2)) and not served(some, at, (-1, 0))
    assert served(some, at._replace(reflect=True, top=at.top - 4))
    assert not served(some, at._replace(reflect=True, top=at.top - 5))
    fitted = Preprocessing((5, 5))
    assert fitted.walk(some, np.arange(2), at) is not None
    assert fitted.walk(some, np.arange(2), at._replace(height=4)) is not None  # a crop stays one
    assert fitted.walk(images(np.uint8, 2, 6, 6, 3), np.arange(2), at) is None
    monkeypatch.setattr(dispatch, "MODE", "reference")
    assert not served(some, at)
