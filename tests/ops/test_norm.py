"""Normalisation: what is normalised, what the running statistics hold, and the alone-in-a-batch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.errors import ShapeError
from glassnet.operation import OPERATIONS
from glassnet.ops._samples import normal, uniform
from glassnet.ops.norm import (
    batch_norm,
    batch_norm_eval,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
)
from glassnet.tape import Array
from glassnet.tensor import Tensor
from tests.helpers import check

batch_norm_page = OPERATIONS["batch_norm"]


def statistics(channels: int) -> tuple[Tensor, Tensor]:
    """A fresh layer's running mean and variance."""
    return Tensor(np.zeros(channels)), Tensor(np.ones(channels))


# -- batch_norm ----------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (2, 3, 4, 5)])
def test_batch_norm_gives_mean_0_and_variance_1(shape: tuple[int, ...]) -> None:
    y = batch_norm(Tensor(3 + 5 * normal(*shape)), None, None, training=True, eps=0).data
    others = tuple(i for i in range(len(shape)) if i != 1)
    np.testing.assert_allclose(y.mean(others), np.zeros(3), atol=1e-12)
    np.testing.assert_allclose(y.var(others), np.ones(3), rtol=1e-12)


def test_running_statistics_by_hand() -> None:
    running_mean, running_var = statistics(1)
    x = Tensor(np.array([[1.0], [2.0], [3.0], [4.0]]))  # mean 2.5, variance 5/4, over M - 1: 5/3
    batch_norm(x, running_mean, running_var, training=True, momentum=0.1)
    assert running_mean.item() == pytest.approx(0.25)
    assert running_var.item() == pytest.approx(0.9 + 0.1 * 5 / 3)


def test_evaluation_uses_the_running_statistics_and_moves_nothing() -> None:
    running_mean, running_var = Tensor(np.array([1.0])), Tensor(np.array([4.0]))
    x = np.array([[3.0], [5.0]])
    y = batch_norm(
        Tensor(x),
        running_mean,
        running_var,
        Tensor(np.array([10.0])),
        Tensor(np.array([7.0])),
        eps=0,
    )
    assert np.array_equal(y.data, [[17.0], [27.0]])
    assert (running_mean.item(), running_var.item()) == (1.0, 4.0)


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_batch_norm_gradients(shape: tuple[int, ...]) -> None:
    x, w, b = normal(*shape), normal(3), normal(3, key=1)
    check(batch_norm_page, x, w, b)  # through y, mean and var
    check(batch_norm_page, x)
    check(batch_norm_page, x, None, b)
    check(batch_norm_eval, x, w, b, mean=normal(3), var=uniform(3, low=0.5, high=2))
    check(batch_norm_eval, x, None, None, mean=normal(3), var=uniform(3, low=0.5, high=2))


@given(scale=st.floats(0.5, 100), shift=st.floats(-100, 100))
def test_batch_norm_forgets_scale_and_shift(scale: float, shift: float) -> None:
    x = normal(10, 3)
    one, other = (
        batch_norm(Tensor(a), None, None, training=True, eps=0) for a in (x, scale * x + shift)
    )
    np.testing.assert_allclose(one.data, other.data, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1)])
def test_one_number_a_channel_has_no_variance(shape: tuple[int, ...]) -> None:
    x = Tensor(normal(*shape))
    with pytest.raises(ShapeError, match="more than one number for each channel"):
        batch_norm(x, *statistics(3), training=True)
    assert batch_norm(x, *statistics(3)).shape == shape
    assert batch_norm(Tensor(normal(1, 3, 2, 1)), *statistics(3), training=True).shape == (
        1,
        3,
        2,
        1,
    )


def test_an_empty_batch_moves_nothing() -> None:
    running_mean, running_var = statistics(3)
    x = Tensor(np.zeros((0, 3, 2, 2)), requires_grad=True)
    w = Tensor(np.ones(3), requires_grad=True)
    y = batch_norm(x, running_mean, running_var, w, training=True)
    y.backward(np.zeros(y.shape))
    assert x.grad is not None
    assert w.grad is not None
    assert (y.shape, x.grad.shape) == (x.shape, x.shape)
    assert np.array_equal(w.grad.data, np.zeros(3))
    assert np.array_equal(running_mean.data, np.zeros(3))
    assert np.array_equal(running_var.data, np.ones(3))


