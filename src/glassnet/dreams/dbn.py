"""The deep belief network: directed layers below, a Boltzmann machine with labels on top.

    p(x, h1, ..., hn, y) = p(x | h1) p(h1 | h2) ... p(h(n-1), hn, y),  the last factor an RBM

Each layer below the top has two sets of weights: generative ones, p(below | above), which are the
network's meaning, and recognition ones, q(above | below), which guess what brought an image about.
Greedily, one RBM after the other learns the activities of the one below, and both sets are its
weights; up-down learning (`updown.py`) then lets them go their own ways. [Hinton, Osindero, Teh
2006, "A fast learning algorithm for deep belief nets"]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.dreams.learn import Learning, Row, fit
from glassnet.dreams.rbm import RBM, Array, Generator, flip, sigmoid
from glassnet.dreams.saved import read, write
from glassnet.errors import GlassnetError

AT_ONCE = 1000  # examples that go up together


@dataclass
class Layer:
    """Two layers of units, V below and H above, joined both ways.

    recognition (V, H) and hidden_bias (H,) go up, generative (V, H) and visible_bias (V,) down.
    """

    recognition: Array
    hidden_bias: Array
    generative: Array
    visible_bias: Array

    @classmethod
    def of(cls, rbm: RBM) -> Layer:
        """Both ways begin as the machine's weights, of which they are copies."""
        return cls(
            rbm.weight.copy(), rbm.hidden_bias.copy(), rbm.weight.copy(), rbm.visible_bias.copy()
        )

    def up(self, v: Array) -> Array:
        """q(h = 1 | v) = sigmoid(c + v R): (N, V) -> (N, H)."""
        return sigmoid(v @ self.recognition + self.hidden_bias)

    def down(self, h: Array) -> Array:
        """p(v = 1 | h) = sigmoid(b + G h): (N, H) -> (N, V)."""
        return sigmoid(h @ self.generative.T + self.visible_bias)

    @property
    def parameters(self) -> dict[str, Array]:
        """Name -> array, the layer's own."""
        return vars(self)


