import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from glassnet.errors import DataError
from glassnet.humans.statistics.behaviour import (
    calibration,
    learning_curve,
    speed_accuracy,
    within_slope,
)


def answers(people: int = 6, each: int = 400, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Errors fall by 20 points from first to last; person p errs p points more than person 0."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    order = np.tile(np.arange(each), people)
    chance = 0.3 - 0.2 * order / (each - 1) + 0.01 * person
    return (generator.random(len(order)) < chance).astype(float), order, person


def test_learning() -> None:
    wrong, order, person = answers()
    blocks, trend = learning_curve(wrong, order, person)
    assert trend.interval.low < -0.2 < trend.interval.high < 0
    assert trend.p < 1e-6
    assert len(blocks) == 8 and sum(block.n for block in blocks) == len(wrong)
    assert blocks[0].error > blocks[-1].error
    assert blocks[0].x < 60 and blocks[-1].x > 340


def test_people_who_differ_make_no_trend() -> None:
    person = np.repeat([0, 1], 100)
    y = person.astype(float)  # 0 always right, 1 always wrong
    assert within_slope(y, np.arange(200.0), person).slope == pytest.approx(0)


def test_slope_is_the_dummy_regression() -> None:
    wrong, order, person = answers(seed=2)
    design = np.column_stack([order, np.eye(6)[person]])
    expected = np.linalg.lstsq(design, wrong, rcond=None)[0][0]
    assert within_slope(wrong, order.astype(float), person).slope == pytest.approx(expected)


def test_trends_by_chance_alone() -> None:
    generator = np.random.default_rng(5)
    person, x = np.repeat(np.arange(3), 60), np.tile(np.arange(60.0), 3)
    ps = [within_slope((generator.random(180) < 0.2) * 1.0, x, person).p for _ in range(500)]
    assert 0.025 < np.mean(np.array(ps) < 0.05) < 0.08


def test_no_trend_to_find() -> None:
    with pytest.raises(DataError, match="a trend needs"):
        within_slope(np.ones(4), np.ones(4), np.zeros(4))


def test_speed() -> None:
    generator = np.random.default_rng(3)
    person = np.repeat([0, 1], 500)
    seconds = np.exp(generator.normal(0, 0.5, 1000)) * np.where(person, 4.0, 1.0)
    own = np.log2(seconds / np.where(person, 4.0, 1.0))
    wrong = (generator.random(1000) < 0.3 + 0.1 * own).astype(float)
    blocks, trend = speed_accuracy(wrong, seconds, person)
    assert trend.interval.low < 0.1 < trend.interval.high
    assert [block.n for block in blocks] == [200] * 5  # each person's own fifths
    assert blocks[-1].error > blocks[0].error


def test_calibration_is_sklearns() -> None:
    generator = np.random.default_rng(4)
    confidence = generator.random(500)
    wrong = (generator.random(500) > confidence).astype(float)
    found = calibration(wrong, confidence)
    assert found.brier == pytest.approx(brier_score_loss(1 - wrong, confidence))
    assert found.discrimination == pytest.approx(roc_auc_score(1 - wrong, confidence))
    assert found.gap < 0.08
    sure = calibration(wrong, np.ones(500))
    assert sure.gap == pytest.approx(wrong.mean()) == sure.brier
    assert calibration(np.zeros(5), np.ones(5)).discrimination is None
