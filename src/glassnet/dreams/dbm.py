"""The deep Boltzmann machine of two hidden layers: undirected all the way, believed by mean field.

    N examples, V visible units, H1 and H2 hidden units, L label units (0 or more) beside the second

    E = - v b - v W1 h1 - h1 c1 - h1 W2 h2 - h2 c2 - y U h2 - y d

The first hidden layer hears from below and above at once, so unlike an RBM's its units are not
independent given the data. Mean field takes them for independent and lets both layers settle:

    m1 = sigmoid(c1 + v W1 + m2 W2^T),   m2 = sigmoid(c2 + m1 W2 + y U),   y = softmax(d + m2 U^T)

which can only raise a lower bound of log p(v). Learning climbs that bound: the data's means by mean
field, the machine's by chains that go on from update to update, gradients centred as in `learn.py`.
[Salakhutdinov & Hinton 2009, "Deep Boltzmann machines"; without layerwise pretraining, thanks to
centring: Montavon & Mueller 2012, "Deep Boltzmann machines and the centering trick"]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet import random
from glassnet.dreams.learn import Learning, Row, one_hot
from glassnet.dreams.rbm import RBM, Array, Generator, flip, softmax, softplus
from glassnet.dreams.sampling import sigmoid
from glassnet.dreams.saved import read, write
from glassnet.errors import GlassnetError

ROUNDS = 12  # of mean field
_ORDER, _STEP, _CHAINS = 0xDB0, 0xDB1, 0xDB2


@dataclass
class Layers:
    """What all units are, or are on average: v (N, V), h1 (N, H1), h2 (N, H2), y (N, L)."""

    v: Array
    h1: Array
    h2: Array
    y: Array


class DBM:
    """A deep Boltzmann machine with fresh weights: normal, deviation 0.01.

    visible V; hidden (H1, H2); labels L; seed  of the first weights. Raises GlassnetError for
    another number of layers.
    """

    def __init__(
        self, visible: int, hidden: Sequence[int] = (500, 1000), labels: int = 0, seed: int = 0
    ) -> None:
        if len(hidden) != 2:
            raise GlassnetError(f"a DBM here has two hidden layers, got {list(hidden)}")
        self.visible, self.hidden, self.labels = visible, tuple(hidden), labels
        lower = RBM(visible, hidden[0], seed=seed)
        upper = RBM(hidden[0], hidden[1], labels, seed=seed + 1)
        self._lower = lower  # checks examples
        self.parameters: dict[str, Array] = {
            "w1": lower.weight,
            "w2": upper.weight,
            "u": upper.label_weight,
            "b": lower.visible_bias,
            "c1": lower.hidden_bias,
            "c2": upper.hidden_bias,
            "d": upper.label_bias,
        }

    def __repr__(self) -> str:
        return f"DBM(visible={self.visible}, hidden={self.hidden}, labels={self.labels})"

    # -- log odds of a layer, given its neighbours -------------------------------------------------
    def into_visible(self, h1: Array) -> Array:
        """b + W1 h1: (N, V)."""
        return h1 @ self.parameters["w1"].T + self.parameters["b"]

    def into_first(self, v: Array, h2: Array) -> Array:
        """c1 + v W1 + W2 h2: (N, H1)."""
        p = self.parameters
        return v @ p["w1"] + h2 @ p["w2"].T + p["c1"]

    def into_second(self, h1: Array, y: Array) -> Array:
        """c2 + h1 W2 + y U: (N, H2)."""
        p = self.parameters
        return h1 @ p["w2"] + y @ p["u"] + p["c2"]

    def into_label(self, h2: Array) -> Array:
        """d + U h2: (N, L)."""
        return h2 @ self.parameters["u"].T + self.parameters["d"]

    def p_label(self, h2: Array) -> Array:
        """p(y = k | h2): (N, L)."""
        return softmax(self.into_label(h2)) if self.labels else self.into_label(h2)

    def examples(self, x: ArrayLike) -> Array:
        """x as (N, V) float32; see `RBM.examples`."""
        return self._lower.examples(x)

    # -- what it believes --------------------------------------------------------------------------
    def mean_field(self, x: ArrayLike, y: Array | None = None, rounds: int = ROUNDS) -> Layers:
        """The means that the hidden layers settle at, given images; labels too, if not given.

        The first way up counts W1 twice, in place of what is not yet heard from above.
        """
        v = self.examples(x)
        p = self.parameters
        m1 = sigmoid(2 * (v @ p["w1"]) + p["c1"])
        shares = np.full((len(v), self.labels), 1 / max(self.labels, 1), np.float32)
        label = shares if y is None else y
        m2 = sigmoid(self.into_second(m1, label))
        for _ in range(rounds):
            m1 = sigmoid(self.into_first(v, m2))
            m2 = sigmoid(self.into_second(m1, label))
            label = self.p_label(m2) if y is None else y
        return Layers(v, m1, m2, label)

    def bound(self, means: Layers) -> Array:
        """-E at the means plus their entropy: a lower bound of log p(v) + log Z, (N,)."""
        apart = [_x_log_x(m) + _x_log_x(1 - m) for m in (means.h1, means.h2)]
        negative = sum(part.sum(axis=1) for part in [*apart, _x_log_x(means.y)])
        total: Array = -self.energy(means) - negative
        return total

    def energy(self, s: Layers) -> Array:
        """E(v, h1, h2, y): (N,)."""
        p = self.parameters
        first = ((s.v @ p["w1"] + s.h2 @ p["w2"].T + p["c1"]) * s.h1).sum(axis=1)
        second = ((s.y @ p["u"] + p["c2"]) * s.h2).sum(axis=1)
        total: Array = -(s.v @ p["b"]) - first - second - s.y @ p["d"]
        return total

    def free_energy(self, h1: Array, y: Array) -> Array:
        """-log of the sum over v and h2 of exp(-E), which is exact: (N,)."""
        p = self.parameters
        seen = softplus(self.into_visible(h1)).sum(axis=1)
        above = softplus(self.into_second(h1, y)).sum(axis=1)
        total: Array = -(h1 @ p["c1"]) - y @ p["d"] - seen - above
        return total

    def transform(self, x: ArrayLike) -> Array:
        """Means of both hidden layers side by side: (N, H1 + H2)."""
        means = self.mean_field(x)
        return np.concatenate([means.h1, means.h2], axis=1)

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """The likeliest class by mean field: (N,). Raises GlassnetError without label units."""
        if not self.labels:
            raise GlassnetError("this machine has no label units, so it knows no classes")
        return self.mean_field(x).y.argmax(axis=1)

    # -- sampling ----------------------------------------------------------------------------------
    def start(self, count: int, draw: Generator) -> Layers:
        """Chains whose hidden units begin by a coin."""
        coins = [np.full((count, size), 0.5, np.float32) for size in self.hidden]
        h1, h2 = (flip(p, draw) for p in coins)
        v = sigmoid(self.into_visible(h1))
        return Layers(v, h1, h2, np.zeros((count, self.labels), np.float32))

    def gibbs(
        self,
        state: Layers,
        draw: Generator,
        steps: int = 1,
        temperature: float = 1.0,
        label: Array | None = None,
        mend: Callable[[Array], Array] = lambda v: v,
    ) -> Layers:
        """`steps` times: y given h2, h2 given h1 and y, v given h1, then h1 given v and h2.

        label  is held in place of y; mend(v)  puts back what is known of the pixels. A step builds
        on h1 and h2 alone.
        """
        t, h1, h2, v, y = np.float32(temperature), state.h1, state.h2, state.v, state.y
        for _ in range(steps):
            y = self.draw_label(h2, draw, temperature) if label is None else label
            h2 = flip(sigmoid(self.into_second(h1, y) / t), draw)
            v = mend(flip(sigmoid(self.into_visible(h1) / t), draw))
            h1 = flip(sigmoid(self.into_first(v, h2) / t), draw)
        return Layers(v, h1, h2, y)

    def draw_label(self, h2: Array, draw: Generator, temperature: float = 1.0) -> Array:
        """y ~ p(y | h2), one-hot: (N, L)."""
        return one_of(self.into_label(h2) / np.float32(temperature), draw)

    # -- learning ----------------------------------------------------------------------------------
    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        watch: Callable[[int, Row], None] | None = None,
        rounds: int = ROUNDS,
        **settings: Any,
    ) -> Learning:
        """Teach it the examples x (N, V), with labels y (N,) where it has label units.

        rounds of mean field for each batch; settings of `Learning`, of which method ("pcd"),
        average, momentum, sparsity and temperatures mean nothing here. A row of the history holds
        the mean squared error of v brought back from the first layer's means. watch(epoch, row) is
        called after each epoch. Raises ShapeError and GlassnetError as `learn.fit` does.
        """
        learning = Learning(**settings)
        examples, labels = self.examples(x), one_hot(self.labels, y, len(np.asarray(x)))
        climb = _Climb(self, learning, examples, labels, rounds)
        for epoch in range(1, learning.epochs + 1):
            order = random.derive(learning.seed, _ORDER, epoch).permutation(len(examples))
            batches = range(0, len(order), learning.batch_size)
            chosen = [order[first : first + learning.batch_size] for first in batches]
            errors = [climb.update(examples[rows], labels[rows]) for rows in chosen]
            row = {"epoch": float(epoch), "reconstruction": float(np.mean(errors))}
            learning.history.append(row)
            if watch is not None:
                watch(epoch, row)
        return learning

    # -- files -------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to one safetensors file, atomically."""
        sizes = {"visible": self.visible, "hidden": list(self.hidden), "labels": self.labels}
        return write(path, "DBM", self, **sizes)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DBM:
        """Read what `save` wrote. Raises CheckpointError for another kind of file."""
        return read(
            path, "DBM", "deep Boltzmann machine",
            lambda _, sizes: cls(sizes["visible"], sizes["hidden"], sizes["labels"]),
        )  # fmt: skip


