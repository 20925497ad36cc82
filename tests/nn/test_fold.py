"""Batch norm folded into the convolution before it: the same network, and never a stale filter."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, ops
from glassnet.nn.fold import folded
from glassnet.operation import OPERATIONS


def network() -> nn.Sequential:
    gn.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        nn.Conv2d(16, 24, 1, bias=True), nn.BatchNorm2d(24, affine=False),
        nn.Conv2d(24, 8, 1), nn.ReLU(),
        nn.Conv2d(8, 8, 3),
    )  # fmt: skip
    random = np.random.default_rng(0)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            size = layer.num_features
            layer.running_mean.data[...] = random.standard_normal(size)
            layer.running_var.data[...] = random.uniform(0.5, 2, size)
            if layer.weight is not None:
                layer.weight.data[...] = random.uniform(0.5, 2, size)
                layer.bias.data[...] = random.standard_normal(size)
    return net.eval()


def image() -> gn.Tensor:
    return gn.tensor(np.random.default_rng(1).standard_normal((2, 3, 19, 19)).astype(np.float32))


def parts(net: nn.Module, x: gn.Tensor) -> np.ndarray:
    with gn.no_grad(), gn.fusion(False):
        return net(x).data


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The names of the operations that run."""
    names: list[str] = []
    for name in ("conv2d", "conv2d_act", "relu6"):
        operation = getattr(ops, name)
        monkeypatch.setattr(ops, name, partial(note, names, name, operation))
    return names


def note(names: list[str], name: str, operation, *args, **options):
    names.append(name)
    return operation(*args, **options)


def test_it_computes_what_the_layers_do(counted) -> None:
    net, x = network(), image()
    right = parts(net, x)
    assert "conv2d_act" not in counted
    counted.clear()
    with gn.no_grad():
        ours = net(x).data
    assert counted == ["conv2d_act"] * 5
    np.testing.assert_allclose(ours, right, rtol=0, atol=1e-5 * np.abs(right).max())


def test_with_a_gradient_the_layers_run(counted) -> None:
    net, x = network(), image()
    net(x).sum().backward()
    assert "conv2d_act" not in counted
    assert net[0].weight.grad is not None


def test_a_change_is_seen() -> None:
    net, x = network(), image()
    with gn.no_grad():
        net(x)
        net[0].weight.mul_(2.0)
        net[1].running_mean.add_(1.0)
        net[4].bias.sub_(0.5)
        ours = net(x).data
        net[3].weight.data = net[3].weight.data * 3
        again = net(x).data
    assert not np.allclose(ours, again)
    right = parts(net, x)
    np.testing.assert_allclose(again, right, rtol=0, atol=1e-5 * np.abs(right).max())


def test_training_after_evaluation() -> None:
    net, x = network(), image()
    with gn.no_grad():
        net(x)
    net.train()
    optimizer = gn.optim.SGD(net.parameters(), lr=0.1)
    net(x).sum().backward()
    optimizer.step()
    net.eval()
    with gn.no_grad():
        ours = net(x).data
    right = parts(net, x)
    np.testing.assert_allclose(ours, right, rtol=0, atol=1e-5 * np.abs(right).max())


def test_hooks_and_swaps_see_the_parts(counted) -> None:
    net, x, seen = network(), image(), []
    remove = net[1].register_forward_hook(lambda layer, args, y: seen.append(y.shape))
    with gn.no_grad():
        net(x)
    assert seen == [(2, 16, 10, 10)]
    remove()
    counted.clear()
    with gn.no_grad(), gn.swap("relu6", *OPERATIONS["relu6"].page):
        net(x)
    assert counted.count("relu6") == 2


def test_filters_cannot_be_written_to() -> None:
    net = network()
    made = folded(net[0], net[1])
    assert made is folded(net[0], net[1])
    with pytest.raises(ValueError, match="read-only"):
        made.weight.data[...] = 0
    assert folded(deepcopy(net)[0], None) is not made
