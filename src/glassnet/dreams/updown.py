"""Up-down: all layers of a deep belief network learn together, awake and asleep.

    up     an image calls up a state of each layer by the recognition weights R; the generative ones
           learn to bring back the layer below:     dG = (below - p(below | above)) above^T
    top    the Boltzmann machine learns what came up, against k steps of its own Gibbs sampling
    down   from where those end, a dream goes down by the generative weights; the recognition ones
           learn to guess what it came from:        dR = below (above - q(above | below))^T

Where the sampling starts from what came up, this is the contrastive version of wake-sleep; where
chains go on from update to update, the dreams are the network's own, as in wake-sleep itself.
[Hinton, Dayan, Frey, Neal 1995, "The wake-sleep algorithm"; Hinton, Osindero, Teh 2006, appendix B]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from glassnet import random
from glassnet.dreams.learn import Learning, Row, Trainer, one_hot
from glassnet.dreams.rbm import Array, Generator, State, flip
from glassnet.errors import GlassnetError

if TYPE_CHECKING:
    from glassnet.dreams.dbn import DBN, Layer

_UP, _DOWN = 0x0B, 0xD0


def up_down(
    dbn: DBN,
    x: ArrayLike,
    y: ArrayLike | None = None,
    lower_lr: float = 0.05,
    label_gain: float = 1.0,
    first: int = 1,
    watch: Callable[[int, Row], None] | None = None,
    **settings: Any,
) -> list[Row]:
    """Teach all layers of `dbn` the examples x (N, V) and labels y (N,). A row an epoch.

    lower_lr  learning rate of the directed layers; it falls along with that of the top
    label_gain  how many times as fast the label units learn as the hundreds beside them
    settings  of the top's `Learning`: method "cd" is the contrastive version, "pcd" (its default)
              keeps its dreams from update to update; lr, epochs, steps, batch_size, seed ...
    first     the epoch to begin with, for a network that has made the earlier ones already; "pcd"
              begins with fresh chains then
    watch(epoch, row) is called after each epoch; a row holds the mean errors awake (how far the
    generative weights are from each layer) and asleep.
    """
    learning = Learning(**settings)
    if learning.average:
        raise GlassnetError("up_down averages nothing: its layers lean on each other as they are")
    examples = dbn.examples(x)
    labels = one_hot(dbn.top.labels, y, len(examples))
    phases = _Phases(dbn, learning, examples, (lower_lr, label_gain), first - 1)
    rows = []
    for epoch in range(first, learning.epochs + 1):
        errors = [phases.update(v, t) for v, t in phases.top.batches(epoch, examples, labels)]
        awake, asleep = np.mean(errors, axis=0)
        rows.append({"epoch": float(epoch), "awake": float(awake), "asleep": float(asleep)})
        if watch is not None:
            watch(epoch, rows[-1])
    return rows


class _Top(Trainer):
    """A trainer that keeps the dreams of its last update, and hurries its labels."""

    dreamt: State
    label_gain: float

    def _seen_and_dreamt(self, v: Array, y: Array, draw: Generator) -> tuple[State, State]:
        seen, self.dreamt = super()._seen_and_dreamt(v, y, draw)
        return seen, self.dreamt

    def _gradient(self, seen: State, dreamt: State) -> dict[str, Array]:
        gradient = super()._gradient(seen, dreamt)
        for name in {"label_weight", "label_bias"} & gradient.keys():
            gradient[name] = gradient[name] * np.float32(self.label_gain)
        return gradient


class _Phases:
    """The three phases, update after update."""

    def __init__(
        self, dbn: DBN, learning: Learning, x: Array, rates: tuple[float, float], epochs_done: int
    ) -> None:
        self.dbn, self.learning, self.lower_lr = dbn, learning, rates[0]
        self.top = _Top(dbn.top, learning, dbn.up(x))
        self.top.label_gain = rates[1]
        self.top.updates = epochs_done * -(-len(x) // learning.batch_size)

    def update(self, x: Array, y: Array) -> tuple[float, float]:
        """Up, top, down; the mean squared errors awake and asleep."""
        draw = random.derive(self.learning.seed, _UP, self.top.updates)
        share = self.top.updates / max(self.top.total, 1)
        lr = self.lower_lr * (1 - share * (1 - self.learning.last_lr))
        states, awake = [x], 0.0
        for layer in self.dbn.lower:
            states.append(flip(layer.up(states[-1]), draw))
            awake += _generate(layer, states[-2], states[-1], lr)
        self.top.update(states[-1], y)
        asleep = self._down(self.top.dreamt.v, lr)
        return awake, asleep

    def _down(self, above: Array, lr: float) -> float:
        """A dream handed down, the recognition weights learning from it. Pixels stay means."""
        draw = random.derive(self.learning.seed, _DOWN, self.top.updates)
        asleep = 0.0
        for i, layer in reversed(list(enumerate(self.dbn.lower))):
            below = layer.down(above)
            if i:
                below = flip(below, draw)
            asleep += _recognise(layer, below, above, lr)
            above = below
        return asleep


def _generate(layer: Layer, below: Array, above: Array, lr: float) -> float:
    """The delta rule for p(below | above); gives its mean squared error."""
    error = below - layer.down(above)  # (N, V)
    rate = np.float32(lr / len(error))
    layer.generative += rate * (error.T @ above)
    layer.visible_bias += rate * error.sum(axis=0)
    return float(np.mean(error * error))


def _recognise(layer: Layer, below: Array, above: Array, lr: float) -> float:
    """The delta rule for q(above | below); gives its mean squared error."""
    error = above - layer.up(below)  # (N, H)
    rate = np.float32(lr / len(error))
    layer.recognition += rate * (below.T @ error)
    layer.hidden_bias += rate * error.sum(axis=0)
    return float(np.mean(error * error))
