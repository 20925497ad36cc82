"""Colour jitter against its formulas."""

import numpy as np

from glassnet import data
from glassnet.data.augment.colour import grey

PIXELS = np.random.default_rng(0).uniform(0.3, 0.6, (3, 4, 5, 3)).astype(np.float32)
DRAWS = np.array([[0.0, 0.5, 0.9]] * 3)


def test_each_setting_alone() -> None:
    out = data.ColorJitter(brightness=0.5).apply(PIXELS, DRAWS)
    np.testing.assert_allclose(out, 0.5 * PIXELS, atol=1e-6)
    mean = grey(PIXELS).mean(axis=(1, 2, 3), keepdims=True)
    out = data.ColorJitter(contrast=0.5).apply(PIXELS, DRAWS - [0, 0.5, 0])
    np.testing.assert_allclose(out, mean + 0.5 * (PIXELS - mean), atol=1e-6)
    np.testing.assert_allclose(grey(out).mean(axis=(1, 2, 3), keepdims=True), mean, atol=1e-5)
    out = data.ColorJitter(saturation=1.0).apply(PIXELS, DRAWS * [1, 1, 0])
    np.testing.assert_allclose(out, np.repeat(grey(PIXELS), 3, axis=3), atol=1e-6)


def test_nothing_set_changes_nothing_and_values_are_cut() -> None:
    np.testing.assert_array_equal(data.ColorJitter().apply(PIXELS, DRAWS), PIXELS)
    assert data.ColorJitter(brightness=5.0).apply(PIXELS, np.full((3, 3), 0.99)).max() == 1


def test_grey_images_keep_their_saturation() -> None:
    one = PIXELS[..., :1].copy()
    np.testing.assert_array_equal(data.ColorJitter(saturation=0.9).apply(one, DRAWS), one)
    assert data.ColorJitter(contrast=0.5).apply(one, DRAWS).shape == one.shape
