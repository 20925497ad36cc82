"""Estimates of log Z against its exact value."""

import numpy as np
import pytest

from glassnet.dreams import RBM, ais, bracket, exact_log_z, reverse_ais
from glassnet.dreams.likelihood import log_odds, schedule, tempered_samples
from glassnet.errors import GlassnetError
from tests.dreams.test_rbm import energies, machine


@pytest.mark.parametrize("labels", [0, 3])
def test_exact_is_the_sum_over_all_states(labels: int) -> None:
    rbm = machine(labels=labels)
    assert exact_log_z(rbm) == pytest.approx(np.log(np.exp(energies(rbm)).sum()), rel=1e-5)


def test_exact_of_gaussian_units_is_the_integral() -> None:
    rbm = machine(1, 2, gaussian=True)
    v = np.linspace(-12, 12, 20_001, dtype=np.float32)[:, None]
    integral = np.trapezoid(np.exp(-rbm.free_energy(v).astype(np.float64)), v[:, 0])
    assert exact_log_z(rbm) == pytest.approx(np.log(integral), abs=1e-4)


@pytest.mark.parametrize(("labels", "gaussian"), [(0, False), (3, False), (0, True)])
def test_walks_in_both_directions_end_at_the_exact_value(labels: int, gaussian: bool) -> None:
    rbm = machine(12, 8, labels, gaussian=gaussian)
    for p in rbm.parameters.values():
        p *= 0.5
    true = exact_log_z(rbm)
    forward = ais(rbm, walks=200, steps=400)
    back = reverse_ais(rbm, 200, 400, samples=tempered_samples(rbm, 200, rounds=60))
    assert np.log(np.exp(forward - true).mean()) == pytest.approx(0, abs=0.1)
    assert -np.log(np.exp(true - back).mean()) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("labels", [0, 3])
def test_walks_may_begin_anywhere(labels: int) -> None:
    rbm = machine(12, 8, labels)
    for p in rbm.parameters.values():
        p *= 0.5
    base = np.linspace(-1, 1, 12, dtype=np.float32)
    true = exact_log_z(rbm)
    forward = ais(rbm, 200, 400, base=base)
    back = reverse_ais(rbm, 200, 400, samples=tempered_samples(rbm, 200, rounds=60), base=base)
    assert np.log(np.exp(forward - true).mean()) == pytest.approx(0, abs=0.1)
    assert -np.log(np.exp(true - back).mean()) == pytest.approx(0, abs=0.1)


def test_log_odds_are_those_of_the_data() -> None:
    x = np.repeat(np.array([[0, 1, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]], np.float32), 9, axis=0)
    np.testing.assert_allclose(log_odds(x), np.log([1 / 999, 1 / 3, 999]), rtol=1e-4)


def test_the_bracket_holds_the_exact_value() -> None:
    rbm = machine(12, 8)
    x = (np.random.default_rng(0).random((50, 12)) < 0.5).astype(np.float32)
    found = bracket(rbm, x, runs=2, walks=100, steps=300, rounds=60)
    true = -rbm.free_energy(x).mean() - exact_log_z(rbm)
    assert found.low - 0.3 < true < found.high + 0.3
    assert found.width < 0.6 and found.examples == 50 and max(found.spread) < 0.3


def test_the_schedule_goes_from_0_to_1() -> None:
    betas = schedule(14_500)
    assert (betas[0], betas[-1], len(betas)) == (0, 1, 14_501)
    assert (np.diff(betas) > 0).all()
    assert (np.count_nonzero(betas < 0.5), np.count_nonzero(betas < 0.9)) == (500, 2500)


def test_too_many_hidden_units() -> None:
    with pytest.raises(GlassnetError, match="at most 20 hidden units; this machine has 21"):
        exact_log_z(RBM(3, 21))
