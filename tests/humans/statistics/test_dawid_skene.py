import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.statistics.dawid_skene import dawid_skene


def simulate(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three careful people, three who say 1 for 0 half of the time; truth, answers, confusions."""
    generator = np.random.default_rng(seed)
    careful = np.array([[0.95, 0.03, 0.02], [0.03, 0.95, 0.02], [0.02, 0.03, 0.95]])
    careless = np.array([[0.4, 0.55, 0.05], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]])
    confusion = np.array([careful] * 3 + [careless] * 3)
    truth = generator.choice(3, 1500, p=[0.5, 0.3, 0.2])
    answers = np.array([[generator.choice(3, p=person[t]) for t in truth] for person in confusion])
    answers[generator.random(answers.shape) < 0.1] = -1
    return truth, answers, confusion


def test_it_finds_who_is_careful() -> None:
    truth, answers, confusion = simulate()
    found = dawid_skene(answers, 3)
    assert np.abs(found.confusion - confusion).max() < 0.08
    assert found.prior == pytest.approx([0.5, 0.3, 0.2], abs=0.04)
    votes = np.stack([(answers == k).sum(axis=0) for k in range(3)])
    assert (found.answers == truth).mean() > (votes.argmax(axis=0) == truth).mean() + 0.02


def test_the_likelihood_never_falls() -> None:
    _, answers, _ = simulate(1)
    history = np.array(dawid_skene(answers, 3).log_likelihood)
    assert len(history) > 2 and (np.diff(history) >= -1e-7).all()


def test_agreement_is_kept_and_silence_is_nan() -> None:
    answers = np.array([[0, 1, 2, -1], [0, 1, 2, -1], [0, 1, -1, -1]])
    found = dawid_skene(answers, 3)
    assert found.answers.tolist() == [0, 1, 2, -1]
    assert np.isnan(found.posterior[3]).all()
    with pytest.raises(DataError, match="at least one answer"):
        dawid_skene(np.full((2, 3), -1), 3)
