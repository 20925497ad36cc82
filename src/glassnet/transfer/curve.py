"""A learning curve: how good the probe is with so many examples of each class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glassnet.errors import DataError
from glassnet.random import derive
from glassnet.transfer.examples import Examples
from glassnet.transfer.learn import Floats, Learned
from glassnet.transfer.probe import fit_probe

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
DRAWS = 5
_CURVE = 0xC0A7E  # keeps the draws apart from other uses of the seed


@dataclass(frozen=True)
class Point:
    """`each` examples of every class (all of a smaller one): accuracies of several draws."""

    each: int
    accuracies: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest."""
        return min(self.accuracies), max(self.accuracies)


def learning_curve(learned: Learned, draws: int = DRAWS, seed: int = 0) -> Iterator[Point]:
    """Probes from 1, 2, 5, 10, ... examples a class, and from all, on the chosen layer.

    Each number is drawn `draws` times, the whole once; every probe chooses its own strength by
    cross-validation, and all are judged on the same held-out examples. Raises DataError for
    attributes, which have no classes.
    """
    examples = learned.examples
    if examples.labels.ndim != 1:
        raise DataError("a learning curve counts examples a class, and attributes have none")
    counts = np.bincount(examples.labels[~examples.held_out])
    for size in (*(s for s in SIZES if s < counts.max()), int(counts.max())):
        times = draws if size < counts.max() else 1
        yield Point(size, [_accuracy(learned, size, derive(seed, _CURVE, size, i), seed)
                           for i in range(times)])  # fmt: skip


def _accuracy(learned: Learned, size: int, draw: np.random.Generator, seed: int) -> float:
    rows = _drawn(learned.examples, size, draw)
    labels = learned.examples.labels
    probe = fit_probe(learned.features[rows], labels[rows], len(learned.examples.outputs),
                      seed=seed)  # fmt: skip
    held = learned.examples.held_out
    logits: Floats = probe(learned.features[held])
    return float((logits.argmax(1) == labels[held]).mean())


def _drawn(examples: Examples, size: int, draw: np.random.Generator) -> np.ndarray:
    """`size` rows of each class, of those that are not held out."""
    rows = [np.flatnonzero((examples.labels == k) & ~examples.held_out)
            for k in range(len(examples.outputs))]  # fmt: skip
    return np.concatenate([draw.permutation(own)[:size] for own in rows])
