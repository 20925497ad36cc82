"""Chains that can be watched: a machine dreams, one Gibbs step at a time.

    N chains side by side, V pixels, L label units, H_i units in hidden layer i, T temperature

A step of the top machine, with E the energy of the file `rbm.py`:

    v ~ sigmoid((b + W h) / T),   y ~ softmax((d + U h) / T),   h ~ sigmoid((c + v W + y U) / T)

What is clamped is put back after each draw: a class, or a mixture of classes, in place of y; known
pixels in place of what was dreamt there. In a deep belief network v is the layer below the top; its
generative weights carry v down to the pixels, and where pixels are known, its recognition weights
carry the mended image up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from glassnet import random
from glassnet.dreams.dbn import DBN
from glassnet.dreams.rbm import RBM, Array, Generator, State, flip, sigmoid
from glassnet.errors import DataError, GlassnetError, ShapeError

Model = RBM | DBN
_START, _STEP = 0xD0, 0xD1


@dataclass
class Frame:
    """What one Gibbs step shows.

    step     how many steps were made before this one was seen
    visible  (N, V) probabilities of the pixels, 0..1; the means of Gaussian units
    hidden   of each hidden layer, bottom to top, (N, H_i)
    label    (N, L) probabilities, or what is clamped there; (N, 0) without label units
    energy   (N,) free energy of the (top) machine in this state
    """

    step: int
    visible: Array
    hidden: list[Array]
    label: Array
    energy: Array


class Chain:
    """`count` chains of a machine, each step a function of (seed, step) alone.

    The same model, seed and clamps give the same dreams. They start from noise; `start` begins
    anew, from an image if one is given.
    """

    def __init__(self, model: Model, count: int = 1, seed: int = 0) -> None:
        if count < 1 or seed < 0:
            raise GlassnetError(f"expected at least 1 chain and a seed from 0, got {count}, {seed}")
        self.model, self.count, self.seed = model, count, seed
        self.top = model.top if isinstance(model, DBN) else model
        self._label: Array | None = None
        self._pixels: Array | None = None
        self._known: Array | None = None
        self.start()

    def clamp(
        self,
        label: int | ArrayLike | None = None,
        pixels: ArrayLike | None = None,
        known: ArrayLike | None = None,
    ) -> None:
        """Hold a class, known pixels, both, or (with no arguments) nothing any more.

        label   a class, or shares of classes that add up to 1, (L,) or for each chain (N, L)
        pixels  (V,) or (N, V) in 0..1; known says where they are held, (V,) of True and False, all
                of them where it is left out
        Raises ShapeError, DataError or GlassnetError for what does not fit the machine.
        """
        self._label = None if label is None else self._shares(label)
        self._pixels = self._known = None
        if pixels is not None:
            held = np.ones(self.model.visible, bool) if known is None else np.asarray(known, bool)
            if held.size != self.model.visible:
                raise ShapeError(
                    f"expected known for {self.model.visible} pixels, got {held.shape}"
                )
            self._pixels, self._known = self._images(pixels), held.reshape(1, -1)
        elif known is not None:
            raise GlassnetError("known says which pixels are held; give the pixels too")

    def start(self, image: ArrayLike | None = None) -> None:
        """Begin anew: from an image (V,) or images (N, V) in 0..1, or from noise."""
        self.steps = 0
        draw = random.derive(self.seed, _START)
        self._state = self.top.start(self.count, draw)
        if image is not None:
            self._see(self._images(image), draw)

    def resume(self, step: int, hidden: Sequence[ArrayLike]) -> None:
        """Go on from a frame, of its `step` and `hidden`: what follows is what followed there.

        The states of the hidden units are all that a step builds on, so who watches can carry a
        chain along and go on elsewhere. Raises ShapeError for those of another machine.
        """
        h = np.asarray(hidden[-1], np.float32)
        if step < 0 or h.shape != self._state.h.shape:
            raise ShapeError(
                f"expected a step from 0 and hidden units {self._state.h.shape}, got {step} and "
                f"{h.shape}"
            )
        self.steps = step
        self._state = State(self.top.p_visible(h), h, self.top.p_label(h))

    def step(self, steps: int = 1, temperature: float = 1.0) -> Frame:
        """Make so many Gibbs steps, hot ones above temperature 1; gives what is there then."""
        if steps < 1 or not temperature > 0:
            raise GlassnetError(
                f"expected at least 1 step and a temperature above 0, got {steps}, {temperature}"
            )
        for _ in range(steps):
            self.steps += 1
            self._gibbs(temperature, random.derive(self.seed, _STEP, self.steps))
        return self.look()

    def look(self) -> Frame:
        """What is there now, without a step: what the topmost layer's states bring about below."""
        top, state = self.top, self._state
        layers = [top.p_visible(state.h), state.h]
        if isinstance(self.model, DBN):
            layers = [*self.model.down(layers[0]), *layers]
        label = self._label
        if label is None:
            label = top.p_label(state.h) if top.labels else state.y
        energy = top.free_energy(state.v, state.y)
        return Frame(self.steps, self._mend(layers[0]), layers[1:], label, energy)

    # -- one step ----------------------------------------------------------------------------------
    def _gibbs(self, temperature: float, draw: Generator) -> None:
        top, h = self.top, self._state.h
        v = self._draw_visible(h, temperature, draw)
        y = self._draw_label(h, temperature, draw)
        self._state = State(
            v, flip(sigmoid(top.hidden_input(v, y) / np.float32(temperature)), draw), y
        )

    def _draw_visible(self, h: Array, temperature: float, draw: Generator) -> Array:
        """The top machine's visible units; what is known of the pixels has its say."""
        top = self.top
        mean = h @ top.weight.T + top.visible_bias
        if top.gaussian:
            noise = draw.standard_normal(mean.shape, dtype=np.float32)
            return self._mend(mean + np.float32(np.sqrt(temperature)) * noise)
        v = flip(sigmoid(mean / np.float32(temperature)), draw)
        if not isinstance(self.model, DBN):
            return self._mend(v)
        if self._known is None:
            return v
        return flip(self.model.up(self._mend(self.model.down(v)[0])), draw)

    def _draw_label(self, h: Array, temperature: float, draw: Generator) -> Array:
        """One-hot: the largest log odds after Gumbel noise is a draw from their softmax."""
        if self._label is not None:
            return self._label
        top = self.top
        odds = (h @ top.label_weight.T + top.label_bias) / np.float32(temperature)
        if not top.labels:
            return odds
        chosen = (odds + draw.gumbel(size=odds.shape)).argmax(axis=1)
        return np.eye(top.labels, dtype=np.float32)[chosen]

    def _see(self, images: Array, draw: Generator) -> None:
        """The state that images call up; labels, where none is clamped, by what they suggest."""
        top = self.top
        even = np.full((self.count, top.labels), 1 / max(top.labels, 1), np.float32)
        y = even if self._label is None else self._label
        v = flip(self.model.up(images), draw) if isinstance(self.model, DBN) else images
        h = top.sample_hidden(v, y, draw)
        self._state = State(v, h, self._draw_label(h, 1, draw))

    def _mend(self, visible: Array) -> Array:
        """Known pixels in place of what was dreamt there."""
        if self._pixels is None or self._known is None:
            return visible
        return np.where(self._known, self._pixels, visible)

    # -- what is given -----------------------------------------------------------------------------
    def _shares(self, label: int | ArrayLike) -> Array:
        """A class or shares of classes -> (N, L)."""
        labels = self.model.labels
        if not labels:
            raise GlassnetError("this machine has no label units, so no class can be clamped")
        shares = np.asarray(label)
        if shares.ndim == 0:
            if not (np.issubdtype(shares.dtype, np.integer) and 0 <= shares < labels):
                raise DataError(f"expected a class from 0 to {labels - 1}, got {shares}")
            shares = np.eye(labels, dtype=np.float32)[shares]
        if shares.shape not in ((labels,), (self.count, labels)):
            raise ShapeError(
                f"expected shares ({labels},) or ({self.count}, {labels}), got {shares.shape}"
            )
        if not (shares.min() >= 0 and np.allclose(shares.sum(axis=-1), 1, atol=1e-3)):
            raise DataError("the shares of classes must be at least 0 and add up to 1")
        return self._for_all(shares)

    def _images(self, images: ArrayLike) -> Array:
        """One image or one for each chain -> (N, V)."""
        values = np.asarray(images)
        rows = 1 if values.size == self.model.visible else self.count
        if values.size != rows * self.model.visible:
            raise ShapeError(
                f"expected an image of {self.model.visible} pixels, or {self.count} of them, "
                f"got {values.shape}"
            )
        return self._for_all(self.model.examples(values.reshape(rows, -1)))

    def _for_all(self, values: Array) -> Array:
        """The same for all chains, where there is one row alone."""
        width = values.shape[-1]
        return np.array(np.broadcast_to(values, (self.count, width)), np.float32)


def associate(
    model: Model, first: int, second: int, steps: int, seed: int = 0, settle: int = 50
) -> Iterator[Frame]:
    """Free association: `steps` frames, on whose way the clamp moves from one class to another.

    Label units hold (1 - a) first + a second, a from 0 to 1; before, `settle` steps with the first.
    """
    if steps < 2:
        raise GlassnetError(f"a way from one class to another takes at least 2 steps, got {steps}")
    chain = Chain(model, 1, seed)
    one, other = np.eye(model.labels, dtype=np.float32)[[first, second]]
    chain.clamp(one)
    if settle:
        chain.step(settle)
    for share in np.linspace(0, 1, steps, dtype=np.float32):
        chain.clamp((1 - share) * one + share * other)
        yield chain.step()
