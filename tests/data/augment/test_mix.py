"""Mixup: the weights' distribution, and images and labels mixed alike."""

import numpy as np
import pytest
from scipy import stats

from glassnet import data
from glassnet.data.augment.mix import symmetric_beta


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 3.0, 40.0])
def test_the_weights_are_beta(alpha: float) -> None:
    first, second = np.random.default_rng(7).random((2, 20_000))
    weights = symmetric_beta(alpha, first, second)
    assert stats.kstest(weights, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    extremes = symmetric_beta(alpha, np.array([0.0, 1 - 2**-53, 0.3]), np.array([0.0, 0.0, 0.25]))
    assert np.isfinite(extremes).all() and (extremes >= 0).all() and (extremes <= 1).all()


def test_images_and_labels_are_mixed_alike() -> None:
    """One-hot images make the mixing visible: they must equal the labels."""
    n = 50
    labels = np.eye(n, dtype=np.float32)
    images = labels[:, :, None, None]
    mixed, soft = data.Mixup(1.0)(images, labels, 0, 0, np.arange(n))
    np.testing.assert_array_equal(mixed[:, :, 0, 0], soft)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_less((soft > 0).sum(axis=1), 3)
    assert ((soft > 0).sum(axis=0) <= 2).all()  # partners are a permutation
