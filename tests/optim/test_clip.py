"""Clipping by norm and by value."""

import numpy as np
import pytest

from glassnet.errors import TrainingError
from glassnet.optim import clip_grad_norm_, clip_grad_value_
from glassnet.optim.optimizer import OptimError
from glassnet.tensor import Tensor


def with_grads(*grads: object) -> list[Tensor]:
    params = []
    for g in grads:
        p = Tensor(np.zeros(np.shape(g), np.float32), requires_grad=True)
        p.grad = Tensor(np.array(g, np.float32))
        params.append(p)
    return params


def test_the_norm_is_that_of_all_gradients_as_one_vector() -> None:
    params = with_grads([3.0, 0.0], [[4.0]])
    params.append(Tensor(np.zeros(2), requires_grad=True))  # without a gradient
    assert clip_grad_norm_(params, 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose(params[0].grad.data, [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(params[1].grad.data, [[0.8]], rtol=1e-6)
    assert params[0].grad.dtype == np.float32


def test_short_gradients_are_left_alone() -> None:
    params = with_grads([3.0, 4.0])
    assert clip_grad_norm_(iter(params), 10.0) == pytest.approx(5.0)
    np.testing.assert_array_equal(params[0].grad.data, [3.0, 4.0])
    assert clip_grad_norm_([], 1.0) == 0.0


@pytest.mark.parametrize(("norm_type", "norm"), [(1.0, 7.0), (np.inf, 4.0)])
def test_other_norms(norm_type: float, norm: float) -> None:
    params = with_grads([3.0], [-4.0])
    assert clip_grad_norm_(params, 1.0, norm_type) == pytest.approx(norm)
    np.testing.assert_allclose(params[1].grad.data, -4 / norm, rtol=1e-6)


def test_squares_beyond_float32_do_not_overflow() -> None:
    params = with_grads([3e30, 4e30])
    assert clip_grad_norm_(params, 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(params[0].grad.data, [0.6, 0.8], rtol=1e-6)


def test_what_is_not_finite_is_an_error_where_asked() -> None:
    params = with_grads([1.0, 2.0], [[np.nan]])
    with pytest.raises(TrainingError, match=r"nan.*\(1, 1\)"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(params[0].grad.data, [1.0, 2.0])
    assert np.isnan(clip_grad_norm_(params, 1.0))
    assert np.isnan(params[0].grad.data).all()  # one loss of NaN has no gradient to save


def test_by_value() -> None:
    (p,) = with_grads([-3.0, 0.5, 2.0])
    clip_grad_value_(p, 1.0)
    np.testing.assert_array_equal(p.grad.data, [-1.0, 0.5, 1.0])


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
@pytest.mark.parametrize("bound", [-1.0, float("nan")])
def test_a_bound_that_is_none_is_an_error(clip: object, bound: float) -> None:
    with pytest.raises(OptimError):
        clip(with_grads([1.0]), bound)
