from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops._samples import distinct, normal
from tests.helpers import check

X = distinct(2, 3, 4)
DIMS = [None, 0, -1, (0, 2), [1]]


def _numpy(op: Any, dim: Any, keepdim: bool) -> Any:
    axis = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    options = {"axis": axis, "keepdims": keepdim}
    return {
        ops.sum: lambda: X.sum(**options),
        ops.mean: lambda: X.mean(**options),
        ops.var: lambda: X.var(ddof=1, **options),
        ops.std: lambda: X.std(ddof=1, **options),
        ops.amax: lambda: X.max(**options),
        ops.amin: lambda: X.min(**options),
        ops.logsumexp: lambda: np.log(np.exp(X).sum(**options)),
    }[op]()


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(
    "op", [ops.sum, ops.mean, ops.var, ops.std, ops.amax, ops.amin, ops.logsumexp]
)
def test_value_and_gradient(op: Any, dim: Any, keepdim: bool) -> None:
    check(op, X, dim=dim, keepdim=keepdim, expected=_numpy(op, dim, keepdim))


def test_a_number_without_axes() -> None:
    for op in (ops.sum, ops.mean, ops.amax, ops.amin, ops.logsumexp):
        check(op, np.array(2.5), expected=2.5)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_max_and_min_along_an_axis(dim: int) -> None:
    check(ops.max, X, dim=dim, expected=(X.max(dim), X.argmax(dim)))
    check(ops.min, X, dim=dim, expected=(X.min(dim), X.argmin(dim)))
    values, indices = gn.Tensor(X).max(dim, keepdim=True)
    np.testing.assert_array_equal(values, X.max(dim, keepdims=True))
    np.testing.assert_array_equal(indices, X.argmax(dim, keepdims=True))


def test_max_names_its_results() -> None:
    result = gn.Tensor(X).max(dim=1)
    assert result.values.shape == result.indices.shape == (2, 4)
    assert result.indices.dtype == np.int64
    assert not result.indices.requires_grad
    assert gn.Tensor(X).max().item() == X.max()
    assert gn.Tensor(X).min().item() == X.min()


class TestTies:
    @pytest.mark.parametrize("op", [ops.max, ops.min, ops.amax, ops.amin])
    def test_of_all_entries_share_the_gradient(self, op: Any) -> None:
        x = gn.ones(4, requires_grad=True)
        op(x).backward()
        assert x.grad is not None
        assert x.grad.tolist() == [0.25] * 4

    @pytest.mark.parametrize("op", [ops.max, ops.min])
    def test_along_an_axis_the_first_gets_it(self, op: Any) -> None:
        x = gn.ones(2, 3, requires_grad=True)
        op(x, dim=1).values.sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [[1, 0, 0], [1, 0, 0]]


class TestVariance:
    def test_correction(self) -> None:
        for correction in (0, 1, 2):
            check(ops.var, X, dim=1, correction=correction, expected=X.var(1, ddof=correction))
            check(ops.std, X, correction=correction, expected=X.std(ddof=correction))

    def test_is_not_a_number_for_one_entry(self, recwarn: Any) -> None:
        x = gn.ones(1, requires_grad=True)
        assert np.isnan(x.var().item())
        assert x.var(correction=0).item() == 0
        assert not recwarn

    def test_of_equal_entries_the_deviation_has_no_slope(self) -> None:
        x = gn.ones(3, requires_grad=True)
        x.std().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [0, 0, 0]

    def test_is_exact_far_from_zero(self) -> None:
        x = gn.Tensor(1e8 + np.array([1.0, 2.0, 3.0]))
        assert x.var().item() == 1


class TestLogsumexp:
    def test_extremes(self, recwarn: Any) -> None:
        x = gn.Tensor(np.array([[300.0, 300], [-300, -300], [0, 1000]]), requires_grad=True)
        y = ops.logsumexp(x, dim=1)
        want = [300 + np.log(2), -300 + np.log(2), 1000]
        np.testing.assert_allclose(y.detach(), want, rtol=1e-15)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [[0.5, 0.5], [0.5, 0.5], [0, 1]])
        assert not recwarn

    def test_of_minus_infinity_alone(self, recwarn: Any) -> None:
        x = gn.Tensor(np.full(3, -np.inf), requires_grad=True)
        y = ops.logsumexp(x)
        assert y.item() == -np.inf
        y.backward()
        assert x.grad is not None
        assert x.grad.tolist() == [0, 0, 0]
        assert not recwarn

    def test_of_infinity(self) -> None:
        assert ops.logsumexp(gn.tensor([1.0, float("inf")])).item() == np.inf

    @pytest.mark.parametrize("offset", [-300.0, 0.0, 300.0])
    def test_gradient_entry_by_entry(self, offset: float) -> None:
        check(ops.logsumexp, normal(6) + offset, every_entry=True, tolerance=1e-5)


def test_argmax_and_argmin() -> None:
    x = gn.Tensor(X)
    assert x.argmax().item() == X.argmax()
    np.testing.assert_array_equal(x.argmax(dim=1), X.argmax(1))
    np.testing.assert_array_equal(x.argmin(-1, keepdim=True), X.argmin(-1, keepdims=True))
    assert x.argmin().dtype == np.int64


def test_any_and_all() -> None:
    x = gn.tensor([[True, False], [True, True]])
    assert bool(x.any())
    assert not bool(x.all())
    assert x.all(dim=1).tolist() == [False, True]
    assert x.any(dim=0, keepdim=True).tolist() == [[True, True]]


def test_whole_numbers_and_booleans() -> None:
    hits = gn.tensor([1, 2, 3]) == gn.tensor([1, 0, 3])
    assert hits.sum().item() == 2
    assert hits.mean().dtype == np.float32
    assert hits.mean().item() == pytest.approx(2 / 3)


def test_nothing_to_reduce() -> None:
    empty = gn.zeros(0, 3)
    assert empty.sum().item() == 0
    assert np.isnan(empty.mean().item())
    assert empty.sum(dim=0).tolist() == [0, 0, 0]
    assert ops.logsumexp(empty).item() == -np.inf
    with pytest.raises(ShapeError, match="amax"):
        empty.max()


@pytest.mark.parametrize("op", [ops.sum, ops.var, ops.argmax, ops.any, ops.max])
def test_axes_that_are_not_there(op: Any) -> None:
    with pytest.raises(ShapeError, match="axis 5"):
        op(gn.ones(2, 3), dim=5)
