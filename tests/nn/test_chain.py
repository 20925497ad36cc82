"""Layers in a row: together or one by one, the same numbers, and nobody is passed over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, ops
from glassnet.errors import ShapeError
from glassnet.operation import OPERATIONS


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Any) -> Any:
        return nn.chain(x, self.conv, self.bn, self.relu, add=x)


def network() -> nn.Module:
    """Every kind of neighbours that compute together."""
    gn.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), Block(8),
        nn.BatchNorm2d(8), nn.GELU(), nn.BatchNorm2d(8), nn.ReLU6(), nn.BatchNorm2d(8), nn.SiLU(),
        nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1),
        nn.Flatten(), nn.Linear(72, 12), nn.BatchNorm1d(12), nn.ReLU(),
    )  # fmt: skip


def images(dtype: Any = np.float32) -> Any:
    return gn.Tensor(np.random.default_rng(1).standard_normal((6, 3, 10, 10)).astype(dtype))


def step(net: nn.Module, x: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The output, all gradients, all buffers, after one step."""
    net.zero_grad()
    y = net(x)
    (y * y).sum().backward()
    gradients = {n: p.grad.data.copy() for n, p in net.named_parameters() if p.grad is not None}
    return y.data, gradients, {n: b.data.copy() for n, b in net.named_buffers()}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_together_and_alone_give_the_same(dtype: Any, tolerance: float) -> None:
    x = images(dtype)
    y, gradients, buffers = step(network().to(dtype), x)
    with gn.fusion(False):
        y_alone, gradients_alone, buffers_alone = step(network().to(dtype), x)
    assert gradients.keys() == gradients_alone.keys()
    for a, b in zip(
        (y, *gradients.values(), *buffers.values()),
        (y_alone, *gradients_alone.values(), *buffers_alone.values()),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))


def test_neighbours_compute_together(used: list[str]) -> None:
    network()(images())
    assert used.count("batch_norm_act") == 4
    assert used.count("conv2d_norm_act") == 1
    assert used.count("relu_max_pool2d") == 2
    assert not {"relu", "batch_norm", "max_pool2d", "gelu"} & set(used)


def test_switched_off_nothing_does(used: list[str]) -> None:
    switch = gn.fusion(False)
    network()(images())
    switch.undo()
    assert not {"batch_norm_act", "conv2d_norm_act", "relu_max_pool2d"} & set(used)
    assert used.count("batch_norm") == 5


@pytest.mark.parametrize("place", [4, 5])
def test_a_hook_sees_its_layer(used: list[str], place: int) -> None:
    net = network()
    seen: list[Any] = []
    remove = net[place].register_forward_hook(lambda layer, args, y: seen.append((args[0], y)))
    net(images())
    assert used.count("gelu") == 1
    assert used.count("batch_norm_act") == 3
    (x, y), expected = seen[0], ops.gelu
    if place == 5:
        np.testing.assert_array_equal(y.data, expected(x).data)
    remove()
    used.clear()
    net(images())
    assert used.count("batch_norm_act") == 4


def test_retain_grad_through_a_hook() -> None:
    net = network()
    kept: list[Any] = []
    net[4].register_forward_hook(lambda layer, args, y: kept.append(y) or y.retain_grad())
    net(images()).sum().backward()
    assert kept[0].grad.shape == kept[0].shape


def test_a_swap_of_a_part_runs(used: list[str]) -> None:
    page = OPERATIONS["gelu"].page
    calls: list[int] = []

    def forward(x: Any, approximate: str) -> Any:
        calls.append(1)
        return page[0](x, approximate)

    net = network()
    with gn.swap("gelu", forward, page[1], check=False):
        net(images())
    assert calls == [1]
    assert used.count("batch_norm_act") == 3


def test_evaluation_and_frozen_layers_run_alone(used: list[str]) -> None:
    net = network()
    net.eval()(images())
    assert "batch_norm_act" not in used
    used.clear()
    net.train()
    net[4].freeze()
    net(images())
    assert used.count("batch_norm_act") == 3
    assert used.count("batch_norm_eval") == 1


@pytest.mark.parametrize("part", ["conv", "bn", "relu"])
def test_a_block_runs_its_parts_where_one_is_watched(used: list[str], part: str) -> None:
    block = Block(3)
    block(images())
    assert "conv2d_norm_act" in used
    seen: list[Any] = []
    watched = getattr(block, part)
    watched.register_forward_hook(lambda layer, args, y: seen.append(y))
    used.clear()
    y = block(images())
    assert "conv2d_norm_act" not in used
    assert ("batch_norm_act" in used) is (part == "conv")
    assert seen[0].shape == y.shape


def test_a_blocks_convolution_can_be_swapped(used: list[str]) -> None:
    page = OPERATIONS["conv2d"].page
    with gn.swap("conv2d", *page, check=False):
        Block(3)(images())
    assert {"conv2d", "batch_norm_act"} <= set(used)
    assert "conv2d_norm_act" not in used


def test_a_subclass_and_a_forward_of_ones_own_run(used: list[str]) -> None:
    class Loud(nn.ReLU):
        def forward(self, x: Any) -> Any:
            return 2 * super().forward(x)

    norm = nn.BatchNorm2d(3)
    y = nn.Sequential(norm, Loud())(images())
    z = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())(images())
    np.testing.assert_allclose(y.data, 2 * z.data, rtol=1e-5, atol=1e-6)
    relu = nn.ReLU()
    relu.forward = lambda x: x  # type: ignore[method-assign]
    assert nn.Sequential(nn.BatchNorm2d(3), relu)(images()).data.min() < 0


def test_the_layer_to_blame_is_named() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(5), nn.ReLU())
    with pytest.raises(ShapeError, match="layer '1'"):
        net(images())
    pool = nn.Sequential(nn.ReLU(), nn.MaxPool2d(20))
    with pytest.raises(ShapeError, match="layer '1'"):
        pool(images())


def test_add_before_the_last_layer() -> None:
    x, relu = images(), nn.ReLU()
    np.testing.assert_array_equal(nn.chain(x, relu, add=x).data, ops.relu(x + x).data)
    with pytest.raises(ShapeError):
        nn.chain(x, nn.BatchNorm2d(3), relu, add=gn.Tensor(np.ones((2, 2), np.float32)))
