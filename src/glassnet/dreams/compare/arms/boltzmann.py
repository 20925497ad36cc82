"""Two Boltzmann machines, one on the other, unrolled into a network and fine-tuned."""

from __future__ import annotations

from itertools import count
from typing import ClassVar

import numpy as np

from glassnet import nn
from glassnet.dreams.compare.arm import Arm, Images, Labels, Setting
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.networks import CLASSES, classes, descend
from glassnet.dreams.finetune import unrolled
from glassnet.dreams.learn import Learning, Trainer
from glassnet.dreams.rbm import RBM, Array

HIDDEN = (500, 500)
LR = 0.1  # of contrastive divergence, falling to 0 as the time goes


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
        x = unlabelled.reshape(len(unlabelled), -1) * np.float32(1 / 255)
        for layer, hidden in enumerate(HIDDEN):
            machine = RBM(x.shape[1], hidden, seed=self.seed + layer)
            learn(machine, x, clock.part(clock.left / (len(HIDDEN) - layer)), self.seed)
            self.stack.append(machine)
            if layer + 1 < len(HIDDEN):
                x = machine.transform(x)

    def train(self, x: Images, y: Labels, setting: Setting, clock: Clock) -> None:
        self.net = unrolled(self.stack, len(CLASSES), seed=self.seed)
        descend(self.net, x, y, clock, seed=self.seed, **setting)

    def predict(self, x: Images) -> Labels:
        assert self.net is not None, "train first"
        return classes(self.net, x)


def learn(machine: RBM, x: Array, clock: Clock, seed: int) -> None:
    """Contrastive divergence on x (N, V) until the clock is over."""
    learning = Learning(method="cd", last_lr=1.0, seed=seed)
    trainer, none = Trainer(machine, learning, x), np.zeros((len(x), 0), np.float32)
    for epoch in count(1):
        for batch in trainer.batches(epoch, x, none):
            if clock.over:
                return
            learning.lr = LR * (1 - clock.share)
            trainer.update(*batch)
