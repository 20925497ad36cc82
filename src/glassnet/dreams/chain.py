"""Chains that can be watched: a machine dreams, one Gibbs step at a time.

    N chains side by side, V pixels, L label units, H_i units in hidden layer i

What is clamped is put back after each draw: a class, or a mixture of classes, in place of the label
units; known pixels in place of what was dreamt there. `walk.py` makes the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from glassnet import random
from glassnet.dreams.rbm import Array
from glassnet.dreams.walk import Held, Model, walk
from glassnet.errors import DataError, GlassnetError, ShapeError

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
        self._held = Held()
        self.start()

    def clamp(
        self,
        label: int | ArrayLike | None = None,
        pixels: ArrayLike | None = None,
        known: ArrayLike | None = None,
        strength: float = 1.0,
    ) -> None:
        """Hold a class, known pixels, both, or (with no arguments) nothing any more.

        label   a class, or shares of classes that add up to 1, (L,) or for each chain (N, L)
        pixels  (V,) or (N, V) in 0..1; known says where they are held, (V,) of True and False, all
                of them where it is left out
        strength  how many times the weights of the clamped class count: above 1 dreams are surer
                of their class and vary less
        Raises ShapeError, DataError or GlassnetError for what does not fit the machine.
        """
        shares = None if label is None else self._shares(label)
        if pixels is None:
            if known is not None:
                raise GlassnetError("known says which pixels are held; give the pixels too")
            self._held = Held(shares, strength=strength)
            return
        held = np.ones(self.model.visible, bool) if known is None else np.asarray(known, bool)
        if held.size != self.model.visible:
            raise ShapeError(f"expected known for {self.model.visible} pixels, got {held.shape}")
        self._held = Held(shares, self._images(pixels), held.reshape(1, -1), strength)

    def start(self, image: ArrayLike | None = None) -> None:
        """Begin anew: from an image (V,) or images (N, V) in 0..1, or from noise."""
        self.steps = 0
        draw = random.derive(self.seed, _START)
        self._walk = walk(self.model, self.count, draw)
        if image is not None:
            self._walk.see(self._images(image), self._held, draw)

    def resume(self, step: int, hidden: Sequence[ArrayLike]) -> None:
        """Go on from a frame, of its `step` and `hidden`: what follows is what followed there.

        The states of the topmost hidden units (of both layers, in a DBM) are all that a step builds
        on, so who watches can carry a chain along and go on elsewhere. Raises ShapeError for those
        of another machine.
        """
        own = [h.shape for h in self._walk.kept]
        given = [np.asarray(h, np.float32) for h in hidden[-len(own) :]]
        if step < 0 or [h.shape for h in given] != own:
            shapes = " and ".join(str(h.shape) for h in given)
            raise ShapeError(
                f"expected a step from 0 and hidden units {' and '.join(map(str, own))}, got "
                f"{step} and {shapes}"
            )
        self.steps = step
        self._walk.resume(given)

    def step(self, steps: int = 1, temperature: float = 1.0) -> Frame:
        """Make so many Gibbs steps, hot ones above temperature 1; gives what is there then."""
        if steps < 1 or not temperature > 0:
            raise GlassnetError(
                f"expected at least 1 step and a temperature above 0, got {steps}, {temperature}"
            )
        for _ in range(steps):
            self.steps += 1
            draw = random.derive(self.seed, _STEP, self.steps)
            self._walk.step(self._held, temperature, draw)
        return self.look()

    def look(self) -> Frame:
        """What is there now, without a step: what the topmost layer's states bring about below."""
        now = self._walk.view(self._held)
        return Frame(self.steps, now.visible, now.hidden, now.label, now.energy)

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
    model: Model,
    first: int,
    second: int,
    steps: int,
    seed: int = 0,
    settle: int = 50,
    strength: float = 1.0,
    temperature: float = 1.0,
) -> Iterator[Frame]:
    """Free association: `steps` frames, on whose way the clamp moves from one class to another.

    Label units hold (1 - a) first + a second, a from 0 to 1; before, `settle` steps with the first.
    """
    if steps < 2:
        raise GlassnetError(f"a way from one class to another takes at least 2 steps, got {steps}")
    chain = Chain(model, 1, seed)
    one, other = np.eye(model.labels, dtype=np.float32)[[first, second]]
    chain.clamp(one, strength=strength)
    if settle:
        chain.step(settle, temperature)
    for share in np.linspace(0, 1, steps, dtype=np.float32):
        chain.clamp((1 - share) * one + share * other, strength=strength)
        yield chain.step(1, temperature)
