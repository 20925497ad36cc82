"""Inverted bottlenecks among layers: found where they are, and the same numbers as the parts'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn
from glassnet.errors import ShapeError
from glassnet.operation import OPERATIONS


def step(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[Any]:
    """Convolution, norm, ReLU6."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU6()]


def layers(stride: int = 1, channels: int = 6, wide: int = 32) -> list[Any]:
    """Of a block of EfficientNet's."""
    gn.manual_seed(0)
    row = [*step(channels, wide, 1), *step(wide, wide, 3, stride, wide)]
    row += step(wide, channels, 1)[:2]
    random = np.random.default_rng(0)
    for norm in row[1::3]:
        size = norm.num_features
        norm.running_mean.data[...] = random.standard_normal(size)
        norm.running_var.data[...] = random.uniform(0.5, 2, size)
    return row


def images(height: int = 11) -> gn.Tensor:
    random = np.random.default_rng(1)
    return gn.tensor(random.standard_normal((2, 6, height, 9)).astype(np.float32))


def hold_same(run: Any) -> None:
    """`run()` in evaluation gives what it gives with fusion off."""
    with gn.no_grad():
        ours = run().data
        with gn.fusion(False):
            right = run().data
    np.testing.assert_allclose(ours, right, rtol=0, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_is_one_operation(used: list[str], stride: int) -> None:
    net, x = nn.Sequential(*layers(stride)).eval(), images()
    with gn.no_grad():
        net(x)
    assert used == ["bottleneck"]
    hold_same(lambda: net(x))


def test_sequentials_inside_are_looked_into(used: list[str]) -> None:
    row = layers()
    block = nn.Sequential(nn.Sequential(*row[:3]), nn.Sequential(*row[3:6]), *row[6:])
    net, x = nn.Sequential(block, nn.ReLU()).eval(), images()
    with gn.no_grad():
        net(x)
    assert used == ["bottleneck", "relu"]
    hold_same(lambda: net(x))


def test_one_that_ends_inside_of_a_sequential_is_none(used: list[str]) -> None:
    row = layers()
    net, x = nn.Sequential(*row[:6], nn.Sequential(*row[6:], nn.ReLU())).eval(), images()
    with gn.no_grad():
        net(x)
    assert "bottleneck" not in used
    hold_same(lambda: net(x))


def test_a_sum_behind_it_is_taken_along(used: list[str]) -> None:
    row, x = [layer.eval() for layer in layers()], images()
    with gn.no_grad():
        nn.chain(x, *row, nn.Identity(), add=x)
    assert used == ["bottleneck"]
    hold_same(lambda: nn.chain(x, *row, nn.Identity(), add=x))
    hold_same(lambda: nn.chain(x, *row, nn.ReLU(), add=x))


def test_with_a_gradient_and_in_training_the_layers_run(used: list[str]) -> None:
    net, x = nn.Sequential(*layers()), images()
    with gn.no_grad():
        net(x)
    net.eval()(x)
    assert "bottleneck" not in used


@pytest.mark.parametrize("place", range(7))
def test_a_hook_sees_its_layer(used: list[str], place: int) -> None:
    net, x, seen = nn.Sequential(*layers()).eval(), images(), []
    with gn.no_grad():
        net(x)
        used.clear()
        remove = net[place].register_forward_hook(lambda layer, args, y: seen.append(y.shape))
        net(x)
        assert len(seen) == 1
        assert "bottleneck" not in used
        remove()
        used.clear()
        net(x)
    assert used in (["bottleneck"], [])


def test_a_change_is_seen() -> None:
    net, x = nn.Sequential(*layers()).eval(), images()
    with gn.no_grad():
        net(x)
        net[3].weight.mul_(2.0)
        net[7].running_mean.add_(1.0)
        net[0].weight.data = net[0].weight.data * 3
    hold_same(lambda: net(x))
    net[3].stride, net[3].padding = 2, 0
    hold_same(lambda: net(x))
    net[5].forward = lambda x: x * 2
    hold_same(lambda: net(x))


def test_a_swap_of_a_part_runs() -> None:
    net, x, calls = nn.Sequential(*layers()).eval(), images(), []
    page = OPERATIONS["relu6"].page

    def forward(x: Any) -> Any:
        calls.append(1)
        return page[0](x)

    with gn.no_grad():
        net(x)
        with gn.swap("relu6", forward, page[1], check=False):
            net(x)
    assert len(calls) == 2


def test_the_layer_to_blame_is_named() -> None:
    net = nn.Sequential(*layers()).eval()
    with gn.no_grad(), pytest.raises(ShapeError, match="layer '0'"):
        net(gn.zeros(1, 5, 9, 9))
