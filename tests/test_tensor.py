"""What a Tensor is: its value, its gradient, and what may be done to it in place."""

import gc
import weakref

import numpy as np
import pytest

import glassnet as gn
from glassnet import GraphError, ShapeError


def test_python_floats_are_float32_and_numpy_keeps_its_dtype():
    assert gn.tensor([1.0, 2.0]).dtype == np.float32
    assert gn.tensor(np.ones(2)).dtype == np.float64
    assert gn.tensor([1, 2]).dtype == np.int64
    assert gn.tensor([True]).dtype == np.bool_
    assert gn.tensor([1.0], dtype=np.float64).dtype == np.float64
    assert gn.tensor(np.float64(2)).dtype == np.float64


def test_python_numbers_do_not_widen():
    x = gn.tensor([1.0])
    for y in (x + 1.0, 2 * x, x / 3, x**2, 1 - x, 1 / x, x * np.float64(2)):
        assert y.dtype == np.float32


def test_tensor_copies_and_Tensor_does_not():
    a = np.zeros(2, np.float32)
    assert not np.shares_memory(gn.tensor(a).data, a)
    assert np.shares_memory(gn.Tensor(a).data, a)


@pytest.mark.parametrize("bad", ["text", [[1, 2], [3]], None, [object()]])
def test_what_is_not_numbers_is_refused(bad):
    with pytest.raises(ShapeError, match="regular grid"):
        gn.tensor(bad)


def test_the_worked_example():
    a = gn.tensor(3.0, requires_grad=True)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4.0


def test_gradients_accumulate_over_backward_passes():
    a = gn.tensor([1.0, 2.0], requires_grad=True)
    (a * a).sum().backward()
    (a * 3).sum().backward()
    np.testing.assert_allclose(a.grad.data, [2 + 3, 4 + 3])


def test_two_leaves_never_share_a_gradient():
    a, b = gn.tensor([1.0], requires_grad=True), gn.tensor([1.0], requires_grad=True)
    (a + b).sum().backward()
    a.grad.data[...] = 7
    assert b.grad.item() == 1


def test_the_graph_is_freed_unless_asked():
    a = gn.tensor([2.0], requires_grad=True)
    y = (a * a).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert a.grad.item() == 8
    with pytest.raises(GraphError, match="freed"):
        y.backward()


def test_intermediate_memory_goes_when_the_graph_does():
    a = gn.tensor(np.ones(10), requires_grad=True)
    middle = (a * 2).exp()
    alive = weakref.ref(middle)
    y = middle.sum()
    del middle
    gc.collect()
    assert alive() is None  # the tape holds what backward needs, not the Tensors
    y.backward()
    np.testing.assert_allclose(a.grad.data, 2 * np.exp(2.0))


def test_a_chain_of_100_000_operations_differentiates():
    a = gn.tensor(0.0, requires_grad=True)
    y = a
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert a.grad.item() == 1
    y = a
    for _ in range(100_000):
        y = y + 1.0
    del y  # and one that nobody differentiates is let go of without recursion


def test_backward_without_a_gradient_says_what_to_do():
    with pytest.raises(GraphError, match="requires_grad=True"):
        gn.tensor(1.0).backward()
    x = gn.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ShapeError, match="one number"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(GraphError, match="second derivatives"):
        (x * 2).sum().backward(create_graph=True)


def test_integers_have_no_gradient():
    with pytest.raises(GraphError, match="float"):
        gn.tensor([1], requires_grad=True)


def test_no_grad_records_nothing_and_enable_grad_does():
    x = gn.tensor(1.0, requires_grad=True)
    with gn.no_grad():
        assert not gn.is_grad_enabled()
        assert not (x * 2).requires_grad
        with gn.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @gn.no_grad()
    def double(t):
        return t * 2

    assert not double(x).requires_grad
    assert not double(x).requires_grad


def test_detach_shares_memory_and_no_history():
    x = gn.tensor([1.0], requires_grad=True)
    d = (x * 2).detach()
    assert not d.requires_grad
    assert d.is_leaf
    with pytest.raises(GraphError, match="detach"):
        (x * 2).numpy()


