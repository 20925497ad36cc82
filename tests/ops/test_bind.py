from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import ops
from glassnet.errors import GraphError, ShapeError
from glassnet.ops._samples import normal, uniform
from tests.helpers import check

X = uniform(3, 4, low=0.5, high=2)


def _changed(change: Any) -> Any:
    def run(x: gn.Tensor, *others: gn.Tensor) -> gn.Tensor:
        y = x * 1.0
        change(y, *others)
        return y * y

    return run


def _statement(code: str) -> Any:
    def run(y: gn.Tensor, v: gn.Tensor) -> None:
        exec(code, {"y": y, "v": v})

    return run


class TestInPlace:
    @pytest.mark.parametrize(
        ("code", "value"),
        [
            ("y += v", X + X[0]),
            ("y -= v", X - X[0]),
            ("y *= v", X * X[0]),
            ("y /= v", X / X[0]),
            ("y *= y", X * X),
            ("y += 2.5", X + 2.5),
            ("y.add_(v).mul_(v)", (X + X[0]) * X[0]),
            ("y.sub_(v).div_(v)", (X - X[0]) / X[0]),
            ("y.pow_(2)", X**2),
            ("y.clamp_(min=1.0, max=1.5)", np.clip(X, 1, 1.5)),
            ("y.copy_(v)", np.broadcast_to(X[0], X.shape)),
            ("y.zero_(); y += v", np.broadcast_to(X[0], X.shape)),
            ("y.fill_(v[0])", np.full(X.shape, X[0, 0])),
            ("y[1] = v", np.stack([X[0], X[0], X[2]])),
            ("y[0] += v", np.stack([2 * X[0], X[1], X[2]])),
            ("y[:, 1] *= 3", X * [1, 3, 1, 1]),
            ("y[0, 0] *= v[1]", np.where(np.arange(12).reshape(3, 4) == 0, X * X[0, 1], X)),
            ("y[y > 1] = 0", np.where(X > 1, 0, X)),
            ("y[y > 1] *= 2", np.where(X > 1, 2 * X, X)),
            (
                "y[0] += 1; y[1] += 1; y[0] += y[1]",
                np.stack([X[0] + X[1] + 2, X[1] + 1, X[2]]),
            ),
        ],
    )
    def test_value_and_gradients(self, code: str, value: Any) -> None:
        check(_changed(_statement(code)), X, X[0], expected=value**2)

    def test_returns_the_tensor_itself(self) -> None:
        x = gn.ones(2)
        before = x
        x += 1
        assert x is before
        assert x.mul_(3) is x
        assert x.tolist() == [6, 6]

    def test_without_gradients(self) -> None:
        x = gn.zeros(2, 3)
        x[0] = 1
        x[:, 1] += 2
        x[0, 0] = gn.tensor(5.0)
        x[1] = [7.0, 8.0, 9.0]
        assert x.tolist() == [[5, 3, 1], [7, 8, 9]]
        assert x.fill_(2).tolist() == [[2] * 3] * 2
        assert x.zero_().tolist() == [[0] * 3] * 2

    def test_a_leaf_is_changed_under_no_grad_only(self) -> None:
        x = gn.ones(2, requires_grad=True)
        with pytest.raises(GraphError, match="leaf"):
            x += 1
        with pytest.raises(GraphError, match="leaf"):
            x[0] = 1
        with gn.no_grad():
            x += 1
            x[0] = 5
        assert x.tolist() == [5, 2]
        assert x.requires_grad

    def test_copy_from_a_leaf_leads_the_gradient_to_it(self) -> None:
        source = gn.ones(3, requires_grad=True)
        y = gn.zeros(2, 3)
        y.copy_(source)
        (y * y).sum().backward()
        assert source.grad is not None
        assert source.grad.tolist() == [4, 4, 4]
        assert y.is_leaf is False

    def test_zero_cuts_the_history(self) -> None:
        x = gn.ones(2, requires_grad=True)
        y = x * 2
        y.zero_()
        assert not y.requires_grad

    def test_the_dtype_stays(self) -> None:
        x = gn.ones(2)
        x += np.ones(2)
        x *= 2.5
        assert x.dtype == np.float32
        with pytest.raises(TypeError, match=r"\.float\(\)"):
            gn.arange(2).add_(0.5)

    def test_a_tensor_cannot_grow(self) -> None:
        with pytest.raises(ShapeError, match="cannot grow"):
            gn.ones(3).add_(gn.ones(2, 3))

    def test_a_change_of_a_needed_value_is_noticed(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = x * 2
        z = y.exp()
        z += 1
        with pytest.raises(GraphError, match="'exp'"):
            z.sum().backward()

    def test_a_setitem_under_no_grad_is_noticed(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = (x * 2).exp()
        with gn.no_grad():
            y[0] = 0
        with pytest.raises(GraphError, match="'exp'"):
            y.sum().backward()


class TestViews:
    def test_a_changed_view_leaves_the_whole_without_its_history(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = x * 2
        v = y[0]
        v += 1
        assert y.tolist() == [3, 2, 2]
        with pytest.raises(GraphError, match="shares memory"):
            y.sum()

    def test_a_changed_whole_leaves_its_views_stale(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = x * 2
        v = y[0]
        y += 1
        with pytest.raises(GraphError, match="shares memory"):
            v.sum()

    def test_a_changed_view_put_in_another_place_is_refused(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = x * 2
        v = y[0]
        v += 1
        with pytest.raises(GraphError, match="shares memory"):
            y[1] = v

    def test_a_view_of_a_changed_view_is_refused(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = x * 2
        u = y[0:2]
        u += 1  # changes y[1] too
        with pytest.raises(GraphError, match="shares memory"):
            y[0] = u[0]

    def test_a_view_of_a_leaf_is_not_changed(self) -> None:
        x = gn.ones(2, 3, requires_grad=True)
        for view in (x[0], x.reshape(3, 2)[1:].T):
            with pytest.raises(GraphError, match="or a view of one"):
                view += 1
            with pytest.raises(GraphError, match="or a view of one"):
                view[0] = 1
        assert x.tolist() == [[1] * 3] * 2

    def test_a_change_of_a_detached_view_is_noticed(self) -> None:
        x = gn.ones(3, requires_grad=True)
        y = (x * 2).exp()
        y.detach().zero_()
        with pytest.raises(GraphError, match="'exp'"):
            y.sum().backward()

    def test_a_view_made_from_constants_takes_on_a_gradient(self) -> None:
        w = gn.ones(2, requires_grad=True)
        y = gn.zeros(3, 2)
        for i in range(3):
            y[i] += w * float(i)
        y.sum().backward()
        assert w.grad is not None
        assert w.grad.tolist() == [3, 3]


class TestMethods:
    def test_methods_are_the_operations(self) -> None:
        x = gn.Tensor(normal(2, 3))
        for name in ("exp", "abs", "relu", "sigmoid", "sum", "mean", "std", "logsumexp", "neg"):
            np.testing.assert_array_equal(getattr(x, name)(), getattr(ops, name)(x))
            assert getattr(gn.Tensor, name).__doc__ == getattr(ops, name).__doc__
        np.testing.assert_array_equal(x.softmax(dim=1), ops.softmax(x, dim=1))
        np.testing.assert_array_equal(x.clamp(0, 1), ops.clip(x, 0, 1))
        np.testing.assert_array_equal(abs(-x), ops.abs(x))

    def test_numbers(self) -> None:
        assert float(gn.tensor(2.5)) == 2.5
        assert int(gn.tensor(2.5)) == 2
        with pytest.raises(ShapeError):
            float(gn.ones(2))

    def test_transposes(self) -> None:
        x = gn.zeros(2, 3, 4)
        assert x.mT.shape == (2, 4, 3)
        assert x[0].T.shape == (4, 3)
        assert x[0, 0].T.shape == (4,)

    def test_tensors_are_keys_by_identity(self) -> None:
        a, b = gn.ones(1), gn.ones(1)
        assert len({a, b}) == 2
        assert {a: 1}[a] == 1

    def test_what_is_no_number(self) -> None:
        with pytest.raises(ShapeError, match="regular grid"):
            gn.ones(2) + "2"
        with pytest.raises(ShapeError, match="regular grid"):
            gn.ones(2) * None