class DBN:
    """A deep belief network with fresh weights.

    visible  pixels; hidden  the sizes of the hidden layers, bottom to top, at least two
    labels   softmax units beside the layer below the top, or 0; seed  of the first weights

    lower    the directed layers; top  the Boltzmann machine over the last two layers and the labels
    """

    def __init__(
        self,
        visible: int,
        hidden: Sequence[int] = (500, 500, 2000),
        labels: int = 10,
        seed: int = 0,
    ) -> None:
        if len(hidden) < 2:
            raise GlassnetError(
                f"a deep belief network has at least two hidden layers, got {list(hidden)}; "
                f"for one layer make an RBM"
            )
        self.visible, self.hidden, self.labels = visible, tuple(hidden), labels
        sizes = [visible, *hidden]
        self.lower = [
            Layer.of(RBM(sizes[i], sizes[i + 1], seed=seed + i)) for i in range(len(hidden) - 1)
        ]
        self.top = RBM(sizes[-2], sizes[-1], labels, seed=seed + len(hidden) - 1)

    def __repr__(self) -> str:
        return f"DBN(visible={self.visible}, hidden={self.hidden}, labels={self.labels})"

    # -- up and down -------------------------------------------------------------------------------
    def examples(self, x: ArrayLike) -> Array:
        """x as (N, V) float32; see `RBM.examples`."""
        return self._bottom().examples(x)

    def up(self, x: Array, layers: int | None = None) -> Array:
        """What the recognition weights make of images: (N, V) -> (N, H) of the layer below the top.

        Every layer's probabilities are fed to the next one; layers  how many of them are climbed.
        """
        climbed = self.lower if layers is None else self.lower[:layers]
        parts = []
        for first in range(0, len(x), AT_ONCE):
            part = x[first : first + AT_ONCE]
            for layer in climbed:
                part = layer.up(part)
            parts.append(part)
        return np.concatenate(parts) if parts else np.zeros((0, self.top.visible), np.float32)

    def down(self, h: Array, draw: Generator | None = None) -> list[Array]:
        """Probabilities of each layer below, given the one below the top: bottom first.

        Each layer is handed the likelier state of each unit above it, so that what is seen is
        sharp, not the mean of many images; or, with `draw`, states drawn from the probabilities.
        """
        layers = []
        for layer in reversed(self.lower):
            p = layer.down((h > 0.5).astype(np.float32) if draw is None else flip(h, draw))
            layers.append(p)
            h = p
        return layers[::-1]

    # -- what it believes --------------------------------------------------------------------------
    def p_class(self, x: ArrayLike) -> Array:
        """p(y | x) by the top machine's free energies, after one way up: (N, L)."""
        seen = self.up(self.examples(x))
        parts = range(0, len(seen), AT_ONCE)
        return np.concatenate([self.top.p_class(seen[i : i + AT_ONCE]) for i in parts])

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """The likeliest class of each example: (N,). Raises GlassnetError without label units."""
        if not self.labels:
            raise GlassnetError("this network has no label units, so it knows no classes")
        return self.p_class(x).argmax(axis=1)

    def transform(self, x: ArrayLike) -> Array:
        """Activities of the topmost hidden layer, labels left out: (N, H)."""
        return self.top.p_hidden(self.up(self.examples(x)))

    # -- learning ----------------------------------------------------------------------------------
    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        layers: Sequence[Mapping[str, Any]] | None = None,
        watch: Callable[[int, int, Row], None] | None = None,
        only: int | None = None,
        **settings: Any,
    ) -> list[Learning]:
        """Greedily, one machine after the other on the activities of those below it.

        settings  of `Learning`, the same for all; layers  settings of each layer, which go before
        them. watch(layer, epoch, row) is called after each epoch. only  the one layer to teach,
        those below having learned already. Returns what came of each layer.
        """
        each = [dict(settings) | dict(own) for own in layers or [{}] * len(self.hidden)]
        if len(each) != len(self.hidden):
            raise GlassnetError(f"expected settings of {len(self.hidden)} layers, got {len(each)}")
        chosen = range(len(self.hidden)) if only is None else [only]
        seen, learned = self.up(self.examples(x), chosen[0]), []
        for i in chosen:
            rbm = self._machine(i)
            tell = None if watch is None else _told(watch, i)
            learned.append(fit(rbm, seen, y if rbm.labels else None, watch=tell, **each[i]))
            if i < len(self.lower):
                self.lower[i] = Layer.of(rbm)
                seen = self.lower[i].up(seen)
        return learned

    def up_down(self, x: ArrayLike, y: ArrayLike | None = None, **settings: Any) -> list[Row]:
        """Let all layers learn together; see `updown.up_down`."""
        from glassnet.dreams.updown import up_down

        return up_down(self, x, y, **settings)

    def _machine(self, i: int) -> RBM:
        """Layer i as an RBM: the top one itself, or one with the layer's recognition weights."""
        if i == len(self.lower):
            return self.top
        layer = self.lower[i]
        rbm = RBM(*layer.recognition.shape)
        rbm.weight, rbm.hidden_bias = layer.recognition, layer.hidden_bias
        rbm.visible_bias = layer.visible_bias
        return rbm

    def machines(self) -> list[RBM]:
        """The layers as RBMs, bottom to top, by their recognition weights; for `unrolled`."""
        return [self._machine(i) for i in range(len(self.hidden))]

    def _bottom(self) -> RBM:
        return self._machine(0)

    # -- files -------------------------------------------------------------------------------------
    @property
    def parameters(self) -> dict[str, Array]:
        """Name -> array, the network's own."""
        named = {
            f"lower.{i}.{name}": p
            for i, layer in enumerate(self.lower)
            for name, p in layer.parameters.items()
        }
        return named | {f"top.{name}": p for name, p in self.top.parameters.items()}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to one safetensors file, atomically."""
        sizes = {"visible": self.visible, "hidden": list(self.hidden), "labels": self.labels}
        return write(path, "DBN", self, **sizes)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DBN:
        """Read what `save` wrote. Raises CheckpointError for another kind of file."""
        return read(
            path, "DBN", "deep belief network",
            lambda _, sizes: cls(sizes["visible"], sizes["hidden"], sizes["labels"]),
        )  # fmt: skip


def _told(watch: Callable[[int, int, Row], None], layer: int) -> Callable[[int, Row], None]:
    return lambda epoch, row: watch(layer, epoch, row)