def test_retain_grad_and_hooks():
    x = gn.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    seen = []
    remove = y.register_hook(lambda g: seen.append(g.tolist()))
    (y * y).sum().backward()
    np.testing.assert_allclose(y.grad.data, [6, 12])
    assert seen == [[6, 12]]
    remove()
    y = x * 3
    y.register_hook(lambda g: g * 0)  # a hook may change the gradient
    x.grad = None
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.data, 0)


def test_a_hook_sees_the_complete_gradient_once():
    x = gn.tensor(2.0, requires_grad=True)
    y = x * 1.0
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: seen.append(g.item()))
    (y + y + y).backward()
    assert seen == [3, 3]
    with pytest.raises(GraphError, match="hook"):
        gn.tensor(1.0).register_hook(print)


def test_in_place_change_of_a_needed_value_raises_and_names_the_operation():
    x = gn.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y.exp()
    z += 1  # exp's backward needs its output
    with pytest.raises(GraphError, match="'exp'"):
        z.sum().backward()

    w = gn.tensor([3.0])
    out = (x * w).sum()
    w.mul_(2)  # the product's backward needs w
    with pytest.raises(GraphError, match="'mul'"):
        out.backward()


def test_in_place_change_of_a_value_that_nobody_needs_is_right():
    x = gn.tensor([1.0, 2.0], requires_grad=True)
    y = x + 1
    y += x  # addition keeps nothing
    y *= 2
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, [4, 4])
    np.testing.assert_allclose(y.data, [6, 10])


def test_a_recorded_write_to_a_leaf_raises():
    x = gn.tensor([1.0], requires_grad=True)
    with pytest.raises(GraphError, match="no_grad"):
        x.add_(1)
    with gn.no_grad():
        x.add_(1)
    assert x.item() == 2


def test_part_of_a_tensor_written_in_place():
    x = gn.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    y[0] = x[2] * 5
    y[1] += 1
    y.sum().backward()
    np.testing.assert_allclose(y.data, [15, 5, 6])
    np.testing.assert_allclose(x.grad.data, [0, 2, 2 + 5])


def test_a_view_changed_behind_its_base_raises():
    x = gn.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    view = y[0:1]
    view.mul_(3)
    with pytest.raises(GraphError, match="shares memory"):
        (y * 1).sum()
    y = x * 2
    view = y.reshape(1, 2)
    y.mul_(3)
    with pytest.raises(GraphError, match="shares memory"):
        (view * 1).sum()


def test_numpy_and_dlpack_speak_with_it():
    x = gn.tensor([[1.0, 2.0]])
    np.testing.assert_array_equal(np.asarray(x), x.data)
    np.testing.assert_array_equal(np.from_dlpack(x), x.data)
    both = np.ones((1, 2), np.float32) * x
    assert isinstance(both, gn.Tensor)
    assert both.tolist() == [[1.0, 2.0]]


def test_small_manners():
    x = gn.tensor([[1.0, 2.0]], requires_grad=True)
    assert repr(x) == "tensor([[1., 2.]], requires_grad=True)"
    assert "made by mul" in repr(x * 2)
    assert len(x) == 1
    assert x.size() == (1, 2)
    assert x.size(1) == 2
    assert x.dim() == x.ndim == 2
    assert x.numel() == 2
    assert f"{gn.tensor(1.5):.2f}" == "1.50"
    assert bool(gn.tensor([1]))
    for wrong in (lambda: len(gn.tensor(1.0)), lambda: bool(x), x.item):
        with pytest.raises(ShapeError):
            wrong()
    assert len({x, x * 1}) == 2  # hashed by identity


def test_leaves_never_share_a_gradient() -> None:
    a, b = (gn.tensor(np.ones((4, 4), np.float32), requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    assert not np.shares_memory(a.grad.data, b.grad.data)
    w = gn.tensor(np.ones((3, 4), np.float32), requires_grad=True)
    gn.ops.linear(a, w).sum().backward()  # its gradients are fresh, and are taken over
    again = w.grad.data.copy()
    kept = w.grad
    gn.ops.linear(a, w).sum().backward()
    np.testing.assert_array_equal(kept.data, again)
    np.testing.assert_array_equal(w.grad.data, 2 * again)
