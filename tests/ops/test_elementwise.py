import math
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import ops
from glassnet.ops._samples import integers, normal, uniform
from tests.helpers import check

X, P = normal(3, 4), uniform(2, 3, low=0.1, high=3)


@pytest.mark.parametrize(
    ("op", "x", "value"),
    [
        (ops.exp, X, np.exp(X)),
        (ops.log, P, np.log(P)),
        (ops.log1p, P, np.log1p(P)),
        (ops.sqrt, P, np.sqrt(P)),
        (ops.abs, X, np.abs(X)),
        (ops.neg, X, -X),
        (ops.sin, X, np.sin(X)),
        (ops.cos, X, np.cos(X)),
    ],
)
def test_value_and_gradient(op: Any, x: Any, value: Any) -> None:
    check(op, x, expected=value)
    check(op, x[:0], expected=value[:0])
    check(op, x[0, 0:1], expected=value[0, 0:1], every_entry=True)


class TestErf:
    POINTS = np.concatenate(
        [np.linspace(-7, 7, 4001), [0.46875, -0.46875, 4, -4, 1e-300, 30, 300, -300, np.inf]]
    )

    def test_agrees_with_the_c_library(self) -> None:
        want = np.array([math.erf(x) for x in self.POINTS])
        got = ops.erf(gn.Tensor(self.POINTS)).numpy()
        np.testing.assert_allclose(got, want, rtol=1e-15, atol=0)

    def test_in_float32(self) -> None:
        got = ops.erf(gn.Tensor(self.POINTS.astype(np.float32))).numpy()
        want = [math.erf(float(np.float32(x))) for x in self.POINTS]
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=5e-7)

    def test_keeps_nan_and_signed_zero(self) -> None:
        got = ops.erf(gn.tensor([float("nan"), -0.0, 1e30])).numpy()
        assert np.isnan(got[0])
        assert np.signbit(got[1])
        assert got[2] == 1

    def test_gradient(self) -> None:
        check(ops.erf, np.linspace(-5, 5, 21))


def _slope(op: Any, *numbers: float, **options: Any) -> list[float]:
    x = gn.tensor(list(numbers), dtype=np.float32, requires_grad=True)
    op(x, **options).sum().backward()
    assert x.grad is not None
    return x.grad.tolist()


def test_slopes_at_kinks() -> None:
    assert _slope(ops.abs, -1, 0, 1) == [-1, 0, 1]
    assert _slope(ops.clip, -2, -1, 0, 1, 2, min=-1, max=1) == [0, 1, 1, 1, 0]
    assert _slope(lambda x: ops.maximum(x, 0.0), -1, 0, 1) == [0, 0.5, 1]
    assert _slope(lambda x: ops.minimum(x, 0.0), -1, 0, 1) == [1, 0.5, 0]
    assert _slope(lambda x: ops.maximum(x, x), 1, 2) == [1, 1]


def test_infinite_values_and_slopes_come_without_a_warning(recwarn: Any) -> None:
    assert ops.log(gn.zeros(1)).item() == -np.inf
    assert ops.log1p(gn.tensor([-1.0])).item() == -np.inf
    assert _slope(ops.sqrt, 0.0) == [np.inf]
    assert _slope(ops.log, 0.0) == [np.inf]
    assert _slope(ops.log1p, -1.0) == [np.inf]
    assert not recwarn


def test_clip() -> None:
    check(ops.clip, X, min=-0.5, max=0.7, expected=np.clip(X, -0.5, 0.7))
    check(ops.clip, X, -0.5, expected=np.maximum(X, -0.5))
    check(ops.clip, X, max=0.7, expected=np.minimum(X, 0.7))


def test_numbers_of_numpy_and_whole_numbers_do_not_upcast() -> None:
    assert ops.clip(gn.ones(2), np.float64(0), np.float64(2)).dtype == np.float32
    for op in (ops.exp, ops.log1p, ops.sqrt, ops.sin, ops.cos):
        assert op(gn.arange(3)).dtype == np.float32


def test_where() -> None:
    condition = integers(3, 1, high=2) > 0
    check(ops.where, condition, X, X[:1] * 2, expected=np.where(condition, X, X[:1] * 2))
    check(ops.where, condition, X, 0.0, expected=np.where(condition, X, 0))
    assert ops.where(condition, gn.ones(1), np.float64(0)).dtype == np.float32


def test_maximum_and_minimum() -> None:
    other = normal(4, key=1)
    check(ops.maximum, X, other, expected=np.maximum(X, other))
    check(ops.minimum, X, other, expected=np.minimum(X, other))


def test_the_memory_layout_is_kept() -> None:
    image = np.zeros((2, 5, 5, 3), np.float32).transpose(0, 3, 1, 2)
    x = gn.Tensor(image, requires_grad=True)
    for op in (ops.exp, ops.abs, ops.erf, ops.relu, ops.gelu, ops.silu, ops.sigmoid, ops.elu):
        y = op(x)
        assert y.data.strides == image.strides
        x.grad = None
        y.sum().backward()
        assert x.grad is not None
        assert x.grad.data.strides == image.strides
    assert (x * 2 + x).data.strides == image.strides
