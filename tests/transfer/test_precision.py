import numpy as np
import pytest

from glassnet.transfer import average_precision, average_precisions


def test_by_hand():
    # ranks of the right ones: 1, 3, 4 -> precisions 1, 2/3, 3/4
    assert average_precision(np.array([1, 0, 1, 1]), np.array([4.0, 3, 2, 1])) == pytest.approx(
        29 / 36
    )


def test_equal_scores_are_one_threshold():
    assert average_precision(np.array([1, 0, 0, 0]), np.zeros(4)) == pytest.approx(0.25)


@pytest.mark.parametrize("key", range(5))
def test_against_scikit_learn(key):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(key)
    truth, scores = rng.random(60) < 0.3, rng.integers(0, 12, 60) / 4
    expected = metrics.average_precision_score(truth, scores)
    assert average_precision(truth, scores) == pytest.approx(expected)


def test_of_classes_and_of_attributes():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert average_precisions(np.array([0, 1, 0]), scores) == [1.0, 1.0]
    truth = np.array([[1, np.nan], [0, 1], [np.nan, 0]])
    assert average_precisions(truth, scores) == [1.0, 1.0]
    assert np.isnan(average_precision(np.zeros(3), np.arange(3.0)))
