"""Flip, shift, crop, cutout: every result is one of the possible ones, and all of them come."""

import numpy as np
import pytest

from glassnet import data
from glassnet.errors import DataError

N = 400
SAMPLES = np.arange(N)
IMAGE = np.arange(1, 1 + 2 * 5 * 6, dtype=np.float32).reshape(2, 5, 6) / 100
BATCH = np.repeat(IMAGE[None], N, axis=0)


def run(a: data.Augmentation) -> np.ndarray:
    return a(BATCH, SAMPLES, 0, 0, SAMPLES)[0]


def test_flip() -> None:
    out = run(data.Flip(0.3))
    flipped = (out == IMAGE[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (flipped | (out == IMAGE).all(axis=(1, 2, 3))).all()
    assert 80 < flipped.sum() < 160
    np.testing.assert_array_equal(run(data.Flip(0)), BATCH)
    np.testing.assert_array_equal(run(data.Flip(1)), BATCH[..., ::-1])


@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_shift_is_every_translation(fill: float) -> None:
    padded = np.pad(IMAGE, ((0, 0), (2, 2), (2, 2)), constant_values=fill)
    possible = {padded[:, i : i + 5, j : j + 6].tobytes() for i in range(5) for j in range(5)}
    assert {image.tobytes() for image in run(data.Shift(2, fill))} == possible
    np.testing.assert_array_equal(run(data.Shift(0)), BATCH)


def test_crop_is_every_window() -> None:
    padded = np.pad(IMAGE, ((0, 0), (1, 1), (1, 1)))
    possible = {padded[:, i : i + 4, j : j + 4].tobytes() for i in range(4) for j in range(5)}
    assert {image.tobytes() for image in run(data.Crop(4, padding=1))} == possible
    with pytest.raises(DataError, match=r"Crop: cannot cut 8 x 8 out of 7 x 8 pixels"):
        run(data.Crop(8, padding=1))


def test_cutout_is_a_square_cut_off_at_the_border() -> None:
    out = run(data.Cutout(3, fill=0.0))
    cut = (out == 0).all(axis=1)  # (N, H, W)
    rows, columns = cut.any(axis=2).sum(axis=1), cut.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(cut.sum(axis=(1, 2)), rows * columns)
    assert set(rows) == {2, 3} and set(columns) == {2, 3}
    np.testing.assert_array_equal(out[:, 0][~cut], BATCH[:, 0][~cut])
    assert len({c.tobytes() for c in cut}) == 5 * 6  # every centre


def test_alternate_flip_shows_both_sides_in_any_two_epochs() -> None:
    seen = [data.AlternateFlip()(BATCH, SAMPLES, 0, epoch, SAMPLES)[0] for epoch in range(3)]
    flipped = [(out == IMAGE[:, :, ::-1]).all(axis=(1, 2, 3)) for out in seen]
    np.testing.assert_array_equal(flipped[0], ~flipped[1])
    np.testing.assert_array_equal(flipped[0], flipped[2])
    assert 150 < flipped[0].sum() < 250
    some = np.arange(7, 100, 3)
    alone = data.AlternateFlip()(BATCH[some], some, 0, 1, some)[0]
    np.testing.assert_array_equal(alone, seen[1][some])


def test_shift_can_mirror_what_comes_in() -> None:
    padded = np.pad(IMAGE, ((0, 0), (2, 2), (2, 2)), "reflect")
    possible = {padded[:, i : i + 5, j : j + 6].tobytes() for i in range(5) for j in range(5)}
    assert {image.tobytes() for image in run(data.Shift(2, reflect=True))} == possible


@pytest.mark.parametrize(
    "a", [data.Flip(), data.AlternateFlip(), data.Shift(2), data.Shift(1, 0.5, reflect=True),
          data.Crop(4, padding=1), data.Compose([data.Flip(), data.Crop(5, padding=2)])]
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_bytes_move_as_numbers_do(a: data.Augmentation, channels: int) -> None:
    assert a.moves
    bytes_ = np.random.default_rng(0).integers(0, 256, (50, channels, 5, 6), np.uint8)
    moved = a(bytes_, SAMPLES[:50], 3, 1, SAMPLES[:50])[0]
    assert moved.dtype == np.uint8
    as_numbers = a(bytes_ / np.float32(255), SAMPLES[:50], 3, 1, SAMPLES[:50])[0]
    np.testing.assert_array_equal(moved / np.float32(255), as_numbers)


def test_what_brings_in_other_values_does_not_only_move() -> None:
    for a in (data.Shift(2, 0.7), data.Crop(4, 1, 0.5), data.Cutout(2), data.ColorJitter(0.2)):
        assert not a.moves
        assert not data.Compose([data.Flip(), a]).moves
