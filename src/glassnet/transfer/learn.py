"""From examples and a pretrained network to a probe that was judged.

N examples, D features, K classes or attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassnet import nn, ops
from glassnet.data import Dataset
from glassnet.data.folder import from_files
from glassnet.errors import DataError
from glassnet.models.cut import with_head
from glassnet.nn import Module
from glassnet.tensor import Tensor
from glassnet.train.metrics import Evaluation, softmax
from glassnet.transfer.duplicates import across
from glassnet.transfer.examples import Examples
from glassnet.transfer.extract import Extracted, Layer, Source, candidates, extract
from glassnet.transfer.precision import average_precisions
from glassnet.transfer.probe import Probe, fit_probe

Floats = NDArray[np.float32]
ALIKE = 4  # bits of 64 in which two pictures may differ that count as the same one


class Tried(NamedTuple):
    """A layer, the probe on its features, and the probe's loss in cross-validation (or None)."""

    layer: Layer
    probe: Probe
    loss: float | None


class Twice(NamedTuple):
    """A picture on both sides of the split: an example learned from, and one judged on."""

    learned: str
    judged: str
    exact: bool


@dataclass(frozen=True)
class AttributeScore:
    """One attribute on the held-out images: `known` say yes or no, `yes` of them yes."""

    name: str
    known: int
    yes: int
    correct: int
    average_precision: float


@dataclass(frozen=True)
class Learned:
    """A probe, what it was learned from, and how good it is.

    examples    without those that could not be read
    features    of the chosen layer, float32 (N, D); the mean over the frames of a clip
    chosen      the layer and its probe; tried holds every layer that was compared
    twice       pictures that are on both sides of the split
    unreadable  file -> what is wrong with it
    computed    images whose features were not in the cache
    """

    source: Source
    examples: Examples
    features: Floats
    chosen: Tried
    tried: list[Tried]
    twice: list[Twice]
    unreadable: dict[str, str] = field(default_factory=dict)
    computed: int = 0

    @property
    def probe(self) -> Probe:
        return self.chosen.probe

    def network(self) -> Module:
        """The pretrained network with the probe as its head; of a cut one what lies before it.

        Changes the network of `source` where the head is exchanged.
        """
        layer = nn.Linear(self.features.shape[1], len(self.examples.outputs))
        layer.load_state_dict({"weight": self.probe.weight, "bias": self.probe.bias})
        if self.chosen.layer == Layer():
            return with_head(self.source.net, layer)
        cut = self.source.part(self.chosen.layer)
        return nn.Sequential({"features": cut, "head": layer})

    def evaluate(self, held_out: bool = True) -> Evaluation:
        """The answers on the examples that were held out, or on those that were learned from.

        For classes and clips. Raises DataError where there is nothing to judge on.
        """
        rows = self.examples.held_out == held_out
        if not rows.any():
            raise DataError("no example is held out, so there is nothing to judge on")
        logits, labels = self.probe(self.features[rows]), self.examples.labels[rows]
        loss = ops.cross_entropy(Tensor(logits), Tensor(labels)).item()
        return Evaluation(labels, softmax(logits), self.examples.outputs, loss)

    @cached_property
    def logits(self) -> Floats:
        """Of the held-out examples."""
        return self.probe(self.features[self.examples.held_out])

    @property
    def average_precisions(self) -> list[float]:
        """Of each class or attribute on the held-out examples; NaN where it never occurs."""
        truth = self.examples.labels[self.examples.held_out]
        scores = softmax(self.logits) if truth.ndim == 1 else self.logits
        return average_precisions(truth, scores)

    def attributes(self) -> list[AttributeScore]:
        """How well each attribute is answered on the held-out images."""
        truth = self.examples.labels[self.examples.held_out]
        right = (self.logits > 0) == (truth == 1)
        known = ~np.isnan(truth)
        return [
            AttributeScore(
                name,
                int(known[:, k].sum()),
                int((truth[:, k] == 1).sum()),
                int((right & known)[:, k].sum()),
                precision,
            )
            for k, (name, precision) in enumerate(
                zip(self.examples.outputs, self.average_precisions, strict=True)
            )
        ]


