"""Lookahead: fast weights run some steps ahead, slow ones follow, the fast begin there again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from glassnet.tape import Array
from glassnet.tensor import Tensor
from glassnet.train.callbacks import Callback

if TYPE_CHECKING:
    from glassnet.train.loop import Training


class Lookahead(Callback):
    """Every `every` steps: slow <- slow + (1 - d) (fast - slow), then fast <- slow.

    d = decay^every * (step / all steps)^power rises over the run: at first the slow weights are
    the fast ones, in the end an average over about 1 / (1 - decay) steps. Statistics of batch norm
    belong to the weights and are averaged with them. It begins after `start` steps; at the end of
    each epoch the network holds the slow weights, so that it is judged by them and a run that goes
    on from a checkpoint knows them. Counts the steps of the whole run: it needs epochs= or steps=.

    [Zhang, Lucas, Hinton, Ba 2019, "Lookahead optimizer: k steps forward, 1 step back", algorithm
    1; with a decay that rises: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds", section 3.4]
    """

    def __init__(
        self, every: int = 5, decay: float = 0.95, power: float = 3.0, start: int = 0
    ) -> None:
        self.every, self.decay, self.power, self.start = every, decay, power, start
        self.slow: list[Array] | None = None

    def on_fit_start(self, training: Training) -> None:
        self.slow = None
        self._take(training)

    def on_step(self, training: Training, loss: float) -> None:
        if self.slow is None:
            self._take(training)
            return
        step = training.step
        if step % self.every == 0:
            assert training.total is not None
            decay = self.decay**self.every * (step / training.total) ** self.power
            for slow, fast in zip(self.slow, _floats(training), strict=True):
                slow += (1 - decay) * (fast.data - slow)
        if step % self.every == 0 or step % len(training.loader) == 0:
            for slow, fast in zip(self.slow, _floats(training), strict=True):
                fast.data[...] = slow
                fast._version.bump(fast.data)

    def _take(self, training: Training) -> None:
        """The slow weights begin as the network's."""
        if training.step >= self.start:
            self.slow = [fast.data.copy(order="K") for fast in _floats(training)]


def _floats(training: Training) -> Iterator[Tensor]:
    """The network's parameters and statistics."""
    return (t for _, t in training.net.named_state() if t.data.dtype.kind == "f")
