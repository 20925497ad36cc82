"""Softmax and its logarithm: values, invariance, and scores far apart."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glassnet.ops._samples import normal
from glassnet.ops.softmax import log_softmax, softmax
from glassnet.tensor import Tensor
from tests.helpers import check

scores = arrays(np.float64, (3, 4), elements=st.floats(-300, 300))


def test_by_hand() -> None:
    x = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 3.0]]))
    p = np.array([[1 / 8, 2 / 8, 5 / 8], [1 / 3, 1 / 3, 1 / 3]])
    check(softmax, x, expected=p)
    check(log_softmax, x, expected=np.log(p))


@given(x=scores, shift=st.floats(-300, 300))
def test_sums_to_1_and_forgets_a_shift(x: Any, shift: float) -> None:
    p = softmax(Tensor(x)).data
    np.testing.assert_allclose(p.sum(-1), np.ones(3), rtol=1e-12)
    np.testing.assert_allclose(softmax(Tensor(x + shift)).data, p, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_softmax(Tensor(x)).data), p, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("op", [softmax, log_softmax])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_over_each_axis(op: Any, dim: int) -> None:
    check(op, normal(2, 3, 4), dim=dim)
    check(op, np.zeros((2, 3)), dim=dim, every_entry=True)


def test_scores_far_apart() -> None:
    x = np.array([[300.0, -300.0, 0.0]], np.float32)
    assert np.array_equal(softmax(Tensor(x)).data, [[1, 0, 0]])
    assert np.array_equal(log_softmax(Tensor(x)).data, [[0, -600, -300]])
    check(log_softmax, x.astype(np.float64), every_entry=True)


def test_minus_infinity_is_a_choice_that_cannot_be() -> None:
    p = softmax(Tensor(np.array([0.0, -np.inf, 0.0]))).data
    assert np.array_equal(p, [0.5, 0, 0.5])
    with np.errstate(invalid="ignore"):
        assert np.isnan(softmax(Tensor(np.array([-np.inf, -np.inf]))).data).all()


def test_nothing_to_choose() -> None:
    assert softmax(Tensor(np.zeros((0, 3)))).shape == (0, 3)
    assert softmax(Tensor(np.zeros((3, 0)))).shape == (3, 0)
    assert log_softmax(Tensor(np.zeros((0, 3)))).shape == (0, 3)