def learn(
    source: Source,
    examples: Examples,
    layers: Sequence[Layer] | None = None,
    seed: int = 0,
    cache: Path | None = None,
    advance: Callable[[float], None] | None = None,
) -> Learned:
    """A linear probe on the features of `examples`, from those that are not held out.

    layers  that are compared by cross-validation; None: `candidates`. The rest as in `extract`.
    Raises DataError where no file can be read or a class has no example left to learn from.
    """
    layers = list(layers or candidates(source.net))
    found = extract(source, examples.root, examples.files, layers, cache, advance)
    return fit_layers(source, examples, found, seed)


def fit_layers(source: Source, examples: Examples, found: Extracted, seed: int = 0) -> Learned:
    """Fit a probe on the features of each layer; the one with the least loss is chosen.

    Raises as `learn`.
    """
    if not found.files:
        first = next(iter(found.unreadable.values()), "there are none")
        raise DataError(f"none of the {len(examples.files)} images can be read: {first}")
    examples = examples.without(set(found.unreadable))
    train = ~examples.held_out
    features = {layer: by_example(examples, found, rows) for layer, rows in found.values.items()}
    tried = []
    for layer, rows in features.items():
        probe = fit_probe(rows[train], examples.labels[train], len(examples.outputs), seed=seed)
        tried.append(Tried(layer, probe, min(probe.scores.values(), default=None)))
    judged = [one for one in tried if one.loss is not None]
    chosen = min(judged, key=lambda one: one.loss or 0.0) if judged else tried[0]
    return Learned(source, examples, features[chosen.layer], chosen, tried,
                   _twice(examples, found), found.unreadable, found.computed)  # fmt: skip


def by_example(examples: Examples, found: Extracted, values: Floats) -> Floats:
    """Features of files -> of examples (N, D): the mean over the frames of a clip."""
    rows = found.rows(examples.files)
    counts = np.array([len(frames) for frames in examples.frames])
    if (counts == 1).all():
        return values[rows]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(values[rows].astype(np.float64), starts, axis=0)
    means: Floats = (sums / counts[:, None]).astype(np.float32)
    return means


def _twice(examples: Examples, found: Extracted) -> list[Twice]:
    """The same picture on both sides, file against file; of clips every frame."""
    side = np.repeat(examples.held_out, [len(frames) for frames in examples.frames])
    owner = np.repeat(examples.names, [len(frames) for frames in examples.frames])
    rows = found.rows(examples.files)
    looks: Any = found.looks[rows]
    digests = [found.digests[row] for row in rows]
    learned, judged = np.flatnonzero(~side), np.flatnonzero(side)
    pairs = across(
        looks[learned], looks[judged],
        ([digests[i] for i in learned], [digests[i] for i in judged]), ALIKE,
    )  # fmt: skip
    found_pairs = [Twice(str(owner[learned[p.first]]), str(owner[judged[p.second]]), p.exact)
                   for p in pairs]  # fmt: skip
    return sorted(dict.fromkeys(found_pairs), key=lambda pair: (not pair.exact, pair.judged))


def images(learned: Learned, held_out: bool) -> Dataset:
    """The images of one side of the split, read as the network expects them.

    Of a clip the middle frame stands for it. For classes and clips.
    """
    examples = learned.examples
    rows = np.flatnonzero(examples.held_out == held_out)
    middle = [examples.frames[row][len(examples.frames[row]) // 2] for row in rows]
    reading = replace(learned.source.preprocessing, mean=(), std=())
    labels = examples.labels[rows].tolist()
    return from_files(
        examples.root, middle, labels, examples.outputs, reading, check=False, skip_unreadable=False
    )
