"""What an evaluation counts, against counting by hand and published intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.train import Evaluation, wilson
from glassnet.train.metrics import accuracy, softmax


def evaluation() -> Evaluation:
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.4, 0.3, 0.3]],
        np.float32,
    )
    return Evaluation(np.array([0, 1, 1, 0, 0]), probabilities, ["a", "b", "c"], loss=0.5)


def test_counts() -> None:
    judged = evaluation()
    assert len(judged) == 5
    np.testing.assert_array_equal(judged.predictions, [0, 1, 0, 1, 0])
    assert (judged.errors, judged.accuracy) == (2, 0.6)
    np.testing.assert_array_equal(judged.confusion, [[2, 1, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(judged.worst(), [3, 2])
    np.testing.assert_array_equal(judged.worst(1), [3])
    assert "accuracy 0.6000 (0.2307 to 0.8824), 2 errors of 5, loss 0.5000" in repr(judged)


def test_per_class() -> None:
    a, b, c = evaluation().per_class
    assert (a.name, a.n, a.correct) == ("a", 3, 2)
    assert (b.n, b.correct) == (2, 1)
    assert tuple(c) == ("c", 0, 0, 0.0, 1.0)
    assert a.low == pytest.approx(wilson(2, 3)[0])


def test_no_mistakes() -> None:
    perfect = Evaluation(np.array([1]), np.array([[0.1, 0.9]], np.float32), ["a", "b"], 0.1)
    assert perfect.worst().shape == (0,)


def test_wilson_against_the_formula() -> None:
    k, n, z = 81, 263, 1.959963984540054
    p, middle = k / n, (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert wilson(k, n) == pytest.approx((middle - half, middle + half))
    # [Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3]
    assert np.round(wilson(81, 263), 4).tolist() == [0.2553, 0.3662]
    assert np.round(wilson(0, 20), 4).tolist() == [0.0, 0.1611]
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 50), st.integers(2, 6), st.integers(0, 2**31))
def test_the_confusion_adds_up(count: int, classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    answers = softmax(generator.normal(size=(count, classes)) * 100)
    judged = Evaluation(labels, answers, [str(k) for k in range(classes)], 0.0)
    assert judged.confusion.sum() == count
    assert judged.confusion.trace() == count - judged.errors == round(judged.accuracy * count)
    assert sum(row.n for row in judged.per_class) == count
    assert judged.accuracy == pytest.approx(accuracy(answers, labels))


def test_extremes() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e30, 0, -1e30]])), [[1, 0, 0]])
    mixed = np.array([[0.2, 0.8], [0.9, 0.1]], np.float32)
    assert accuracy(np.array([[0.0, 1.0], [0.0, 1.0]]), mixed) == 0.5
