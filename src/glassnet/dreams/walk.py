"""One Gibbs step of each kind of machine, with what is held put back: what `Chain` is made of.

    N chains, V pixels, L label units, T temperature

A step of the top machine of a stack, with E the energy of the file `rbm.py`:

    v ~ sigmoid((b + W h) / T),   y ~ softmax((d + U h) / T),   h ~ sigmoid((c + v W + y U) / T)

An RBM is its own top. In a deep belief network v is the layer below the top: the generative weights
carry it down to the pixels, and where pixels are known, the recognition weights carry the mended
image up again. A deep Boltzmann machine's step is its own, `dbm.gibbs`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.dreams.dbm import DBM, Layers, one_of
from glassnet.dreams.dbn import DBN
from glassnet.dreams.rbm import RBM, Array, Generator, State, flip
from glassnet.dreams.sampling import sigmoid

Model = RBM | DBN | DBM


@dataclass
class Held:
    """What is clamped: shares of classes (N, L), pixels (N, V) where known (1, V) is True.

    strength  how many times the weights of a clamped class count
    """

    label: Array | None = None
    pixels: Array | None = None
    known: Array | None = None
    strength: float = 1.0

    @property
    def pull(self) -> Array | None:
        """What the hidden units hear of a clamped class: `strength` times its shares."""
        return None if self.label is None else np.float32(self.strength) * self.label

    def mend(self, visible: Array) -> Array:
        """Known pixels in place of what was dreamt there."""
        if self.pixels is None or self.known is None:
            return visible
        return np.where(self.known, self.pixels, visible)


@dataclass
class View:
    """What a state shows: see `chain.Frame`."""

    visible: Array
    hidden: list[Array]
    label: Array
    energy: Array


class Walk(ABC):
    """The states of some chains, and their next step."""

    @abstractmethod
    def see(self, images: Array, held: Held, draw: Generator) -> None:
        """Go to the state that images call up; free label units start by what they suggest."""

    @property
    @abstractmethod
    def kept(self) -> list[Array]:
        """The states of hidden units that a step builds on."""

    @abstractmethod
    def resume(self, hidden: Sequence[Array]) -> None:
        """Go to the state of these hidden units, in the shapes of `kept`."""

    @abstractmethod
    def step(self, held: Held, temperature: float, draw: Generator) -> None:
        """One Gibbs step."""

    @abstractmethod
    def view(self, held: Held) -> View:
        """What the topmost states bring about below, as probabilities."""


class StackWalk(Walk):
    """Chains of an RBM, or of the top of a deep belief network."""

    def __init__(self, model: RBM | DBN, count: int, draw: Generator) -> None:
        self.model, self.top = model, model.top if isinstance(model, DBN) else model
        self.state = self.top.start(count, draw)

    def see(self, images: Array, held: Held, draw: Generator) -> None:
        v = flip(self.model.up(images), draw) if isinstance(self.model, DBN) else images
        y = held.pull
        if y is None:
            y = np.full((len(v), self.top.labels), 1 / max(self.top.labels, 1), np.float32)
        h = self.top.sample_hidden(v, y, draw)
        self.state = State(v, h, self._label(h, held, 1, draw))

    @property
    def kept(self) -> list[Array]:
        return [self.state.h]

    def resume(self, hidden: Sequence[Array]) -> None:
        (h,) = hidden
        y = self.top.p_label(h) if self.top.labels else self.state.y
        self.state = State(self.top.p_visible(h), h, y)

    def step(self, held: Held, temperature: float, draw: Generator) -> None:
        h = self.state.h
        v = self._visible(h, held, temperature, draw)
        y = self._label(h, held, temperature, draw)
        odds = self.top.hidden_input(v, y if held.pull is None else held.pull)
        odds /= np.float32(temperature)
        self.state = State(v, flip(sigmoid(odds), draw), y)

    def _visible(self, h: Array, held: Held, temperature: float, draw: Generator) -> Array:
        """The top machine's visible units; what is known of the pixels has its say."""
        top = self.top
        mean = h @ top.weight.T + top.visible_bias
        if top.gaussian:
            noise = draw.standard_normal(mean.shape, dtype=np.float32)
            return held.mend(mean + np.float32(np.sqrt(temperature)) * noise)
        v = flip(sigmoid(mean / np.float32(temperature)), draw)
        if not isinstance(self.model, DBN):
            return held.mend(v)
        if held.known is None:
            return v
        return flip(self.model.up(held.mend(self.model.down(v)[0])), draw)

    def _label(self, h: Array, held: Held, temperature: float, draw: Generator) -> Array:
        if held.label is not None:
            return held.label
        odds = h @ self.top.label_weight.T + self.top.label_bias
        return one_of(odds / np.float32(temperature), draw)

    def view(self, held: Held) -> View:
        top, state = self.top, self.state
        layers = [top.p_visible(state.h), state.h]
        if isinstance(self.model, DBN):
            layers = [*self.model.down(layers[0]), *layers]
        label = held.label
        if label is None:
            label = top.p_label(state.h) if top.labels else state.y
        energy = top.free_energy(state.v, state.y)
        return View(held.mend(layers[0]), layers[1:], label, energy)


class DeepWalk(Walk):
    """Chains of a deep Boltzmann machine."""

    def __init__(self, model: DBM, count: int, draw: Generator) -> None:
        self.model, self.state = model, model.start(count, draw)

    def see(self, images: Array, held: Held, draw: Generator) -> None:
        means = self.model.mean_field(images, held.pull)
        self.state = Layers(images, flip(means.h1, draw), flip(means.h2, draw), means.y)

    @property
    def kept(self) -> list[Array]:
        return [self.state.h1, self.state.h2]

    def resume(self, hidden: Sequence[Array]) -> None:
        h1, h2 = hidden
        self.state = Layers(self.state.v, h1, h2, self.model.p_label(h2))

    def step(self, held: Held, temperature: float, draw: Generator) -> None:
        self.state = self.model.gibbs(self.state, draw, 1, temperature, held.pull, held.mend)
        if held.label is not None:
            self.state.y = held.label

    def view(self, held: Held) -> View:
        model, state = self.model, self.state
        label = model.p_label(state.h2) if held.label is None else held.label
        visible = held.mend(sigmoid(model.into_visible(state.h1)))
        energy = model.free_energy(state.h1, state.y)
        return View(visible, [state.h1, state.h2], label, energy)


def walk(model: Model, count: int, draw: Generator) -> Walk:
    """Chains of a model, which start from noise."""
    return DeepWalk(model, count, draw) if isinstance(model, DBM) else StackWalk(model, count, draw)
