"""Losses: published values, the denominators of their means, extremes, and what they refuse."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.errors import DataError, ShapeError
from glassnet.ops._samples import integers, normal, uniform
from glassnet.ops.loss import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multi_margin_loss,
    smooth_l1_loss,
)
from glassnet.ops.softmax import log_softmax, softmax
from glassnet.tape import Array
from glassnet.tensor import Tensor
from tests.helpers import check

PAIRED = [mse_loss, l1_loss, huber_loss, smooth_l1_loss, binary_cross_entropy_with_logits, kl_div]
# The three images of the lectures of Stanford's CS231n: scores of cat, car and frog.
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
LABELS = np.array([0, 1, 2])


def gradient(op: Any, x: Array, target: Array, **options: Any) -> tuple[float, Array]:
    """The loss and dinput."""
    leaf = Tensor(x, requires_grad=True)
    y = op(leaf, target, **options)
    y.backward()
    assert leaf.grad is not None
    return y.item(), leaf.grad.data


# -- cross_entropy -------------------------------------------------------------------------------
def test_cross_entropy_of_the_lecture() -> None:
    # "0.13": the probability of the cat
    p = np.exp(3.2) / np.exp(SCORES[0]).sum()
    assert round(p, 2) == 0.13
    check(cross_entropy, SCORES[:1], LABELS[:1], expected=-np.log(p))


@given(n=st.integers(1, 5), classes=st.integers(1, 20))
def test_knowing_nothing_costs_log_k(n: int, classes: int) -> None:
    loss, dx = gradient(cross_entropy, np.full((n, classes), 7.0), np.zeros(n, np.int64))
    assert loss == pytest.approx(np.log(classes))
    np.testing.assert_allclose(dx * n, 1 / classes - np.eye(classes)[np.zeros(n, int)], atol=1e-12)


def test_the_gradient_is_what_was_said_less_what_is_right() -> None:
    x, labels = normal(5, 4), integers(5, high=4)
    _, dx = gradient(cross_entropy, x, labels, reduction="sum")
    np.testing.assert_allclose(dx, softmax(Tensor(x)).data - np.eye(4)[labels], atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_indices_are_probabilities_of_0_and_1(reduction: str, label_smoothing: float) -> None:
    x, labels = normal(3, 4, 2, 5), integers(3, 2, 5, high=4)
    one_hot = np.moveaxis(np.eye(4)[labels], -1, 1)
    options: Any = {"reduction": reduction, "label_smoothing": label_smoothing}
    (by_index,) = check(cross_entropy, x, labels, **options)
    (by_probability,) = check(cross_entropy, x, one_hot, **options)
    np.testing.assert_allclose(by_index, by_probability, rtol=1e-12)


def test_the_weighted_mean_divides_by_the_weights() -> None:
    weight = np.array([1.0, 2.0, 5.0])
    each = -np.diag(log_softmax(Tensor(SCORES)).data)
    mean = (weight * each).sum() / weight.sum()
    check(cross_entropy, SCORES, LABELS, weight=weight, expected=mean)
    # of probabilities it divides by the rows, as in PyTorch
    of_rows = (weight * each).sum() / 3
    check(cross_entropy, SCORES, np.eye(3), weight=weight, expected=of_rows)


def test_what_is_ignored_counts_nowhere() -> None:
    x, labels = normal(4, 3), np.array([2, -100, 0, -100])
    loss, dx = gradient(cross_entropy, x, labels, label_smoothing=0.1)
    fewer, dx_fewer = gradient(cross_entropy, x[::2], labels[::2], label_smoothing=0.1)
    assert loss == pytest.approx(fewer)
    np.testing.assert_allclose(dx[::2], dx_fewer)
    assert not dx[1::2].any()
    each = cross_entropy(Tensor(x), np.array([2, 1, 0, 1]), ignore_index=1, reduction="none")
    assert each.data[1] == each.data[3] == 0


@pytest.mark.parametrize("rows", [0, 3])
def test_a_mean_over_nothing_is_nan_without_a_gradient(rows: int) -> None:
    loss, dx = gradient(cross_entropy, normal(rows, 4), np.full(rows, -100))
    assert np.isnan(loss)
    assert np.array_equal(dx, np.zeros((rows, 4)))


def test_scores_of_one_image() -> None:
    loss = cross_entropy(Tensor(SCORES[0]), np.array(0))
    assert loss.item() == pytest.approx(cross_entropy(Tensor(SCORES[:1]), LABELS[:1]).item())


def test_cross_entropy_of_scores_far_apart() -> None:
    x = np.array([[300.0, -300.0, 0.0], [0.0, 0.0, 0.0]])
    check(cross_entropy, x, np.array([1, 2]), reduction="none", every_entry=True)
    assert gradient(cross_entropy, x[:1].astype(np.float32), np.array([1]))[0] == 600
    masked = np.array([[0.0, -np.inf, 0.0]])  # a class that cannot be, and is not right
    loss, dx = gradient(cross_entropy, masked, np.array([0]), label_smoothing=0.0)
    assert loss == pytest.approx(np.log(2))
    np.testing.assert_allclose(dx, [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("op", [cross_entropy, multi_margin_loss])
@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (np.array([0, 3, 1]), DataError, r"target 3 at position \(1,\) .* labels are 0 to 2"),
        (np.array([0, 2, -1]), DataError, r"target -1 at position \(2,\)"),
        (np.array([0.0, 1.0, 2.0]), DataError, "whole numbers, got targets of float64"),
        (np.array([[0], [1], [2]]), ShapeError, r"use target.reshape\(3,\)"),
        (np.array([0, 1]), ShapeError, r"shape \(2,\) .* expected class indices of shape \(3,\)"),
    ],
)
def test_targets_that_name_no_class(op: Any, target: Array, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        op(Tensor(SCORES), Tensor(target))


def test_options_that_are_none() -> None:
    with pytest.raises(ValueError, match="reduction is 'mean', 'sum' or 'none', not 'average'"):
        cross_entropy(Tensor(SCORES), LABELS, reduction="average")
    with pytest.raises(ShapeError, match="a weight for each of 3 classes"):
        cross_entropy(Tensor(SCORES), LABELS, weight=np.ones(4))
    with pytest.raises(ValueError, match="p is 1 or 2"):
        multi_margin_loss(Tensor(SCORES), LABELS, p=3)


# -- pairs of one shape --------------------------------------------------------------------------
@pytest.mark.parametrize("op", PAIRED)
@pytest.mark.parametrize(
    ("input", "target", "message"),
    [
        ((4, 1), (4,), r"input \(4, 1\) and target \(4,\); .* use target.reshape\(4, 1\)"),
        ((4,), (4, 1), r"use target.reshape\(4,\)"),
        ((4, 3), (3,), "must have the same shape"),
    ],
)
def test_nothing_is_broadcast(op: Any, input: Any, target: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        op(Tensor(normal(*input)), Tensor(normal(*target)))


@pytest.mark.parametrize("op", PAIRED)
def test_an_empty_batch_has_no_mean_and_no_gradient(op: Any) -> None:
    loss, dx = gradient(op, np.zeros((0, 3)), np.zeros((0, 3)))
    assert np.isnan(loss)
    assert dx.shape == (0, 3)
    assert op(Tensor(np.zeros((0, 3))), np.zeros((0, 3)), reduction="sum").item() == 0


@pytest.mark.parametrize("op", PAIRED[:5])
def test_whole_numbers_as_targets_keep_float32(op: Any) -> None:
    y = op(Tensor(np.array([0.5, 2.0], np.float32)), np.array([0, 1]))
    assert y.dtype == np.float32


def test_distances_by_hand() -> None:
    x, t = np.array([0.0, 0.5, -3.0]), np.array([0.25, 0.0, 1.0])  # apart by -0.25, 0.5, -4
    none: Any = {"reduction": "none"}
    check(mse_loss, x, t, **none, expected=np.array([0.0625, 0.25, 16.0]))
    check(l1_loss, x, t, **none, expected=np.array([0.25, 0.5, 4.0]))
    check(huber_loss, x, t, **none, expected=np.array([0.03125, 0.125, 3.5]))
    check(huber_loss, x, t, **none, delta=2.0, expected=np.array([0.03125, 0.125, 6.0]))
    check(smooth_l1_loss, x, t, **none, beta=2.0, expected=np.array([0.015625, 0.0625, 3.0]))
    check(smooth_l1_loss, x, t, **none, beta=0.0, expected=np.array([0.25, 0.5, 4.0]))
    assert mse_loss(Tensor(x), t).item() == pytest.approx(16.3125 / 3)


def test_at_the_kink_the_gradient_is_0() -> None:
    for op, options in ((l1_loss, {}), (smooth_l1_loss, {"beta": 0.0}), (huber_loss, {})):
        assert np.array_equal(gradient(op, np.zeros(2), np.zeros(2), **options)[1], [0, 0])


# -- binary_cross_entropy_with_logits ------------------------------------------------------------
def test_binary_cross_entropy_by_hand() -> None:
    x, t = np.array([0.0, np.log(3), -np.log(3)]), np.array([1.0, 1.0, 1.0])  # p 1/2, 3/4, 1/4
    expected = -np.log([0.5, 0.75, 0.25])
    check(binary_cross_entropy_with_logits, x, t, reduction="none", expected=expected)
    weight, pos_weight = np.array([1.0, 2.0, 3.0]), np.array([4.0])
    weights: Any = {"weight": weight, "pos_weight": pos_weight, "reduction": "sum"}
    total = (4 * weight * expected).sum()
    check(binary_cross_entropy_with_logits, x, t, **weights, expected=total)
    with pytest.raises(ShapeError, match=r"\(2, 3\) do not broadcast to input \(3,\)"):
        binary_cross_entropy_with_logits(Tensor(x), t, weight=np.ones((2, 3)))
    # what is wrong is not weighted by pos_weight
    wrong = (weight * -np.log([0.5, 0.25, 0.75])).sum()
    check(binary_cross_entropy_with_logits, x, 0 * t, **weights, expected=wrong)


def test_binary_is_cross_entropy_of_two_classes() -> None:
    x, t = normal(6), uniform(6)
    two = np.stack([np.zeros(6), x], axis=1)
    p = np.stack([1 - t, t], axis=1)
    one = binary_cross_entropy_with_logits(Tensor(x), t).item()
    assert one == pytest.approx(cross_entropy(Tensor(two), p).item(), rel=1e-12)


def test_binary_cross_entropy_is_finite_far_out() -> None:
    x, t = np.array([300.0, -300.0, 300.0, -300.0]), np.array([0.0, 1.0, 1.0, 0.0])
    check(
        binary_cross_entropy_with_logits,
        x,
        t,
        reduction="none",
        every_entry=True,
        expected=np.array([300.0, 300.0, 0.0, 0.0]),
    )


# -- multi_margin_loss ---------------------------------------------------------------------------
def test_hinge_of_the_lecture() -> None:
    # the lecture adds the classes up: 2.9, 0 and 12.9; PyTorch's loss takes their mean
    expected = np.array([2.9, 0.0, 12.9]) / 3
    (each,) = check(multi_margin_loss, SCORES, LABELS, reduction="none")
    np.testing.assert_allclose(each, expected, atol=1e-12)
    assert multi_margin_loss(Tensor(SCORES), LABELS).item() == pytest.approx(expected.mean())


def test_hinge_options() -> None:
    x, labels = 300 * np.sign(normal(3, 4)), integers(3, high=4)
    check(multi_margin_loss, normal(3, 4), labels, p=2, margin=0.5)
    check(multi_margin_loss, x, labels, weight=uniform(4), reduction="none")
    one = multi_margin_loss(Tensor(SCORES[2]), np.array(2), margin=2.0)
    assert one.item() == pytest.approx((2 + 5.3 + 2 + 5.6) / 3)


# -- kl_div --------------------------------------------------------------------------------------
def test_divergence_by_hand() -> None:
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    rows = np.array([0.5 * np.log(2) + 0.5 * np.log(2 / 3), np.log(2)])  # of p from q
    loss = kl_div(Tensor(np.log(q)), p, reduction="batchmean")
    assert loss.item() == pytest.approx(rows.mean(), rel=1e-12)
    assert kl_div(Tensor(np.log(q)), p).item() == pytest.approx(rows.sum() / 4, rel=1e-12)


def test_divergence_from_itself_is_nothing() -> None:
    log_p = log_softmax(Tensor(normal(3, 4))).data
    check(kl_div, log_p, np.exp(log_p), reduction="none", expected=np.zeros((3, 4)))
    check(kl_div, log_p, log_p, log_target=True, reduction="none", expected=np.zeros((3, 4)))
