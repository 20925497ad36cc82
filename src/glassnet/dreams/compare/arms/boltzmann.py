"""Two Boltzmann machines, one on the other, unrolled into a network and fine-tuned."""

from __future__ import annotations

from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from glassnet import nn, random
from glassnet.dreams.compare.arm import Arm, Images, Labels, Setting
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.networks import CLASSES, classes, descend
from glassnet.dreams.finetune import unrolled
from glassnet.dreams.learn import Learning, Trainer
from glassnet.dreams.rbm import RBM, Array

Pixels = NDArray[np.uint8]

HIDDEN = (500, 500)
BATCH = 100
FIRST = 2000  # digits whose mean a machine begins with
LR = 0.1  # of contrastive divergence, falling to 0 as the time goes
_ORDER = 0xB0


class Boltzmann(Arm):
    """A deep belief network's greedy layers by CD-1, each with as much of the time."""

    name = "boltzmann"
    title = "Boltzmann machines (DBN)"
    about = "784-500-500, greedy layers by CD-1, fine-tuned by backpropagation"
    settings: ClassVar[tuple[Setting, ...]] = (
        {"lr": 1e-2, "augment": True},
        {"lr": 3e-3, "augment": True},
        {"lr": 1e-2, "augment": False},
    )

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.stack: list[RBM] = []
        self.net: nn.Sequential | None = None

    def prepare(self, unlabelled: Images, clock: Clock) -> None:
        x = unlabelled.reshape(len(unlabelled), -1)
        for layer, hidden in enumerate(HIDDEN):
            visible = self.stack[-1].hidden if self.stack else x.shape[1]
            machine = RBM(visible, hidden, seed=self.seed + layer)
            self.learn(machine, x, clock.part(clock.left / (len(HIDDEN) - layer)))
            self.stack.append(machine)

    def learn(self, machine: RBM, x: Pixels, clock: Clock) -> None:
        """Contrastive divergence on what the machines below make of x (N, 784), a batch a time."""
        learning = Learning(method="cd", last_lr=1.0, seed=self.seed)
        trainer, none = Trainer(machine, learning, self.up(x[:FIRST])), np.zeros((BATCH, 0), "f4")
        for epoch in count():
            order = random.derive(self.seed, _ORDER, epoch).permutation(len(x))
            for start in range(0, len(x), BATCH):
                if clock.over:
                    return
                learning.lr = LR * (1 - clock.share)
                v = self.up(x[order[start : start + BATCH]])
                trainer.update(v, none[: len(v)])

    def up(self, v: Pixels) -> Array:
        """What the highest machine so far makes of pixels (n, 784)."""
        x = v * np.float32(1 / 255)
        for machine in self.stack:
            x = machine.p_hidden(x)
        return x

    def train(self, x: Images, y: Labels, setting: Setting, clock: Clock) -> None:
        self.net = unrolled(self.stack, len(CLASSES), seed=self.seed)
        descend(self.net, x, y, clock, seed=self.seed, **setting)

    def predict(self, x: Images) -> Labels:
        assert self.net is not None, "train first"
        return classes(self.net, x)
