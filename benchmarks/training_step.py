"""Whole training steps, batch 64, beside PyTorch: zero_grad, forward, loss, backward, AdamW.

    make bench                         (or: python -m benchmarks.training_step [--turns 20])

Prints milliseconds a step, and how many times as long PyTorch takes (above 1: glassnet is faster),
for PyTorch as it comes and with its channels-last layout. Both sides start from the same weights
and see the same batch. PyTorch has as many threads as the machine has cores; glassnet has one BLAS
thread, as its commands do: beside PyTorch's threads a second one makes it slower.
"""

import argparse
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import glassnet as gn
from benchmarks.interleave import interleave, milliseconds, ratio
from glassnet import nn, optim

BATCH = 64


def lenet_like(n: Any) -> Any:
    """The first example of the README."""
    return n.Sequential(
        n.Conv2d(1, 8, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(8, 16, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Flatten(), n.Linear(784, 10),
    )  # fmt: skip


def convnetjs(n: Any) -> Any:
    """The ConvNetJS network for CIFAR-10."""
    return n.Sequential(
        n.Conv2d(3, 16, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(16, 20, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(20, 20, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Flatten(), n.Linear(320, 10),
    )  # fmt: skip


def mlp(n: Any) -> Any:
    """784-256-256-10."""
    return n.Sequential(
        n.Flatten(), n.Linear(784, 256), n.ReLU(), n.Linear(256, 256), n.ReLU(), n.Linear(256, 10)
    )


NETWORKS = {
    "LeNet-like, 28x28": (lenet_like, (1, 28, 28)),
    "ConvNetJS, CIFAR-10": (convnetjs, (3, 32, 32)),
    "MLP 784-256-256-10": (mlp, (1, 28, 28)),
}


def our_step(make: Callable[[Any], Any], x: Any, y: Any) -> tuple[Any, Callable[[], Any]]:
    """Our network and a function that trains it for one step."""
    net = make(nn)
    optimizer = optim.AdamW(net.parameters())
    images, labels = gn.Tensor(x), gn.Tensor(y)

    def step() -> None:
        optimizer.zero_grad()
        gn.ops.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return net, step


def their_step(
    make: Callable[[Any], Any], x: Any, y: Any, weights: dict[str, Any], channels_last: bool
) -> Callable[[], Any]:
    """The same for PyTorch, from the same weights."""
    net = make(torch.nn)
    net.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
    images, labels = torch.tensor(x), torch.tensor(y)
    if channels_last:
        net, images = (v.to(memory_format=torch.channels_last) for v in (net, images))
    optimizer = torch.optim.AdamW(net.parameters())

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return step


def main() -> None:
    """Time every network and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=20)
    turns = parser.parse_args().turns
    threads = os.cpu_count() or 1
    torch.set_num_threads(threads)
    gn.set_num_threads(1)
    print(f"PyTorch {torch.__version__} on {threads} threads, batch {BATCH}, {turns} turns")
    print(f"{'network':22}{'glassnet ms':>12}{'PyTorch ms':>12}  ratio (quartiles)", end="")
    print(f"{'':6}{'channels-last ms':>17}  ratio (quartiles)")
    random = np.random.default_rng(0)
    for name, (make, shape) in NETWORKS.items():
        x = random.standard_normal((BATCH, *shape)).astype(np.float32)
        y = random.integers(0, 10, BATCH)
        net, ours = our_step(make, x, y)
        weights = net.state_dict()
        times = interleave(
            {
                "ours": ours,
                "plain": their_step(make, x, y, weights, channels_last=False),
                "last": their_step(make, x, y, weights, channels_last=True),
            },
            turns,
        )
        print(
            f"{name:22}{milliseconds(times['ours']):>12}{milliseconds(times['plain']):>12}"
            f"  {ratio(times['plain'], times['ours']):23}{milliseconds(times['last']):>17}"
            f"  {ratio(times['last'], times['ours'])}"
        )


if __name__ == "__main__":
    main()
