"""A moving average of a network's weights, which often generalises better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.errors import CheckpointError
from glassnet.optim.optimizer import OptimError
from glassnet.tape import Array
from glassnet.tensor import Tensor

if TYPE_CHECKING:
    from glassnet.nn import Module


class EMA:
    """The exponential moving average of a network's parameters; its buffers are copied.

    average <- average + (1 - d) * (parameter - average) in each update(), from the parameters at
    the time it was made; d is `decay`, or with `warm_up` min(decay, (1 + n) / (10 + n)) in update
    n, so that the average is not held back by the random weights it began with.

    >>> ema = EMA(net, decay=0.999)  # doctest: +SKIP
    >>> optimizer.step()
    ... ema.update()  # doctest: +SKIP
    >>> with ema.applied():
    ...     evaluate(net)  # doctest: +SKIP

    Raises OptimError for a decay outside of 0 to 1.
    [Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging"; the
    exponential form and its warm-up as in Tan and Le 2019, "EfficientNet", and their code]
    """

    def __init__(self, net: Module, decay: float = 0.999, warm_up: bool = False) -> None:
        if not 0 <= decay <= 1:
            raise OptimError(f"decay is {decay}, expected a number from 0 to 1, such as 0.999")
        self.net, self.decay, self.warm_up = net, decay, warm_up
        self.updates = 0
        self.average = self._copy()

    def update(self) -> None:
        """Take in the present weights; call it after each optimizer.step()."""
        self.updates += 1
        decay = self.decay
        if self.warm_up:
            decay = min(decay, (1 + self.updates) / (10 + self.updates))
        for name, p in self.net.named_parameters():
            average = self.average[name]
            average += (1 - decay) * (p.data - average)
        for name, buffer in self.net.named_buffers():
            self.average[name][...] = buffer.data

    @contextmanager
    def applied(self) -> Iterator[Module]:
        """The network computes with the average within the block, and has its own weights after.

        What is learned within the block is lost with it.
        """
        own = self._copy()
        self._write(self.average)
        try:
            yield self.net
        finally:
            self._write(own)

    def state_dict(self) -> dict[str, Any]:
        """{"updates": n, "average": {name: array}}, as copies."""
        return {
            "updates": self.updates,
            "average": {name: array.copy() for name, array in self.average.items()},
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave. Raises CheckpointError for another network's."""
        saved = {name: np.asarray(array) for name, array in state_dict["average"].items()}
        theirs = {name: array.shape for name, array in saved.items()}
        ours = {name: array.shape for name, array in self.average.items()}
        if theirs != ours:
            names = sorted(n for n in theirs.keys() | ours.keys() if theirs.get(n) != ours.get(n))
            raise CheckpointError(
                f"the saved average is of another network; names or shapes differ for "
                f"{', '.join(names)}: build the network that was saved"
            )
        for name, array in saved.items():
            self.average[name][...] = array
        self.updates = int(state_dict["updates"])

    def _tensors(self) -> dict[str, Tensor]:
        return dict(self.net.named_parameters()) | dict(self.net.named_buffers())

    def _copy(self) -> dict[str, Array]:
        return {name: tensor.data.copy(order="K") for name, tensor in self._tensors().items()}

    def _write(self, arrays: dict[str, Array]) -> None:
        for name, tensor in self._tensors().items():
            tensor.data[...] = arrays[name]
            tensor._version.bump(tensor.data)
