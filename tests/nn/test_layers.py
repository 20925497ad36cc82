"""What every layer must hold to: gradients, dtypes, weights out and in, a description."""

import copy
import inspect
import json

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, random
from tests.nn.layers import CASES, gradcheck_layer, run

every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_no_layer_was_forgotten():
    classes = {c for n, c in vars(nn).items() if inspect.isclass(c) and issubclass(c, nn.Module)}
    shown = {type(m) for case in CASES.values() for m in case.make().modules()}
    assert classes - shown == {nn.Module, nn.ModuleList, nn.ModuleDict}


@every_layer
def test_gradients_agree_with_central_differences(case):
    gradcheck_layer(case.make(), *case.inputs)


@every_layer
def test_float32_in_gives_float32_out_and_gradients(case):
    inputs = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in case.inputs]
    net = case.make()
    outputs = run(net, *map(gn.Tensor, inputs))
    assert {y.dtype for y in outputs} == {np.dtype(np.float32)}
    for y in outputs:
        if y.requires_grad:
            y.backward(np.ones(y.shape), retain_graph=True)
    for _, p in net.named_parameters():
        assert p.grad is not None
        assert (p.grad.dtype, p.grad.shape) == (np.float32, p.shape)


@every_layer
def test_a_description_in_json_builds_the_same_layer(case):
    net = case.make().double()
    again = nn.build(json.loads(json.dumps(nn.architecture(net))))
    assert repr(again) == repr(net)
    again.load_state_dict(net.state_dict())
    again.train(net.training)
    for a, b in zip(run(net, *case.tensors()), run(again, *case.tensors()), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@every_layer
def test_a_deep_copy_computes_the_same_and_shares_nothing(case):
    net = case.make().double()
    other = copy.deepcopy(net)
    for a, b in zip(run(net, *case.tensors()), run(other, *case.tensors()), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    for (name, p), q in zip(net.named_parameters(), other.parameters(), strict=True):
        assert isinstance(q, nn.Parameter)
        assert not np.shares_memory(p.data, q.data), name
        layouts = (
            [s for s, n in zip(a.strides, a.shape, strict=True) if n > 1] for a in (p.data, q.data)
        )
        assert next(layouts) == next(layouts)


@every_layer
def test_the_seed_decides_the_initial_values(case):
    def state(seed):
        with random.using(random.derive(seed)):
            return case.make().state_dict()

    one, again, other = state(1), state(1), state(2)
    assert all(np.array_equal(one[name], again[name]) for name in one)
    drawn = [name for name, array in one.items() if array.ndim > 1 and np.ptp(array)]
    assert not any(np.array_equal(one[name], other[name]) for name in drawn)


def test_reset_parameters_draws_again_with_the_same_distribution():
    for make in (
        lambda: nn.Linear(30, 20),
        lambda: nn.Conv2d(8, 9, 3),
        lambda: nn.GRU(20, 20),
        lambda: nn.Embedding(30, 20),
        lambda: nn.BatchNorm1d(3),
        lambda: nn.MultiheadAttention(20, 2),
    ):
        net = make()
        before = net.state_dict()
        net.reset_parameters()
        for name, p in net.named_parameters():
            a, b = np.abs(before[name]), np.abs(p.data)
            assert np.array_equal(a, b) == (np.ptp(a) == 0), name  # constants stay
            assert b.max(initial=0) <= 1.7 * a.max(initial=0)
