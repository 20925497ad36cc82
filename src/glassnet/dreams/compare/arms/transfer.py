"""Labels of other things: ten classes of photographs, in grey, cut to the size of a digit."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from glassnet import data, random
from glassnet.dreams.compare.arm import Images, Labels
from glassnet.dreams.compare.arms.scratch import Convolutional
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.networks import descend, headed

_HEAD = 0x7F
GREY = np.array((0.299, 0.587, 0.114), np.float32)  # luma of red, green, blue [ITU-R BT.601]


class Transfer(Convolutional):
    """The network first learns CIFAR-10's aeroplanes, cats and ships; unlabelled digits it leaves.

    What it is not: a network trained on letters or other digits, which would know strokes.
    """

    name = "transfer"
    title = "supervised transfer"
    about = "the same network, pretrained with the labels of CIFAR-10 in grey"

    @classmethod
    def check(cls) -> None:
        super().check()
        data.cifar10()

    def prepare(self, unlabelled: Images, clock: Clock) -> None:
        with random.using(random.derive(self.seed, _HEAD)):
            net = headed(self.body)
        descend(net, *photographs(), clock, lr=3e-3, seed=self.seed)


@lru_cache
def photographs() -> tuple[Images, Labels]:
    """CIFAR-10's training images in grey, and their classes; kept for the next seed."""
    train, _ = data.cifar10()
    images, labels = train.batch(np.arange(len(train)))
    return grey(images), labels


def grey(images: NDArray[np.uint8]) -> Images:
    """Colour (N, 3, 32, 32) -> the middle 28 x 28 in grey, uint8 (N, 1, 28, 28)."""
    middle = images[:, :, 2:30, 2:30]
    made = np.empty((len(images), 1, 28, 28), np.uint8)
    for start in range(0, len(images), 5000):
        part = middle[start : start + 5000].astype(np.float32)
        made[start : start + 5000, 0] = np.einsum("nchw,c->nhw", part, GREY)
    return made
