import math
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops._samples import distinct, normal
from tests.helpers import check

X = 2 * normal(3, 4)
SMOOTH = [ops.sigmoid, ops.tanh, ops.silu, ops.gelu, ops.softplus]
EXTREMES = np.array([-300.0, -40, -1, 0, 1, 40, 300])


def _tanh_gelu(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    ("op", "options", "value"),
    [
        (ops.relu, {}, np.maximum(X, 0)),
        (ops.relu6, {}, np.clip(X, 0, 6)),
        (ops.leaky_relu, {"negative_slope": 0.2}, np.where(X > 0, X, 0.2 * X)),
        (ops.elu, {"alpha": 0.5}, np.where(X > 0, X, 0.5 * np.expm1(X))),
        (ops.sigmoid, {}, 1 / (1 + np.exp(-X))),
        (ops.tanh, {}, np.tanh(X)),
        (ops.softplus, {"beta": 2.0}, np.log(1 + np.exp(2 * X)) / 2),
        (ops.softplus, {"threshold": 1.0}, np.where(X > 1, X, np.log1p(np.exp(X)))),
        (ops.silu, {}, X / (1 + np.exp(-X))),
        (ops.gelu, {}, X * np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))(X)),
        (ops.gelu, {"approximate": "tanh"}, _tanh_gelu(X)),
    ],
)
def test_value_and_gradient(op: Any, options: Any, value: Any) -> None:
    check(op, X, expected=value, **options)
    check(op, X[:0], expected=value[:0], **options)
    check(op, X[:1, :1], expected=value[:1, :1], every_entry=True, **options)


@pytest.mark.parametrize("op", [*SMOOTH, ops.relu, ops.relu6, ops.elu, ops.leaky_relu])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_do_not_overflow(op: Any, dtype: Any) -> None:
    x = gn.Tensor(np.array([*EXTREMES, -1e30, 1e30], dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        y = op(x[:-2]) if op is ops.gelu else op(x)
        y.sum().backward()
    assert x.grad is not None
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad.data).all()


@pytest.mark.parametrize("op", [*SMOOTH, ops.elu])
def test_gradients_at_extremes_entry_by_entry(op: Any) -> None:
    x = EXTREMES if op is not ops.elu else EXTREMES[EXTREMES != 0]
    check(op, x, every_entry=True, tolerance=2e-6)


def test_kinks_have_no_slope_to_the_left() -> None:
    x = gn.tensor([0.0, 6.0], requires_grad=True)
    for op, want in ((ops.relu, [0, 1]), (ops.relu6, [0, 0]), (ops.leaky_relu, [0.01, 1])):
        x.grad = None
        op(x).sum().backward()
        np.testing.assert_allclose(x.grad, want, rtol=1e-6)


def test_sigmoid_keeps_the_digits_of_small_values() -> None:
    y = ops.sigmoid(gn.Tensor(np.array([-40.0, -700.0])))
    np.testing.assert_allclose(y, [math.exp(-40), math.exp(-700)], rtol=1e-15)


def test_nan_is_not_hidden() -> None:
    for op in (*SMOOTH, ops.relu, ops.relu6, ops.elu, ops.leaky_relu):
        assert np.isnan(op(gn.tensor([float("nan")])).item())


def test_gelu_names_its_choices() -> None:
    with pytest.raises(ShapeError, match="tanh"):
        ops.gelu(gn.ones(1), approximate="fast")


class TestMaxout:
    def test_takes_the_largest_of_neighbours(self) -> None:
        x = distinct(2, 6)
        check(ops.maxout, x, pieces=3, expected=x.reshape(2, 2, 3).max(-1))

    def test_channels_of_images(self) -> None:
        x = distinct(2, 4, 3, 3)
        check(ops.maxout, x, expected=np.maximum(x[:, ::2], x[:, 1::2]))

    def test_of_equal_ones_the_first_gets_the_gradient(self) -> None:
        x = gn.ones(1, 4, requires_grad=True)
        ops.maxout(x).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [[1, 0, 1, 0]]

    def test_pieces_that_do_not_divide(self) -> None:
        with pytest.raises(ShapeError, match="5, no multiple of 2"):
            ops.maxout(gn.ones(1, 5))
