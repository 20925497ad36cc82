"""How good a network is on a data set, with the uncertainty that its size leaves.

N samples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassnet.data import Dataset, Loader, Preprocessing
from glassnet.errors import DataError
from glassnet.nn import Module, evaluating
from glassnet.tensor import Tensor

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
Metric = Callable[[Floats, Labels], float]  # (logits (N, K), labels (N,)) -> a number
Loss = Callable[[Tensor, Tensor], Tensor]  # (logits (n, K), labels (n,)) -> the mean over n


class ClassAccuracy(NamedTuple):
    """One class: `correct` of its `n` samples; `low` to `high` is the 95 % Wilson interval."""

    name: str
    n: int
    correct: int
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """A network's answers on labelled data.

    labels         int64 (N,), the truth
    probabilities  float32 (N, K), softmax of the network's outputs
    classes        the K names
    loss           the mean loss over all samples
    metrics        the values of the run's own metrics
    """

    labels: Labels
    probabilities: NDArray[np.float32]
    classes: list[str]
    loss: float
    metrics: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"<accuracy {self.accuracy:.4f} ({low:.4f} to {high:.4f}), "
            f"{self.errors} errors of {len(self)}, loss {self.loss:.4f}>"
        )

    @cached_property
    def predictions(self) -> Labels:
        """The most probable class of each sample, int64 (N,); the first of equals."""
        return self.probabilities.argmax(axis=1)

    @property
    def errors(self) -> int:
        """How many samples were given another class than theirs."""
        return int(np.count_nonzero(self.predictions != self.labels))

    @property
    def accuracy(self) -> float:
        """The share of samples that were given their class."""
        return (len(self) - self.errors) / len(self)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the accuracy [Wilson 1927]."""
        return wilson(len(self) - self.errors, len(self))

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K): entry [truth, guess] counts the samples of class `truth` answered `guess`."""
        count = len(self.classes)
        cells = np.bincount(self.labels * count + self.predictions, minlength=count * count)
        return cells.reshape(count, count)

    @cached_property
    def per_class(self) -> list[ClassAccuracy]:
        """Accuracy of each class; a class without samples has the interval 0 to 1."""
        totals, right = self.confusion.sum(axis=1).tolist(), self.confusion.diagonal().tolist()
        rows = zip(self.classes, totals, right, strict=True)
        return [ClassAccuracy(name, n, k, *wilson(k, n)) for name, n, k in rows]

    def worst(self, count: int = 10) -> NDArray[np.intp]:
        """Indices of at most `count` mistakes, the surest wrong answer first."""
        mistakes = np.flatnonzero(self.predictions != self.labels)
        confidence = self.probabilities[mistakes].max(axis=1, initial=0)
        return mistakes[np.argsort(-confidence, kind="stable")][:count]


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share [Wilson 1927]: (low, high); (0, 1) for no trials."""
    from scipy.stats import binomtest

    if not trials:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def softmax(logits: Floats) -> NDArray[np.float32]:
    """exp(z) / sum(exp(z)) over the last axis, (N, K) -> float32 (N, K)."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def sigmoid(logits: Floats) -> NDArray[np.float32]:
    """1 / (1 + exp(-z)), without overflow: (N, K) -> float32 (N, K)."""
    return ((1 + np.tanh(logits / 2)) / 2).astype(np.float32)


def accuracy(logits: Floats, labels: NDArray[Any]) -> float:
    """The share of rows whose largest logit is the label's; labels (n,), or shares (n, K)."""
    truth = labels.argmax(axis=1) if labels.ndim == 2 else labels
    return float((logits.argmax(axis=1) == truth).mean())


def evaluate(
    net: Module,
    dataset: Dataset,
    preprocessing: Preprocessing,
    loss: Loss,
    metrics: Mapping[str, Metric] | None = None,
    batch_size: int = 256,
) -> Evaluation:
    """The network's answers on the whole data set, in evaluation mode, in the set's order.

    Raises DataError for an empty data set.
    """
    if not len(dataset):
        raise DataError(f"there is nothing to evaluate on: '{dataset.name}' is empty")
    loader = Loader(dataset, batch_size=batch_size, preprocess=preprocessing)
    outputs, total = [], 0.0
    with evaluating(net):
        for x, y in loader.epoch(0):
            logits = net(x)
            total += loss(logits, y).item() * len(y)
            outputs.append(logits.data)
    logits, labels = np.concatenate(outputs), dataset.labels
    values = {name: float(metric(logits, labels)) for name, metric in (metrics or {}).items()}
    mean = total / len(dataset)
    return Evaluation(labels, softmax(logits), dataset.classes, mean, values)
