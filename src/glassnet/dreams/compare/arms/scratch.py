"""No pretraining: all seconds go into the labelled digits."""

from __future__ import annotations

from typing import ClassVar

from glassnet import nn, random
from glassnet.data import Preprocessing
from glassnet.dreams.compare.arm import BASELINE, Arm, Images, Labels, Setting
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.networks import classes, copied, descend, headed, trunk

PIXELS = Preprocessing(size=(28, 28), channels=1, mean=(0.1307,), std=(0.3081,))  # of MNIST
_WEIGHTS = 0x5C


class Convolutional(Arm):
    """What arms with the convolutional network share: `body`, where it starts from."""

    settings: ClassVar[tuple[Setting, ...]] = (
        {"lr": 3e-3, "frozen": False},
        {"lr": 1e-3, "frozen": False},
        {"lr": 3e-3, "frozen": True},
    )

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        with random.using(random.derive(seed, _WEIGHTS)):
            self.body = trunk()
        self.net: nn.Sequential | None = None

    def train(self, x: Images, y: Labels, setting: Setting, clock: Clock) -> None:
        with random.using(random.derive(self.seed, _WEIGHTS, 1)):
            body = copied(self.body, trunk())
            self.net = headed(body.freeze() if setting["frozen"] else body)
        descend(self.net, x, y, clock, lr=setting["lr"], seed=self.seed, preprocess=PIXELS)

    def predict(self, x: Images) -> Labels:
        assert self.net is not None, "train first"
        return classes(self.net, x, PIXELS)


class Scratch(Convolutional):
    """Batch normalisation, distorted images, dropout, smoothed labels, AdamW, averaged weights."""

    name = BASELINE
    title = "from scratch"
    about = "a convolutional network, no pretraining"
    settings = (
        {"lr": 3e-3, "frozen": False},
        {"lr": 1e-3, "frozen": False},
        {"lr": 1e-2, "frozen": False},
    )

    def prepare(self, unlabelled: Images, clock: Clock) -> None:
        """Nothing: no look at them, no second spent."""
