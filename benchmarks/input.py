"""How much of a training step the input takes: the loader's batches beside one batch in memory.

Images are CIFAR-10's shape with random pixels; they are mirrored, padded, cut out at random and
normalised, the usual augmentation. While the network computes, the loader's thread prepares.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.networks import TRAINED
from benchmarks.timing import OURS, Contender


def with_and_without(name: str) -> dict[str, Contender]:
    """The same training step on a batch that lies in memory (ours), and on the loader's batches."""
    from glassnet import data, nn, ops, optim

    network = TRAINED[name]
    height = network.shape[1]
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (10_240, *network.shape), np.uint8)
    dataset = data.arrays(pixels, random.integers(0, 10, len(pixels)))
    augment = data.Compose([data.Flip(), data.Crop(height, padding=4)])
    loader = data.Loader(dataset, network.batch, True, augment=augment, drop_last=True)
    net = network.make(nn)
    optimizer = optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)
    batches: Any = itertools.chain.from_iterable(loader for _ in itertools.count())
    x, y = next(batches)

    def step(images: Any, labels: Any) -> None:
        optimizer.zero_grad()
        ops.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return {OURS: lambda: step(x, y), "with the loader": lambda: step(*next(batches))}
