"""What arms share: the network of the day, and how a network is trained until a clock is over.

N images, K classes; images uint8 (N, 1, 28, 28), features float32 (N, D).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import data, nn, ops, optim, random
from glassnet.data import Affine, Compose, Loader, Preprocessing, Shift
from glassnet.dreams.compare.arm import Labels
from glassnet.dreams.compare.clock import Clock
from glassnet.nn.module import evaluating
from glassnet.optim import EMA
from glassnet.tensor import Tensor

CLASSES = tuple("0123456789")
RANDOM = Compose([Affine(degrees=10, low=0.9, high=1.1), Shift(2)])  # small distortions of digits
BATCH = 64
LEAST = 20 * BATCH  # images of an epoch: fewer are gone through several times
SMOOTHING = 0.1  # of labels
DECAY = 0.02  # of weights
AVERAGE = 0.998  # of weights, over updates
RISE = 0.1  # the share of the time in which the learning rate comes up
CODE = 576  # values of `trunk`, of 28 x 28 pixels

_STEP = 0xC03


def trunk() -> nn.Sequential:
    """Three batch-normalised convolutions of 16, 32 and 64 filters: (N, 1, 28, 28) -> (N, 576)."""

    def block(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(*block(1, 16, 5), *block(16, 32, 3), *block(32, 64, 3), nn.Flatten())


def headed(body: nn.Module, features: int = CODE, dropout: float = 0.3) -> nn.Sequential:
    """`body` with a fresh layer for the classes on top."""
    return nn.Sequential(body, nn.Dropout(dropout), nn.Linear(features, len(CLASSES)))


def copied(body: nn.Sequential, fresh: nn.Sequential) -> nn.Sequential:
    """`fresh` with the weights of `body`."""
    fresh.load_state_dict(body.state_dict())
    return fresh


def descend(
    net: nn.Module,
    x: NDArray[Any],
    y: Labels,
    clock: Clock,
    *,
    lr: float,
    seed: int,
    augment: bool = True,
    decay: float = DECAY,
    preprocess: Preprocessing | None = None,
) -> None:
    """Train `net` until the clock is over, with today's tricks; it ends with averaged weights.

    AdamW; the learning rate rises for a tenth of the time and then falls to 0 in a straight line,
    whatever number of steps that allows [Li, Yumer, Ramanan 2020, "Budgeted training"]; labels
    smoothed, images distorted anew in every epoch (`augment`), weights averaged.
    """
    rows = np.resize(np.arange(len(x)), max(len(x), LEAST))
    examples = data.arrays(x, y, CLASSES).subset(rows)
    loader = Loader(examples, BATCH, True, seed, RANDOM if augment else None, preprocess)
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = optim.AdamW(learning, lr=lr, weight_decay=decay)
    average = EMA(net, AVERAGE, warm_up=True)
    net.train()
    for step, (images, labels) in enumerate(batches(loader, clock)):
        optimizer.param_groups[0]["lr"] = lr * rate(clock.share)
        with random.using(random.derive(seed, _STEP, step)):
            optimizer.zero_grad()
            ops.cross_entropy(net(images), labels, label_smoothing=SMOOTHING).backward()
        optimizer.step()
        average.update()
    net.eval()
    with average.applied():
        weights = net.state_dict()
    net.load_state_dict(weights)


def rate(share: float) -> float:
    """The learning rate's factor once so much of the time is spent: 0 .. 1 .. 0."""
    return min(share / RISE, (1 - share) / (1 - RISE))


def batches(loader: Loader, clock: Clock) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of epoch after epoch until the clock is over."""
    for epoch in count():
        with closing(loader.batches(epoch)) as coming:
            for batch in coming:
                if clock.over:
                    return
                yield batch


def classes(net: nn.Module, x: NDArray[Any], preprocess: Preprocessing | None = None) -> Labels:
    """The class that the network gives each image, int64 (N,)."""
    examples = data.arrays(x, np.zeros(len(x), np.int64), CLASSES)
    loader = Loader(examples, 250, preprocess=preprocess)
    with evaluating(net):
        found = [net(images).data.argmax(axis=1) for images, _ in loader.epoch(0)]
    return np.concatenate(found).astype(np.int64)
