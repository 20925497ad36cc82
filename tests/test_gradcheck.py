"""gradcheck(): what it accepts, and what it says of each kind of mistake."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import GradientError
from glassnet.operation import OPERATIONS, Operation


def wrong(forward, backward, name="mine"):
    """An operation that is not registered."""
    return Operation(forward, backward, name, None, False)


def mean_rows(x):
    return x.mean(axis=0), x.shape


X = np.random.default_rng(0).standard_normal((4, 3))


def test_a_right_gradient_passes():
    assert gn.gradcheck(lambda x: (x.exp() * x).sum(), X).error < 1e-6
    assert gn.gradcheck(lambda x, k: x[k], X, np.array([2, 0])).error < 1e-6  # integers go through


@pytest.mark.parametrize(
    ("backward", "says"),
    [
        (lambda dy, s: -np.broadcast_to(dy / s[0], s), "sign"),
        (lambda dy, s: np.broadcast_to(dy, s), "missing 1/N"),
        (lambda dy, s: np.broadcast_to(dy / s[0] ** 2, s), "once too often"),
        (lambda dy, s: np.broadcast_to(dy * 0.7, s), "constant factor"),
        (lambda dy, s: np.zeros(s), "zero everywhere"),
        (lambda dy, s: np.broadcast_to(dy[::-1] / s[0], s), "reversed along axis 1"),
    ],
)
def test_mistakes_are_named(backward, says):
    with pytest.raises(GradientError, match=says) as caught:
        gn.gradcheck(wrong(mean_rows, backward), X)
    message = str(caught.value)
    assert "'mine'" in message
    assert "argument 0" in message
    assert "Worst at" in message


def test_axes_in_the_wrong_order_are_named():
    square = np.random.default_rng(1).standard_normal((3, 3))
    op = wrong(lambda x: (x * square, None), lambda dy, _: (dy * square).T)
    with pytest.raises(GradientError, match="wrong order"):
        gn.gradcheck(op, np.ones((3, 3)))


def test_a_sum_over_the_wrong_axis_is_named():
    op = wrong(
        lambda x: (x * x, x), lambda dy, x: np.broadcast_to((2 * x * dy).sum(0), x.shape).copy()
    )
    with pytest.raises(GradientError, match="axis 0"):
        gn.gradcheck(op, X)


def test_one_wrong_entry_in_many_is_found():
    def backward(dy, x):
        dx = 2 * x * dy
        dx[17] *= 1.5
        return dx

    with pytest.raises(GradientError, match=r"Worst at \(17,\)"):
        gn.gradcheck(wrong(lambda x: (x * x, x), backward), np.arange(1.0, 51.0))


def test_kinks_are_set_apart_and_reported():
    result = gn.gradcheck(gn.ops.relu, np.array([-1.0, 0.0, 2.0]), every_entry=True)
    assert result.kinks == [(0, (1,))]
    assert result.error < 1e-6
    # and a mistake beside a kink is still one
    op = wrong(lambda x: (np.abs(x), x), lambda dy, x: np.sign(x) * dy * np.where(x > 1, 2, 1))
    with pytest.raises(GradientError, match=r"\(2,\)"):
        gn.gradcheck(op, np.array([-1.0, 0.0, 2.0]))


def test_the_rounding_of_large_values_is_no_kink():
    op = wrong(lambda x: (x * 1e9 + 1e14, None), lambda dy, _: dy * 2e9)
    with pytest.raises(GradientError, match="constant factor"):
        gn.gradcheck(op, np.array([1.0, 2.0, 3.0]))


def test_a_gradient_that_is_not_a_number_fails():
    op = wrong(lambda x: (x, None), lambda dy, _: dy * np.nan)
    with pytest.raises(GradientError):
        gn.gradcheck(op, X)


def test_large_values_are_checked_with_a_step_to_their_scale():
    gn.gradcheck(gn.ops.sigmoid, np.array([-300.0, 300.0, 0.0]), every_entry=True)


def test_nothing_is_registered_by_a_check():
    assert "mine" not in OPERATIONS
