"""Windows: what they show, that two in a row are one, and that augmentations are what they say."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import data
from glassnet.data.augment.window import Window, look, whole

RNG = np.random.default_rng(0)
SAMPLES = np.arange(40)


def windows(draw: st.DrawFn, count: int, reach: int = 3) -> Window:
    ints = st.lists(st.integers(-reach, reach), min_size=count, max_size=count)
    flips = st.lists(st.booleans(), min_size=count, max_size=count)
    return Window(
        np.array(draw(ints), np.intp),
        np.array(draw(ints), np.intp),
        np.array(draw(flips), np.bool_),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 9)),
        draw(st.sampled_from([0.0, 7.0])),
        draw(st.booleans()),
    )


def by_definition(pixels: np.ndarray, window: Window) -> np.ndarray:
    """One pixel after the other; an image in mirrors repeats after twice its length less two."""
    n, height, width, channels = pixels.shape
    seen = np.full((n, window.height, window.width, channels), window.fill, pixels.dtype)
    for k, i, j in np.ndindex(seen.shape[:3]):
        row, column = window.top[k] + i, window.left[k] + j
        if window.reflect:
            row, column = (
                abs((at + length - 1) % (2 * length - 2) - (length - 1)) if length > 1 else 0
                for at, length in ((row, height), (column, width))
            )
        if 0 <= row < height and 0 <= column < width:
            seen[k, i, window.width - 1 - j if window.mirrored[k] else j] = pixels[k, row, column]
    return seen


@given(st.data(), st.sampled_from([np.uint8, np.float32]), st.integers(0, 3), st.integers(1, 5))
def test_a_window_shows_what_it_says(
    draw: st.DataObject, kind: type, count: int, channels: int
) -> None:
    window = windows(draw.draw, count)
    shape = (count, draw.draw(st.integers(1, 6)), draw.draw(st.integers(1, 6)), channels)
    pixels = RNG.integers(0, 256, shape).astype(kind)
    before = pixels.copy()
    seen = look(pixels, window)
    np.testing.assert_array_equal(seen, by_definition(pixels, window))
    np.testing.assert_array_equal(pixels, before)
    assert seen.dtype == kind and seen.flags.c_contiguous and not np.shares_memory(seen, pixels)


@given(st.data())
def test_two_in_a_row_are_one_or_none(draw: st.DataObject) -> None:
    height, width = draw.draw(st.integers(1, 6)), draw.draw(st.integers(1, 6))
    pixels = RNG.integers(1, 256, (2, height, width, 2)).astype(np.float32)
    first, second = windows(draw.draw, 2), windows(draw.draw, 2)
    if draw.draw(st.booleans()):
        first = whole(2, height, width)._replace(mirrored=first.mirrored)
    both = first.then(second, height, width)
    if both is not None:
        one_by_one = look(look(pixels, first), second)
        np.testing.assert_array_equal(look(pixels, both), one_by_one)


def test_what_was_cut_off_does_not_come_back() -> None:
    """A shift puts zeros where pixels were, a crop with a border would see those pixels again."""
    lost = data.Compose([data.Shift(2), data.Crop(6, padding=2)])
    assert lost.window(6, 6, 0, 0, SAMPLES) is None
    kept = data.Compose([data.Shift(2), data.Crop(5), data.Flip()])
    assert kept.window(6, 6, 0, 0, SAMPLES) is not None


@pytest.mark.parametrize(
    "a",
    [
        data.Compose([]),
        data.Flip(),
        data.AlternateFlip(),
        data.Shift(2, fill=0.3),
        data.Shift(9, reflect=True),
        data.Crop(4),
        data.Crop(9, padding=3, fill=0.2),
        data.Compose([data.Flip(), data.Crop(6, padding=2)]),
        data.Compose([data.AlternateFlip(), data.Shift(2, reflect=True), data.Flip(0.3)]),
        data.Compose([data.Shift(1, 0.5), data.Crop(5), data.Flip(), data.Crop(3)]),
    ],
)
@pytest.mark.parametrize("epoch", [0, 3])
def test_an_augmentation_is_its_window(a: data.Augmentation, epoch: int) -> None:
    images = RNG.random((40, 2, 6, 7), dtype=np.float32)
    window = a.window(6, 7, 5, epoch, SAMPLES)
    assert window is not None
    pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    expected = a(images, SAMPLES, 5, epoch, SAMPLES)[0].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(look(pixels, window), expected)
    some = slice(7, 30, 3)
    np.testing.assert_array_equal(look(pixels[some], window.of(some)), expected[some])


@pytest.mark.parametrize("a", [data.Rotate(), data.Cutout(2), data.Mixup(), data.ColorJitter(0.1)])
def test_others_have_none(a: data.Augmentation) -> None:
    assert a.window(6, 7, 0, 0, SAMPLES) is None
    assert data.Compose([data.Flip(), a]).window(6, 7, 0, 0, SAMPLES) is None


def test_who_says_anew_how_it_is_applied_is_asked() -> None:
    """A window that is inherited would show what the subclass does no more."""
    known = dict(data.augment.base._KINDS)

    @dataclass(frozen=True)
    class Inverted(data.Flip):
        def apply(self, pixels, draws):  # type: ignore[no-untyped-def]
            return 1 - super().apply(pixels, draws)

    class Later(Inverted):
        pass

    class Own(data.Flip):
        def apply(self, pixels, draws):  # type: ignore[no-untyped-def]
            return 1 - pixels

        def window(self, *arguments):  # type: ignore[no-untyped-def]
            return data.Flip.window(self, *arguments)

    data.augment.base._KINDS.clear()
    data.augment.base._KINDS.update(known)
    for a in (Inverted(), Later()):
        assert a.window(6, 7, 0, 0, SAMPLES) is None
        assert data.Compose([a, data.Shift(1)]).window(6, 7, 0, 0, SAMPLES) is None
    assert Own().window(6, 7, 0, 0, SAMPLES) is not None
    images = np.zeros((40, 1, 6, 7), np.float32)
    assert (data.Compose([Inverted()])(images, SAMPLES, 0, 0, SAMPLES)[0] == 1).all()
