"""Learning raises the exact likelihood, whatever the method, and repeats to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet.dreams import RBM, exact_log_z, fit
from glassnet.errors import GlassnetError, ShapeError


def bars(count: int, seed: int = 0) -> Any:
    """3x3 images with bars: each row and column lit with probability 0.3 [Foldiak 1990]."""
    draw = np.random.default_rng(seed)
    rows, columns = draw.random((2, count, 3)) < 0.3
    return (rows[:, :, None] | columns[:, None, :]).reshape(count, 9).astype(np.float32)


def likelihood(rbm: RBM, x: Any) -> float:
    return float(-rbm.free_energy(x).mean() - exact_log_z(rbm))


@pytest.mark.parametrize(
    "options",
    [
        {"method": "cd", "steps": 1},
        {"method": "cd", "steps": 5, "centred": False, "momentum": 0.5},
        {"method": "pcd"},
        {"method": "pcd", "weight_decay": 1e-4, "centred": False},
        {"method": "pt", "temperatures": 4, "chains": 20},
    ],
)
def test_the_likelihood_of_held_out_data_grows(options: Any) -> None:
    rbm, x, held_out = RBM(9, 8), bars(1000), bars(500, seed=1)
    fit(rbm, x, epochs=0, **options)  # the biases alone
    before = likelihood(rbm, held_out)
    learned = fit(rbm, x, validation=held_out, epochs=25, lr=0.2, batch_size=20, **options)
    assert likelihood(rbm, held_out) > before + 0.4
    assert len(learned.history) == 25 and abs(learned.history[-1]["gap"]) < 0.5


def test_two_calls_give_the_same_weights_and_another_seed_others() -> None:
    made = []
    for seed in (0, 0, 1):
        rbm = RBM(9, 4)
        rbm.fit(bars(100), epochs=2, seed=seed)
        made.append(rbm.weight.tobytes())
    assert made[0] == made[1] != made[2]


def test_the_average_is_the_mean_of_the_last_machines() -> None:
    rows = bars(60)
    seen: list[Any] = []

    def watched(average: float) -> RBM:
        rbm = RBM(9, 4)
        keep = lambda _, row: seen.append(rbm.weight.copy())  # noqa: E731
        fit(rbm, rows, epochs=4, lr=0.3, batch_size=60, average=average, watch=keep)  # one update
        return rbm

    watched(0.0)
    np.testing.assert_allclose(watched(0.5).weight, (seen[2] + seen[3]) / 2, rtol=1e-6)


def test_an_average_comes_nearer_to_the_data() -> None:
    x, held_out = bars(1000), bars(500, seed=1)
    found = []
    for average in (0.0, 0.5):
        rbm = RBM(9, 8)
        fit(rbm, x, epochs=25, lr=0.5, last_lr=1.0, batch_size=10, chains=10, average=average)
        found.append(likelihood(rbm, held_out))
    assert found[1] > found[0]


def test_labels_are_learned_with_the_images() -> None:
    x = bars(3000)
    y = x[:, 4].astype(int)  # whether the middle is lit
    rbm = RBM(9, 12, labels=2)
    fit(rbm, x, y, epochs=20, lr=0.1, batch_size=20)
    held_out = bars(500, seed=1)
    assert (rbm.p_class(held_out).argmax(axis=1) == held_out[:, 4]).mean() > 0.97


def test_gaussian_units_learn_two_clouds() -> None:
    draw = np.random.default_rng(0)
    x = draw.standard_normal((2000, 2)) + np.where(draw.random((2000, 1)) < 0.5, 3, -3)
    rbm = RBM(2, 4, gaussian=True)
    fit(rbm, x, epochs=0)
    before = likelihood(rbm, rbm.examples(x))
    fit(rbm, x, epochs=30, lr=0.02, method="cd", steps=2)
    assert likelihood(rbm, rbm.examples(x)) > before + 0.5


def test_sparsity_lowers_the_activity() -> None:
    activity = []
    for wanted in (None, 0.05):
        rbm = RBM(9, 8)
        fit(rbm, bars(1000), epochs=10, lr=0.1, sparsity=wanted, sparsity_cost=2.0)
        activity.append(rbm.transform(bars(500, seed=1)).mean())
    assert activity[1] < 0.6 * activity[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mcmc"}, "expected one of cd, pcd, pt"),
        ({"batch_size": 0}, "at least 1"),
        ({"average": 2.0}, "a part of all updates"),
    ],
)
def test_settings_that_mean_nothing(options: Any, message: str) -> None:
    with pytest.raises(GlassnetError, match=message):
        fit(RBM(9, 2), bars(10), **options)


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="give the labels"):
        fit(RBM(9, 2, labels=2), bars(10))
    with pytest.raises(ShapeError, match="labels from 0 to 1"):
        fit(RBM(9, 2, labels=2), bars(10), np.full(10, 2))
