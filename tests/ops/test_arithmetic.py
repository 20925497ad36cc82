from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import glassnet as gn
from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops._samples import normal, uniform
from tests.helpers import check

A, B = uniform(3, 4, low=0.5, high=2), uniform(3, 1, low=0.5, high=2, key=1)


@pytest.mark.parametrize(
    ("op", "value"),
    [
        (ops.add, A + B),
        (ops.sub, A - B),
        (ops.mul, A * B),
        (ops.div, A / B),
        (ops.power, A**B),
    ],
)
def test_value_and_gradient(op: Any, value: Any) -> None:
    check(op, A, B, expected=value)
    check(op, B[0, 0], A)  # a number of no axes


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_gradients_of_broadcast_arguments(shapes: Any) -> None:
    a, b = (uniform(*shape, low=0.5, high=2, key=i) for i, shape in enumerate(shapes.input_shapes))
    for op in (ops.add, ops.mul, ops.div, ops.power):
        check(op, np.asarray(a), np.asarray(b))


def test_empty_arrays() -> None:
    check(ops.mul, np.zeros((0, 3)), normal(3), expected=np.zeros((0, 3)))


def test_power_at_zero() -> None:
    a = gn.tensor([0.0, 0.0, 2.0], requires_grad=True)
    b = gn.tensor([0.0, 2.0, 0.0], requires_grad=True)
    (a**b).sum().backward()
    np.testing.assert_array_equal(a.grad, [0, 0, 0])  # b a^(b-1)
    np.testing.assert_allclose(b.grad, [0, 0, np.log(2)], rtol=1e-6)


@pytest.mark.parametrize("exponent", [2, 3.0, -1, 0.5, 0])
def test_power_by_a_number(exponent: float) -> None:
    check(lambda x: x**exponent, A, expected=A**exponent)


def test_division_by_zero_is_infinite_without_a_warning(recwarn: Any) -> None:
    y = gn.tensor([1.0, -1.0]) / 0.0
    np.testing.assert_array_equal(y, [np.inf, -np.inf])
    assert not recwarn


class TestDtypes:
    @pytest.mark.parametrize("number", [2, 2.5, np.float64(2.5), np.int64(2), np.array(2.5)])
    @pytest.mark.parametrize("op", [ops.add, ops.mul, ops.div, ops.power, ops.maximum])
    def test_numbers_do_not_upcast(self, op: Any, number: Any) -> None:
        x = gn.ones(3)
        assert op(x, number).dtype == np.float32
        assert op(number, x).dtype == np.float32
        assert op(x.double(), number).dtype == np.float64

    def test_a_number_without_axes_keeps_its_gradient_and_dtype(self) -> None:
        scale = gn.Tensor(np.array(2.0), requires_grad=True)  # float64
        y = gn.ones(3) * scale
        assert y.dtype == np.float32
        y.sum().backward()
        assert scale.grad is not None
        assert scale.grad.dtype == np.float64
        assert scale.grad.item() == 3

    def test_integers_beside_floats(self) -> None:
        whole = gn.arange(3)
        assert (whole * gn.ones(3)).dtype == np.float32
        assert (whole * 2.0).dtype == np.float32
        assert (whole * 2).dtype == np.int64
        assert (whole / 2).dtype == np.float32
        assert (whole + np.ones(3)).dtype == np.float64
        assert (gn.ones(3) > 0).long().dtype == np.int64

    def test_two_floats_give_the_larger(self) -> None:
        assert (gn.ones(3) + gn.ones(3).double()).dtype == np.float64


def test_arrays_on_the_left() -> None:
    x = gn.tensor([1.0, 2.0], requires_grad=True)
    left = np.array([3.0, 4.0], dtype=np.float32)
    for y, want in (
        (left + x, [4, 6]),
        (left - x, [2, 2]),
        (left * x, [3, 8]),
        (left / x, [3, 2]),
        (2.0**x, [2, 4]),
        ([3.0, 4.0] - x, [2, 2]),
        (np.float32(3) - x, [2, 1]),
    ):
        assert isinstance(y, gn.Tensor)
        assert y.requires_grad
        np.testing.assert_allclose(y.detach(), want)


def test_comparisons() -> None:
    x = gn.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for y, want in (
        (x == 2, [False, True, False]),
        (x != 2, [True, False, True]),
        (x < 2, [True, False, False]),
        (x <= np.array([2, 2, 2]), [True, True, False]),
        (x > gn.tensor(2.0), [False, False, True]),
        (np.float32(2) <= x, [False, True, True]),
        ((x > 1) & (x < 3), [False, True, False]),
        ((x < 2) | (x > 2), [True, False, True]),
        (~(x > 1), [True, False, False]),
    ):
        assert y.tolist() == want
        assert not y.requires_grad
    assert (x == None) is False  # noqa: E711
    assert (x != "x") is True


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"'add' .* \(3,\), \(4,\)"):
        gn.ones(3) + gn.ones(4)


def test_a_factor_that_no_gradient_needs_may_change() -> None:
    x = gn.ones(3, requires_grad=True)
    y = x * 1.0
    z = y * 2.0 + y / 2.0
    y += 1
    z.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.5] * 3
