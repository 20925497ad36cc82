"""operation(): a pair of NumPy functions becomes differentiable, whatever its shape."""

import pydoc

import numpy as np
import pytest

import glassnet as gn
from glassnet import GlassnetError, ShapeError

pytestmark = pytest.mark.usefixtures("scratch_operations")


def cube_forward(x):
    return x**3, x


def cube_backward(dy, x):
    return 3 * x**2 * dy


def test_one_line_makes_a_pair_differentiable():
    cube = gn.operation(cube_forward, cube_backward)
    x = gn.tensor([2.0], requires_grad=True)
    cube(x).sum().backward()
    assert cube.name == "cube"
    assert x.grad.item() == 12
    assert gn.gradcheck(cube, np.array([0.5, -2.0])).error < 1e-6


def test_several_outputs_of_which_one_is_used():
    def both_forward(a, b):
        return (a + b, a * b), (a, b)

    def both_backward(dys, cache):
        (dsum, dproduct), (a, b) = dys, cache
        return dsum + dproduct * b, dsum + dproduct * a

    both = gn.operation(both_forward, both_backward)
    a, b = gn.tensor([2.0], requires_grad=True), gn.tensor([5.0], requires_grad=True)
    both(a, b)[1].sum().backward()
    assert (a.grad.item(), b.grad.item()) == (5, 2)
    gn.gradcheck(both, np.ones(3), np.arange(3.0))


def test_a_tuple_of_one_output_is_a_tuple_in_backward_too():
    x = gn.tensor([[1.0, 2.0]], requires_grad=True)
    (part,) = gn.ops.split(x, 1, dim=0)
    (part * 3).sum().backward()
    np.testing.assert_allclose(x.grad.data, 3)


def test_needs_says_which_gradients_are_wanted():
    asked = []

    def pick_forward(a, b, c=None):
        return a * b, (a, b)

    def pick_backward(dy, cache, needs):
        asked.append(needs)
        return dy * cache[1], None, None

    pick = gn.operation(pick_forward, pick_backward)
    a = gn.tensor([1.0], requires_grad=True)
    pick(a, gn.tensor([2.0])).sum().backward()
    assert asked == [(True, False)]


def test_tensors_may_be_passed_by_keyword():
    def scale_forward(x, flag=1.0, weight=None):
        return x * weight * flag, (x, weight, flag)

    def scale_backward(dy, cache):
        x, weight, flag = cache
        return dy * weight * flag, None, dy * x * flag

    scale = gn.operation(scale_forward, scale_backward)
    x, w = gn.tensor([2.0], requires_grad=True), gn.tensor([3.0], requires_grad=True)
    scale(x, weight=w).sum().backward()
    assert (x.grad.item(), w.grad.item()) == (3, 2)


def test_a_gradient_of_the_wrong_shape_names_the_page():
    wrong = gn.operation(cube_forward, lambda dy, x: dy.sum(), name="wrong")
    x = gn.tensor([2.0, 1.0], requires_grad=True)
    with pytest.raises(ShapeError, match=r"'wrong'.*\(2,\)"):
        wrong(x).sum().backward()


def test_shapes_that_numpy_refuses_are_told_with_the_operation():
    with pytest.raises(ShapeError, match=r"'add'.*\(2,\), \(3,\)"):
        gn.tensor([1.0, 2.0]) + gn.tensor([1.0, 2.0, 3.0])


def test_mixed_precision_gives_each_argument_its_own_dtype():
    a = gn.tensor([1.0], requires_grad=True)
    b = gn.tensor(np.array([2.0]), requires_grad=True)
    (a * b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(GlassnetError, match="swap"):
        gn.operation(cube_forward, cube_backward, name="relu")


def test_broadcast_gradients_are_summed():
    a = gn.tensor(np.ones((3, 1)), requires_grad=True)
    b = gn.tensor(np.ones(4), requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.shape == (3, 1)
    np.testing.assert_allclose(a.grad.data, 4)
    np.testing.assert_allclose(b.grad.data, 3)


def test_help_shows_the_page_and_an_operation_can_be_a_method():
    text = pydoc.render_doc(gn.ops.relu, renderer=pydoc.plaintext)
    assert "relu(x: 'Tensor') -> 'Tensor'" in text
    assert gn.ops.relu.__doc__.splitlines()[0] in text

    class Mine(gn.Tensor):
        positive = gn.ops.relu

    assert Mine([-1.0, 2.0]).positive().tolist() == [0, 2]
