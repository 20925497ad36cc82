"""Machines unrolled into a network: the same activities, then learning by labels."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, optim
from glassnet.dreams import RBM
from glassnet.dreams.finetune import unrolled
from glassnet.dreams.rbm import Array
from glassnet.errors import GlassnetError, ShapeError
from tests.dreams.test_rbm import machine


def head(net: nn.Module) -> Array:
    """The output layer's weights."""
    weight: Array = list(net.parameters())[-2].detach().numpy()
    return weight


def test_the_network_computes_what_the_machines_do() -> None:
    lower, upper = machine(6, 5), machine(5, 4, labels=3)
    net = unrolled([lower, upper], classes=3, dropout=0.5, input_dropout=0.2).eval()
    x = np.random.default_rng(0).random((7, 1, 2, 3)).astype(np.float32)
    hidden = upper.p_hidden(lower.p_hidden(x.reshape(7, 6)))
    want = hidden @ head(net).T + list(net.parameters())[-1].detach().numpy()
    np.testing.assert_allclose(net(gn.tensor(x)).detach().numpy(), want, rtol=1e-4, atol=1e-5)
    assert sum(isinstance(layer, nn.Dropout) for layer in net) == 3


def test_labels_teach_the_network_and_leave_the_machine_alone() -> None:
    x = (np.random.default_rng(0).random((400, 6)) < 0.5).astype(np.float32)
    rbm = machine(6, 8)
    before = rbm.weight.copy()
    net = unrolled([rbm], classes=2)
    adam = optim.AdamW(net.parameters(), lr=0.02)
    target = (x[:, 0] != x[:, 1]).astype(np.int64)
    for _ in range(150):
        adam.zero_grad()
        gn.ops.cross_entropy(net(gn.tensor(x)), gn.tensor(target)).backward()
        adam.step()
    assert (net(gn.tensor(x)).detach().numpy().argmax(axis=1) == target).mean() > 0.95
    np.testing.assert_array_equal(rbm.weight, before)


def test_the_head_is_decided_by_the_seed() -> None:
    heads = [head(unrolled([machine()], classes=2, seed=seed)).tobytes() for seed in (0, 0, 1)]
    assert heads[0] == heads[1] != heads[2]


def test_stacks_that_do_not_fit() -> None:
    with pytest.raises(GlassnetError, match="no machines"):
        unrolled([], classes=2)
    with pytest.raises(ShapeError, match=r"RBM\(visible=4, hidden=3\) does not fit on"):
        unrolled([RBM(6, 5), RBM(4, 3)], classes=2)
