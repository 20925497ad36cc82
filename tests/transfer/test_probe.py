import numpy as np
import pytest

from glassnet import ops
from glassnet.errors import DataError
from glassnet.tensor import Tensor
from glassnet.transfer import fit_probe
from glassnet.transfer.probe import _Data, fold_numbers, solve, standardisation


def blobs(
    count: int, features: int, classes: int, key: int = 0, spread: float = 3.0
) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features around a centre for each class, on scales of their own."""
    rng = np.random.default_rng(key)
    labels = np.arange(count) % classes
    fixed = np.random.default_rng(99)
    centres, mixing = fixed.normal(0, 1, (classes, features)), fixed.normal(0, 1, (features,) * 2)
    values = centres[labels] + spread * rng.normal(0, 1, (count, features)) @ mixing / features**0.5
    return (values * np.geomspace(0.01, 100, features) + 5).astype(np.float32), labels


@pytest.mark.parametrize(("count", "features", "classes"), [(60, 200, 3), (300, 20, 4), (80, 5, 2)])
@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_the_minimum_is_that_of_scikit_learn(count, features, classes, strength):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = blobs(count, features, classes)
    mean, scale = standardisation(x)
    vectors = 2 if classes == 2 else 1  # of two classes it learns one vector, we two: w and -w
    theirs = linear_model.LogisticRegression(
        C=vectors / (strength * count), tol=1e-8, max_iter=10000
    )
    theirs.fit((x - mean) / scale, y)
    ours = fit_probe(x, y, classes, strength=strength)
    expected = theirs.predict_proba((x - mean) / scale)
    logits = ours(x).astype(np.float64)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(1, keepdims=True), expected, atol=2e-3)


def test_the_gradient_vanishes_at_the_solution():
    x, y = blobs(90, 6, 3)
    mean, scale = standardisation(x)
    data = _Data((x - mean) / scale, y, 3)
    w = solve(data, 0.1, precision=1e-14)
    logits = data.x @ w[:-1] + w[-1]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    step = data.x.T @ (shares - np.eye(3)[y]) / len(y) + 0.1 * w[:-1]
    assert np.abs(step).max() < 1e-5


def noisy(count: int, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of which a quarter have a label drawn by chance."""
    x, y = blobs(count, 60, 3, key)
    rng = np.random.default_rng(key)
    return x, np.where(rng.random(count) < 0.25, rng.integers(0, 3, count), y)


def test_cross_validation_chooses_a_strength_that_holds_elsewhere():
    x, y = noisy(90, 0)
    new, truth = noisy(600, 1)
    chosen = fit_probe(x, y, 3)
    assert chosen.strength in chosen.scores
    assert chosen.scores[chosen.strength] <= 1.02 * min(chosen.scores.values())

    def loss(probe):
        return ops.cross_entropy(Tensor(probe(new)), Tensor(truth)).item()

    assert loss(chosen) < loss(fit_probe(x, y, 3, strength=1e-6))
    assert loss(chosen) < loss(fit_probe(x, y, 3, strength=100))


def test_the_search_goes_past_penalties_that_let_nothing_through():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (300, 2)).astype(np.float32)
    y = (x[:, 0] + 0.1 * rng.normal(0, 1, 300) > 0).astype(np.int64)
    probe = fit_probe(x, y, 2)
    assert probe.strength < 0.1 and (probe(x).argmax(1) == y).mean() > 0.95


def test_a_feature_that_never_changes_is_harmless():
    x, y = blobs(40, 4, 2)
    x[:, 2] = 7.25
    probe = fit_probe(x, y, 2)
    assert np.isfinite(probe.weight).all()
    assert np.abs(probe.weight[:, 2]).max() < 1e-6


def test_rare_classes_count_the_same_where_that_helps():
    rng = np.random.default_rng(0)
    y = np.array([0] * 190 + [1] * 10)
    x = rng.normal(0, 1, (200, 3)).astype(np.float32)
    x[y == 1] += 1.2
    assert fit_probe(x, y, 2).balanced
    assert not fit_probe(x, y, 2, balance=False).balanced
    assert not fit_probe(*blobs(60, 4, 3), 3).balanced


def test_one_example_a_class_needs_no_cross_validation():
    x, y = blobs(3, 10, 3)
    probe = fit_probe(x, y, 3)
    assert probe.scores == {} and (probe(x).argmax(1) == y).all()


def test_attributes_of_which_some_are_not_known():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (200, 5)).astype(np.float32)
    y = (x[:, :2] > 0).astype(np.float64)
    y[rng.random(y.shape) < 0.3] = np.nan
    probe = fit_probe(x, y, 2)
    new = rng.normal(0, 1, (500, 5)).astype(np.float32)
    assert ((probe(new) > 0) == (new[:, :2] > 0)).mean() > 0.93


def test_folds_hold_every_class_evenly():
    labels = np.array([0] * 23 + [1] * 12 + [2] * 5)
    folds = fold_numbers(labels)
    counts = np.array([[(labels[folds == f] == k).sum() for k in range(3)] for f in range(5)])
    assert (counts.max(0) - counts.min(0) <= 1).all()
    assert fold_numbers(np.array([0, 1, 1])) is None
    assert fold_numbers(np.array([0, 0, 1, 1])).max() == 1


def test_features_that_are_not_numbers():
    x, y = blobs(20, 3, 2)
    x[4, 1] = np.nan
    with pytest.raises(DataError, match=r"1 examples hold NaN or infinity \(row 4\)"):
        fit_probe(x, y, 2)


def test_a_class_without_examples():
    x, y = blobs(20, 3, 2)
    with pytest.raises(DataError, match=r"1 classes have no example to learn from \(class 2\)"):
        fit_probe(x, y, 3)
