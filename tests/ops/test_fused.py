"""Operations in a row: the page is the composition of its parts, value and gradients."""

from __future__ import annotations

import numpy as np
import pytest

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.operation import OPERATIONS
from glassnet.ops._samples import distinct, normal
from glassnet.tensor import Tensor, tensor
from tests.helpers import check

batch_norm_act_page = OPERATIONS["batch_norm_act"]


@pytest.mark.parametrize("activation", ["relu", "relu6", "gelu", "silu"])
def test_gradients(activation: str) -> None:
    x, w, b, r = normal(2, 3, 4, 2), normal(3), normal(3, key=1), normal(2, 3, 4, 2, key=2)
    check(batch_norm_act_page, x, w, b, r, activation=activation)
    check(batch_norm_act_page, x, w, b, activation=activation)


def test_it_is_the_parts() -> None:
    arrays = (normal(4, 3, 2, 2), normal(3), normal(3, key=1), normal(4, 3, 2, 2, key=2))
    x, w, b, r = (tensor(v, requires_grad=True) for v in arrays)
    means = [Tensor(np.zeros(3)), Tensor(np.zeros(3))]
    variances = [Tensor(np.ones(3)), Tensor(np.ones(3))]
    y = ops.batch_norm_act(x, means[0], variances[0], w, b, r, activation="relu6")
    z = ops.relu6(ops.batch_norm(x, means[1], variances[1], w, b, training=True) + r)
    np.testing.assert_array_equal(y.data, z.data)
    np.testing.assert_array_equal(means[0].data, means[1].data)
    np.testing.assert_array_equal(variances[0].data, variances[1].data)
    y.backward(np.ones(y.shape))
    first = [v.grad.data for v in (x, w, b, r)]
    for v in (x, w, b, r):
        v.grad = None
    z.backward(np.ones(z.shape))
    for a, v in zip(first, (x, w, b, r), strict=True):
        np.testing.assert_array_equal(a, v.grad.data)


def test_relu_and_pool_are_the_parts() -> None:
    values = distinct(2, 3, 6, 6)
    x = tensor(values - np.quantile(values, 0.8), requires_grad=True)
    y = ops.relu_max_pool2d(x, 2)
    np.testing.assert_array_equal(y.data, ops.max_pool2d(ops.relu(x), 2).data)
    y.sum().backward()
    assert set(np.unique(x.grad.data)) == {0.0, 1.0}
    assert not x.grad.data[x.data < 0].any()


def test_a_residual_of_another_shape() -> None:
    with pytest.raises(ShapeError, match="residual"):
        ops.batch_norm_act(Tensor(normal(4, 3)), None, None, residual=Tensor(normal(3)))
