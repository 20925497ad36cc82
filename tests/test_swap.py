"""swap(): a user's own pair in place of an operation's, checked before it is let in."""

import threading

import numpy as np
import pytest

import glassnet as gn
from glassnet import SwapError, nn
from glassnet.swap import compare


def my_relu(x):
    return np.where(x > 0, x, 0), x > 0


def my_relu_backward(dy, positive):
    return np.where(positive, dy, 0)


def test_the_network_trains_with_the_swapped_pair():
    calls = []

    def counted(x):
        calls.append(x.flags.c_contiguous)
        return my_relu(x)

    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    x = gn.randn(2, 1, 4, 4)
    before = net(x).data
    with gn.swap("relu", counted, my_relu_backward):
        calls.clear()
        y = net(x)
        np.testing.assert_allclose(y.data, before, rtol=1e-6)
        y.sum().backward()
    assert calls == [True]  # C-contiguous, though images lie channels-last
    net(x)
    assert calls == [True]


def test_the_tape_keeps_the_pair_that_ran_forward():
    x = gn.tensor([1.0, -1.0], requires_grad=True)
    with gn.swap("relu", my_relu, lambda dy, cache: dy * 10 * cache, check=False):
        y = gn.ops.relu(x).sum()
    y.backward()
    np.testing.assert_allclose(x.grad.data, [10, 0])


def test_a_call_lasts_until_it_is_undone_and_swaps_nest():
    page = gn.ops.relu.pair()
    outer = gn.swap("relu", my_relu, my_relu_backward)
    first = gn.ops.relu.pair()
    with gn.swap("relu", my_relu, my_relu_backward):
        assert gn.ops.relu.pair() != first
    assert gn.ops.relu.pair() == first
    outer.undo()
    assert gn.ops.relu.pair() == page


def test_a_swap_is_for_this_thread_alone():
    seen = []
    with gn.swap("relu", my_relu, my_relu_backward):
        thread = threading.Thread(target=lambda: seen.append(gn.ops.relu.pair()))
        thread.start()
        thread.join()
    assert seen == [gn.ops.relu.page]


@pytest.mark.parametrize(
    ("forward", "backward", "says"),
    [
        (lambda x: (np.abs(x), x > 0), my_relu_backward, "value differs"),
        (my_relu, lambda dy, c: -dy * c, "gradient differs"),
        (my_relu, lambda dy, c: dy.sum(), "gradient has shape"),
        (my_relu, lambda dy, c: None, "None"),
        (my_relu, lambda dy, c: (dy, dy), "expected"),
    ],
)
def test_a_wrong_pair_is_refused_with_what_is_wrong(forward, backward, says):
    with pytest.raises(SwapError, match=says):
        gn.swap("relu", forward, backward)
    assert gn.ops.relu.pair() == gn.ops.relu.page


def test_an_unknown_name_says_what_is_near():
    with pytest.raises(SwapError, match="relu"):
        gn.swap("relux", my_relu, my_relu_backward)


@pytest.mark.parametrize("name", sorted(gn.operation.__globals__["OPERATIONS"]))
def test_every_page_passes_its_own_comparison(name):
    op = gn.operation.__globals__["OPERATIONS"][name]
    compare(op, op.page)
