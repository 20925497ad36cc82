"""Small data and networks to report on."""

from collections.abc import Callable

import numpy as np

from glassnet import data, nn
from glassnet.train import Run

MakeRun = Callable[..., Run]


def images(classes: list[str], count: int, channels: int = 1, side: int = 8) -> data.Dataset:
    """Noise with a bright row that tells the class; every fifth label is wrong."""
    rng = np.random.default_rng(len(classes))
    labels = np.arange(count) % len(classes)
    pixels = rng.integers(0, 120, (count, channels, side, side), dtype=np.uint8)
    pixels[np.arange(count), :, labels % side] = 255
    labels[::5] = (labels[::5] + 1) % len(classes)
    return data.arrays(pixels, labels, classes, "bright rows")


def small_net(channels: int, classes: int, side: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4 * (side // 2) ** 2, classes),
    )  # fmt: skip
