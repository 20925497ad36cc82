"""Scores see the three ways in which dreams fail: noise, one idea of a class, ideas left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn
from glassnet.dreams import RBM
from glassnet.dreams.score import classifier, covered, dream, score, spread
from glassnet.errors import GlassnetError, ShapeError


def clouds(count: int, seed: int = 0, centres: int = 4) -> Any:
    """Points around the corners of a square, in turn."""
    corners = np.array([[0, 0], [0, 9], [9, 0], [9, 9]], np.float32)[:centres]
    noise = np.random.default_rng(seed).standard_normal((count, 2)).astype(np.float32)
    return corners[np.arange(count) % centres] + noise


def see(x: Any) -> Any:
    """A classifier for which everything with a positive sum is of class 1, and features are x."""
    total = x.sum(axis=1, keepdims=True)
    return np.concatenate([-total, total], axis=1), x


def test_dreams_like_the_real_thing_reach_full_marks() -> None:
    found = score(clouds(400, seed=1), clouds(400), 1, see, modes=4)
    assert found.recognised > 0.85 and found.covered == 1 and found.dreams == 400
    assert found.variety == pytest.approx(1, abs=0.05)
    assert score(-clouds(400), clouds(400), 1, see, modes=4).recognised < 0.15


def test_one_idea_of_a_class_is_little_variety() -> None:
    found = score(clouds(400, centres=1) + 9, clouds(400), 1, see, modes=4)
    assert found.variety < 0.4 and found.covered == 0.25 and found.recognised > 0.99


def test_ideas_that_are_left_out_are_counted() -> None:
    assert [covered(clouds(400, 1, n), clouds(400), 4) for n in (1, 2, 3, 4)] == [
        0.25, 0.5, 0.75, 1,
    ]  # fmt: skip


def test_a_mode_met_by_accident_does_not_count() -> None:
    mostly = np.concatenate([clouds(297, 1, 3), clouds(400, 2)[3:16:4][:3]])
    assert covered(mostly, clouds(400), 4) == 0.75


def test_spread_is_the_mean_distance_of_pairs() -> None:
    x = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    pairs = [np.linalg.norm(x[i] - x[j]) for i in range(9) for j in range(i)]
    assert spread(x) == pytest.approx(np.mean(pairs), rel=1e-5)


def test_a_classifier_gives_its_logits_and_the_input_of_its_last_layer() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
    )
    x = np.random.default_rng(0).random((5, 16)).astype(np.float32)
    logits, features = classifier(net, (1, 4, 4))(x)
    want = net.eval()(gn.tensor(x.reshape(5, 1, 4, 4))).detach().numpy()
    np.testing.assert_allclose(logits, want, rtol=1e-5)
    assert features.shape == (5, 8) and features.min() >= 0


def test_dream_gives_the_ends_of_clamped_chains() -> None:
    rbm = RBM(4, 8, labels=2)
    rbm.label_weight[0], rbm.label_weight[1] = 40, -40
    rbm.weight[...] = 9
    rbm.visible_bias[...] = -20
    assert dream(rbm, 0, count=3, steps=5).shape == (3, 4)
    assert dream(rbm, 0, 3, 5).min() > 0.99 and dream(rbm, 1, 3, 5).max() < 0.01


def test_what_cannot_be_scored() -> None:
    with pytest.raises(ShapeError, match=r"alike, got \(3, 2\), \(40, 3\)"):
        score(np.zeros((3, 2)), np.zeros((40, 3)), 0, see)
    with pytest.raises(GlassnetError, match="2 dreams and 20 real examples"):
        score(np.zeros((1, 2)), np.zeros((40, 2)), 0, see)
