import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from glassnet.errors import DataError
from glassnet.humans.statistics.crossed import crossed_mean, two_way_residuals


def table(people: int, items: int, seed: int, spread: float = 0.3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (
        generator.normal(0, spread, (people, 1))
        + generator.normal(0, 0.5, (1, items))
        + generator.normal(0, 1, (people, items))
    )


def test_a_full_table_is_the_analysis_of_variance() -> None:
    values = table(6, 15, 0, spread=2)
    frame = pd.DataFrame(values).stack().rename_axis(["person", "item"]).rename("y").reset_index()
    anova = anova_lm(ols("y ~ C(person) + C(item)", frame).fit())
    mean_squares = anova["mean_sq"].to_numpy()
    cells = values.size
    found = crossed_mean(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.variance == pytest.approx(
        (mean_squares[0] + mean_squares[1] - mean_squares[2]) / cells
    )
    assert found.within == pytest.approx(mean_squares[2])
    assert found.between_people == pytest.approx((mean_squares[0] - mean_squares[2]) / 15)
    assert found.variance_with(6, 15) == pytest.approx(found.variance)


def test_each_person_weighs_the_same() -> None:
    values = np.array([[1.0, 1, 1, 1], [0, 0, np.nan, np.nan], [0, 0, 0, 0]])
    assert crossed_mean(values).mean == pytest.approx(1 / 3)


def test_residuals_with_holes_are_least_squares() -> None:
    values = table(5, 12, 1)
    seen = np.random.default_rng(2).random(values.shape) < 0.8
    who, item = np.nonzero(seen)
    design = np.hstack([np.eye(5)[who], np.eye(12)[item]])
    fitted = design @ np.linalg.lstsq(design, values[seen], rcond=None)[0]
    np.testing.assert_allclose(
        two_way_residuals(values, seen)[seen], values[seen] - fitted, atol=1e-8
    )


@pytest.mark.parametrize("holes", [0.0, 0.25])
def test_the_interval_covers_people_in_general(holes: float) -> None:
    inside = 0
    for seed in range(400):
        values = table(5, 60, seed)
        values[np.random.default_rng(seed).random(values.shape) < holes] = np.nan
        low, high = crossed_mean(values).interval()
        inside += low <= 0 <= high
    assert inside / 400 >= 0.92


def test_tests_fit_the_interval() -> None:
    found = crossed_mean(table(5, 60, 4) + 0.6)
    low, high = found.interval()
    assert found.p(low) == pytest.approx(0.05) == found.p(high)
    assert found.p_below(high) == pytest.approx(0.025)


def test_no_variance_at_all() -> None:
    found = crossed_mean(np.zeros((3, 4)))
    assert (found.mean, found.variance, found.p(), found.p(0.1)) == (0, 0, 1, 0)
    assert found.p_below(0.1) == 0 and found.p_below(0) == 1


def test_one_person_is_refused() -> None:
    with pytest.raises(DataError, match="1 people and 5 images"):
        crossed_mean(np.ones((1, 5)))
