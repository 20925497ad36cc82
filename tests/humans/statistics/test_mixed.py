import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.statistics.mixed import mixed_model


def simulate(people: int, items: int, effect: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    image = generator.normal(0, 1.5, items)
    person = generator.normal(0, 0.5, (people, 1))

    def err(log_odds: np.ndarray) -> np.ndarray:
        return (generator.random(log_odds.shape) < 1 / (1 + np.exp(-log_odds))).astype(float)

    return err(-1.5 + person + image), err(-1.5 + effect + image)


def test_it_finds_what_was_put_in() -> None:
    errors, network = simulate(12, 250, -1.0, 0)
    errors[0, :30] = np.nan
    found = mixed_model(errors, {"better": network})
    ratio = found.networks["better"]
    assert ratio.interval.low < np.exp(-1.0) < ratio.interval.high < 1
    assert ratio.p < 0.01
    assert 0.2 < found.spread_people < 0.9 and 1.1 < found.spread_items < 1.9
    assert "variational" in found.approximation


def test_few_people_make_it_doubtful() -> None:
    """What mean field alone would say, an interval four times too narrow, is not said."""
    inside = 0
    for seed in range(8):
        errors, network = simulate(5, 40, 0.0, seed)
        low, high = mixed_model(errors, {"same": network}).networks["same"].interval
        inside += low <= 1 <= high
    assert inside >= 7


def test_refused() -> None:
    errors, network = simulate(4, 50, 0, 1)
    with pytest.raises(DataError, match="at least 5"):
        mixed_model(errors, {"a": network})
    with pytest.raises(DataError, match="nothing to model"):
        mixed_model(np.zeros((5, 10)), {"a": np.zeros(10)})
    with pytest.raises(DataError, match="minutes"):
        mixed_model(np.zeros((6, 40_000)), {})
