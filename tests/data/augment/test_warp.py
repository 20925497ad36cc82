"""Bilinear sampling against SciPy, and affine and elastic distortions against their definitions."""

import numpy as np
import pytest
from scipy import ndimage

from glassnet import data
from glassnet.data.augment.warp import _gaussian, sample

RNG = np.random.default_rng(0)
PIXELS = RNG.random((4, 9, 11, 2), dtype=np.float32)


def test_sampling_is_bilinear() -> None:
    y, x = RNG.uniform(-3, 12, (4, 7, 5)), RNG.uniform(-3, 14, (4, 7, 5))
    out = sample(PIXELS, y.astype(np.float32), x.astype(np.float32), fill=0.25)
    for n in range(4):
        for c in range(2):
            padded = np.pad(PIXELS[n, :, :, c], 6, constant_values=0.25)
            expected = ndimage.map_coordinates(
                padded.astype(float), [y[n] + 6, x[n] + 6], order=1, mode="nearest"
            )
            np.testing.assert_allclose(out[n, :, :, c], expected, atol=1e-5)


def test_sampling_at_the_pixels_is_exact() -> None:
    y, x = np.meshgrid(np.arange(9.0), np.arange(11.0), indexing="ij")
    places = (np.broadcast_to(v, (4, 9, 11)).astype(np.float32) for v in (y, x))
    np.testing.assert_array_equal(sample(PIXELS, *places, fill=0), PIXELS)


@pytest.mark.parametrize(("angle", "turn"), [(90.0, 1), (-90.0, -1), (180.0, 2)])
def test_quarter_turns_are_exact(angle: float, turn: int) -> None:
    """Positive angles turn counter-clockwise, as np.rot90 does."""
    image = RNG.random((1, 8, 8, 1), dtype=np.float32)
    draw = (angle / 180 + 1) / 2  # of the range -180..180
    out = data.Rotate(180).apply(image, np.array([[draw, 0.0]]))
    np.testing.assert_allclose(out, np.rot90(image, turn, axes=(1, 2)), atol=1e-5)


def test_scale_magnifies_about_the_centre() -> None:
    y, x = np.meshgrid(*[np.linspace(-1, 1, 21, dtype=np.float32)] * 2, indexing="ij")
    ramp = np.stack([y, x], axis=-1)[None]
    out = data.Scale(2, 2).apply(ramp, np.zeros((1, 2)))
    np.testing.assert_allclose(out, ramp / 2, atol=1e-6)
    out = data.Affine(0, 0.5, 0.5, fill=9.0).apply(ramp, np.zeros((1, 2)))
    np.testing.assert_allclose(out[:, 6:-6, 6:-6], 2 * ramp[:, 6:-6, 6:-6], atol=1e-5)
    assert (out[:, :4] == 9).all()


def test_the_gaussian_is_scipys() -> None:
    field = RNG.normal(size=(20, 30))
    expected = ndimage.gaussian_filter(field, 2.0, mode="constant", truncate=10)
    ours = _gaussian(20, 2.0) @ field @ _gaussian(30, 2.0)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_elastic_moves_as_far_as_the_paper_says() -> None:
    """Linear ramps read the displacement off; its standard deviation in the middle of a field of
    uniform noise, variance 1/3, is alpha sqrt(1/3 sum g^2) = alpha / (sigma sqrt(12 pi))."""
    y, x = np.meshgrid(*[np.arange(29, dtype=np.float32)] * 2, indexing="ij")
    ramp = np.broadcast_to(np.stack([y, x], axis=-1), (200, 29, 29, 2))
    elastic = data.Elastic()
    draws = np.random.default_rng(1).random((200, elastic.draws(29, 29)))
    moved = elastic.apply(np.ascontiguousarray(ramp), draws) - ramp
    middle = moved[:, 12:17, 12:17]
    assert abs(middle.mean()) < 0.15
    expected = 34 / (4 * np.sqrt(12 * np.pi))
    assert abs(middle.std() / expected - 1) < 0.1 and 1.3 < expected < 1.5