class _Climb:
    """A machine in training: its chains, and the means that gradients are centred at."""

    def __init__(self, dbm: DBM, learning: Learning, x: Array, y: Array, rounds: int) -> None:
        self.dbm, self.learning, self.rounds = dbm, learning, rounds
        self.updates = 0
        self.total = learning.epochs * -(-len(x) // learning.batch_size)
        means = [x.mean(axis=0), *(np.full(h, 0.5, np.float32) for h in dbm.hidden), _mean(y)]
        self.means = [mean * np.float32(learning.centred) for mean in means]  # of v, h1, h2, y
        if not dbm.parameters["b"].any():  # a machine without experience begins with the mean
            p = np.clip(_mean(x), 0.01, 0.99)
            dbm.parameters["b"][...] = np.log(p / (1 - p))
        self.dreams = dbm.start(learning.chains, random.derive(learning.seed, _CHAINS))

    def update(self, v: Array, y: Array) -> float:
        """One step uphill; the mean squared error of v brought back."""
        dbm, learning = self.dbm, self.learning
        draw = random.derive(learning.seed, _STEP, self.updates)
        seen = dbm.mean_field(flip(v, draw) if learning.binarise else v, y, self.rounds)
        dreamt = self.dreams = dbm.gibbs(self.dreams, draw, learning.steps)
        if learning.centred:
            for mean, now in zip(self.means[1:3], (seen.h1, seen.h2), strict=True):
                mean += np.float32(learning.slide) * (now.mean(axis=0) - mean)
        share = self.updates / max(self.total, 1)
        lr = np.float32(learning.lr * (1 - share * (1 - learning.last_lr)))
        for name, slope in self._gradient(seen, dreamt).items():
            decay = learning.weight_decay if slope.ndim == 2 else 0.0
            dbm.parameters[name] += lr * (slope - np.float32(decay) * dbm.parameters[name])
        self.updates += 1
        return float(np.mean((sigmoid(dbm.into_visible(seen.h1)) - seen.v) ** 2))

    def _gradient(self, seen: Layers, dreamt: Layers) -> dict[str, Array]:
        """Centred: <(a - m)(b - l)^T> over the data less over the dreams; biases follow."""
        mv, m1, m2, my = self.means
        w1 = _apart(seen.v, seen.h1, mv, m1) - _apart(dreamt.v, dreamt.h1, mv, m1)
        w2 = _apart(seen.h1, seen.h2, m1, m2) - _apart(dreamt.h1, dreamt.h2, m1, m2)
        u = _apart(seen.y, seen.h2, my, m2) - _apart(dreamt.y, dreamt.h2, my, m2)
        return {
            "w1": w1,
            "w2": w2,
            "u": u,
            "b": _mean(seen.v) - _mean(dreamt.v) - w1 @ m1,
            "c1": _mean(seen.h1) - _mean(dreamt.h1) - mv @ w1 - w2 @ m2,
            "c2": _mean(seen.h2) - _mean(dreamt.h2) - m1 @ w2 - my @ u,
            "d": _mean(seen.y) - _mean(dreamt.y) - u @ m2,
        }


def one_of(odds: Array, draw: Generator) -> Array:
    """One-hot draws from softmax(odds): the largest after Gumbel noise. (N, L), L may be 0."""
    if not odds.shape[1]:
        return odds
    chosen = (odds + draw.gumbel(size=odds.shape)).argmax(axis=1)
    return np.eye(odds.shape[1], dtype=np.float32)[chosen]


def _mean(x: Array) -> Array:
    return np.asarray(x.mean(axis=0), np.float32)


def _apart(a: Array, b: Array, a_mean: Array, b_mean: Array) -> Array:
    """The mean over examples of (a - a_mean) (b - b_mean)^T."""
    return np.asarray((a - a_mean).T @ (b - b_mean) / len(a), np.float32)


def _x_log_x(p: Array) -> Array:
    product: Array = p * np.log(np.maximum(p, np.float32(1e-30)))
    return product
