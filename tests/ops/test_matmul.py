from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops._samples import normal
from tests.helpers import check


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((4,), (4,)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
        ((1, 1), (1, 1)),
    ],
)
def test_matmul(a: Any, b: Any) -> None:
    x, y = normal(*a), normal(*b, key=1)
    check(ops.matmul, x, y, expected=x @ y)


def test_operators() -> None:
    a, b = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    for y in (gn.Tensor(a) @ gn.Tensor(b), gn.Tensor(a) @ b, a @ gn.Tensor(b)):
        assert isinstance(y, gn.Tensor)
        np.testing.assert_array_equal(y, a @ b)


def test_matrices_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"'matmul' .* \(2, 3\), \(2, 3\)"):
        gn.ones(2, 3) @ gn.ones(2, 3)


class TestLinear:
    WEIGHT, BIAS = normal(2, 3), normal(2)

    @pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (3,), (0, 3), (1, 3)])
    def test_value_and_gradient(self, shape: Any) -> None:
        x = normal(*shape)
        want = x @ self.WEIGHT.T + self.BIAS
        check(ops.linear, x, self.WEIGHT, self.BIAS, expected=want)
        check(ops.linear, x, self.WEIGHT, expected=x @ self.WEIGHT.T)

    def test_only_what_was_asked_for_is_computed(self) -> None:
        from glassnet.ops.matmul import linear_backward, linear_forward

        y, cache = linear_forward(normal(5, 3), self.WEIGHT, self.BIAS)
        dx, dweight, dbias = linear_backward(y, cache, (False, True, False))
        assert dx is None
        assert dweight is not None
        assert dbias is None

    def test_a_bias_by_keyword(self) -> None:
        bias = gn.Tensor(self.BIAS, requires_grad=True)
        y = ops.linear(gn.ones(4, 3), gn.Tensor(self.WEIGHT), bias=bias)
        y.sum().backward()
        np.testing.assert_array_equal(bias.grad, [4, 4])

    def test_inputs_that_do_not_fit(self) -> None:
        with pytest.raises(ShapeError, match=r"the same number I of inputs"):
            ops.linear(gn.ones(4, 5), gn.Tensor(self.WEIGHT))


class TestEinsum:
    @pytest.mark.parametrize(
        ("equation", "shapes"),
        [
            ("ij,jk->ik", [(3, 4), (4, 5)]),
            ("ij,jk", [(3, 4), (4, 5)]),
            ("bij, bjk -> bik", [(2, 3, 4), (2, 4, 5)]),
            ("ij->ji", [(3, 4)]),
            ("ij->", [(3, 4)]),
            ("ij->i", [(3, 4)]),
            ("i,j->ij", [(3,), (4,)]),
            ("ij,kl->", [(2, 3), (4, 5)]),
            ("i,i,i->i", [(3,), (3,), (3,)]),
            ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
            ("ii->i", [(3, 3)]),
            ("ii->", [(3, 3)]),
            ("iji,j->i", [(3, 4, 3), (4,)]),
            ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
            (",ij->ij", [(), (3, 4)]),
            ("nij->jni", [(0, 2, 3)]),
        ],
    )
    def test_value_and_gradient(self, equation: str, shapes: Any) -> None:
        xs = [normal(*shape, key=i) if shape else np.array(1.5) for i, shape in enumerate(shapes)]
        check(lambda *ts: ops.einsum(equation, *ts), *xs, expected=np.einsum(equation, *xs))

    @pytest.mark.parametrize("equation", ["ij->ik", "ij->ii", "i1->i"])
    def test_equations_that_are_refused(self, equation: str) -> None:
        with pytest.raises(ShapeError, match="takes letters for all axes"):
            ops.einsum(equation, gn.ones(2, 3))

    @pytest.mark.parametrize(
        ("equation", "shapes"),
        [("ij->i", [(3,)]), ("ij,jk->ik", [(2, 3)]), ("ij,jk->ik", [(2, 3), (1, 4)])],
    )
    def test_operands_that_do_not_fit(self, equation: str, shapes: Any) -> None:
        with pytest.raises(ShapeError, match="one length for each letter"):
            ops.einsum(equation, *(gn.ones(*shape) for shape in shapes))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("...ij,...jk->...ik", [(2, 5, 3, 4), (2, 5, 4, 6)]),
        ("...ij,...jk", [(2, 3, 4), (2, 4, 6)]),
        ("...ij,jk->...ik", [(2, 5, 3, 4), (4, 6)]),
        ("i...->...", [(3, 4)]),
        ("...,...", [(3,), (3,)]),
    ],
)
def test_einsum_with_the_axes_that_no_letter_names(equation, shapes):
    arrays = [np.random.default_rng(i).standard_normal(s) for i, s in enumerate(shapes)]
    y = ops.einsum(equation, *map(gn.Tensor, arrays))
    np.testing.assert_allclose(y.data, np.einsum(equation, *arrays), rtol=1e-12)
    gn.gradcheck(lambda *xs: ops.einsum(equation, *xs), *arrays)
