import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.statistics.crossed import crossed_mean
from glassnet.humans.statistics.paired import Discordant, mcnemar
from glassnet.humans.statistics.power import (
    images_needed,
    mcnemar_images,
    mcnemar_power,
    smallest_difference,
)


@pytest.mark.parametrize(("n", "b", "c"), [(40, 0.2, 0.05), (25, 0.3, 0.1), (60, 0.1, 0.1)])
def test_every_table_counted(n: int, b: float, c: float) -> None:
    from scipy.stats import multinomial

    law = multinomial(n, [b, c, 1 - b - c])
    exact = sum(
        law.pmf([x, y, n - x - y])
        for x in range(n + 1)
        for y in range(n + 1 - x)
        if mcnemar(Discordant(n, x, y, 0)) <= 0.05
    )
    assert mcnemar_power(n, b, c) == pytest.approx(exact, abs=1e-7)


def test_images() -> None:
    needed = mcnemar_images(0.06, 0.03)
    assert needed is not None
    assert mcnemar_power(needed, 0.06, 0.03) >= 0.8 > mcnemar_power(needed - 1, 0.06, 0.03)
    assert 800 < needed < 900  # 0.09 discordant, 3 points apart; Connor's formula says 781
    assert mcnemar_images(0.05, 0.05) is None
    assert mcnemar_images(0.0500001, 0.05) is None
    assert mcnemar_power(10, 0, 0) == 0
    with pytest.raises(DataError, match="at most 1"):
        mcnemar_power(10, 0.9, 0.2)


def test_smallest_difference() -> None:
    assert smallest_difference(1.0) == pytest.approx(2.8016, abs=1e-4)
    assert smallest_difference(1.0, df=4) > smallest_difference(1.0, df=40) > 2.8016


def test_more_people_need_fewer_images() -> None:
    generator = np.random.default_rng(0)
    values = (
        generator.normal(0, 0.02, (12, 1))
        + generator.normal(0, 0.2, (1, 300))
        + generator.normal(0, 0.3, (12, 300))
    )
    observed = crossed_mean(values)
    needed = [images_needed(observed, 0.05, people) for people in (4, 6, 12, 50)]
    assert needed == sorted(needed, key=lambda n: -(n or 10**9)) and None not in needed
    assert images_needed(observed, 0.001, 4) is None  # people differ by more than that
    assert images_needed(observed, 0.05, 1) is None