def test_a_constant_channel_is_finite() -> None:
    x = Tensor(np.full((4, 2, 3, 3), 300.0, np.float32), requires_grad=True)
    y = batch_norm(x, *statistics(2), training=True)
    y.backward(normal(*y.shape).astype(np.float32))
    assert x.grad is not None
    assert np.array_equal(y.data, np.zeros(y.shape))
    assert np.isfinite(x.grad.data).all()
    assert y.dtype == np.float32
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_large_means_keep_their_variance_in_float32() -> None:
    x = (1000 + normal(64, 2, 16, 16)).astype(np.float32)
    y = batch_norm(Tensor(x), None, None, training=True).data
    np.testing.assert_allclose(y.var((0, 2, 3)), 1, rtol=1e-3)


def test_batch_norm_says_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"each of the 3 channels .* got .* shape \(2,\)"):
        batch_norm(Tensor(normal(4, 3)), None, None, Tensor(np.ones(2)), training=True)
    with pytest.raises(ShapeError, match="needs running_mean"):
        batch_norm(Tensor(normal(4, 3)), None, None)
    with pytest.raises(ShapeError, match=r"expected x \(N, C"):
        batch_norm(Tensor(normal(4)), None, None, training=True)


# -- layer_norm and group_norm -------------------------------------------------------------------
def test_layer_norm_by_hand() -> None:
    x = np.array([[1.0, 3.0], [10.0, 30.0]])  # mean 2 and 20, deviation 1 and 10
    w, b = np.array([2.0, 3.0]), np.array([0.0, 1.0])
    y = layer_norm(Tensor(x), Tensor(w), Tensor(b), eps=0.0)
    np.testing.assert_allclose(y.data, [[-2.0, 4.0], [-2.0, 4.0]], rtol=1e-12)


@pytest.mark.parametrize(("x", "weight"), [((4, 5), (5,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4))])
def test_layer_norm_gradients(x: Any, weight: Any) -> None:
    check(layer_norm, normal(*x), normal(*weight), normal(*weight, key=1))
    check(layer_norm, 300 * normal(*x), normal(*weight), None)
    check(layer_norm, normal(*x), None, normal(*weight))


def test_layer_norm_says_what_does_not_fit() -> None:
    for weight, bias in (((4,), (4,)), ((5,), (1,)), ((2, 5), (2, 5)), ((), ())):
        with pytest.raises(ShapeError, match="last axes of x"):
            layer_norm(Tensor(normal(4, 5)), Tensor(np.ones(weight)), Tensor(np.ones(bias)))


@pytest.mark.parametrize("shape", [(3, 6), (2, 6, 4), (2, 6, 3, 2)])
def test_group_norm_normalises_each_group_of_each_image(shape: tuple[int, ...]) -> None:
    y = group_norm(Tensor(2 + normal(*shape)), 2, eps=0).data
    groups = y.reshape(shape[0], 2, -1)
    np.testing.assert_allclose(groups.mean(-1), np.zeros((shape[0], 2)), atol=1e-12)
    np.testing.assert_allclose(groups.var(-1), np.ones((shape[0], 2)), rtol=1e-12)
    check(group_norm, normal(*shape), 2, normal(6), normal(6, key=1))


def test_group_norm_at_its_ends() -> None:
    x = Tensor(normal(2, 6, 3, 2))
    one = group_norm(x, 1).data.reshape(2, -1)
    np.testing.assert_allclose(one, layer_norm(Tensor(x.data.reshape(2, -1))).data, rtol=1e-12)
    each = instance_norm(x, eps=0).data
    np.testing.assert_allclose(each.mean((2, 3)), np.zeros((2, 6)), atol=1e-12)
    np.testing.assert_allclose(each.var((2, 3)), np.ones((2, 6)), rtol=1e-12)
    with pytest.raises(ShapeError, match="6 channels cannot be split into 4 groups"):
        group_norm(x, 4)


# -- local_response_norm -------------------------------------------------------------------------
def naive_response(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """Krizhevsky's formula, channel by channel."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha / size * (near**2).sum(1)) ** beta
    return y


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_local_response_norm(size: int) -> None:
    x, numbers = normal(2, 6, 3, 2), (0.8, 0.6, 1.5)
    names = dict(zip(("alpha", "beta", "k"), numbers, strict=True))
    check(local_response_norm, x, size, **names, expected=naive_response(x, size, *numbers))
