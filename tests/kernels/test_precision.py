"""How many digits a whole network's gradient keeps in float32, with and without Winograd.

A ReLU whose sum is nearly 0 is on or off by the last digit, and one unit of millions that flips
moves a gradient by a thousandth, whoever computes it. So the float64 network is given the units
that were on in float32 and the rest is rounding alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, ops

pytest.importorskip("llvmlite")


class Block(nn.Module):
    """y = relu(norm(conv(relu(norm(conv(x))))) + x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: gn.Tensor) -> gn.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + x)


def network() -> nn.Module:
    """A narrow residual network of nine convolutions, on images of 16 x 16."""
    gn.manual_seed(0)
    first = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    wider = [nn.Conv2d(16, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    blocks = [Block(16), Block(16)], [Block(32), Block(32)]
    head = [nn.GlobalAvgPool2d(), nn.Linear(32, 10)]
    return nn.Sequential(*first, *blocks[0], *wider, *blocks[1], *head)


def gradient(net: nn.Module, dtype: type) -> np.ndarray:
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.data.dtype.kind == "f":
            tensor.data = tensor.data.astype(dtype)
    random = np.random.default_rng(1)
    x = random.standard_normal((16, 3, 16, 16)).astype(dtype)
    loss = ops.cross_entropy(net(gn.tensor(x)), gn.tensor(random.integers(0, 10, 16)))
    loss.backward()
    return np.concatenate([np.ravel(np.asarray(p.grad)) for p in net.parameters()])


def relative_error(exact: bool) -> float:
    """Of the whole gradient in float32, to that in float64 with the same units on."""
    on: list[np.ndarray] = []

    def noting(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        on.append(x > 0)
        return x * on[-1], on[-1]

    def noted(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask = next(again)
        return x * mask, mask

    def backward(dy: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return dy * mask

    with ExitStack() as stack:
        stack.enter_context(gn.exact(exact))
        stack.enter_context(gn.swap("relu", noting, backward, check=False))
        ours = gradient(network(), np.float32)
    again: Iterator[np.ndarray] = iter(on)
    with gn.swap("relu", noted, backward, check=False):
        right = gradient(network(), np.float64)
    return float(np.linalg.norm(ours - right) / np.linalg.norm(right))


def test_exact_mode_keeps_nearly_all_digits() -> None:
    assert relative_error(exact=True) < 5e-6


def test_winograd_loses_less_than_a_digit() -> None:
    exact, fast = relative_error(exact=True), relative_error(exact=False)
    assert exact < fast < 10 * exact
