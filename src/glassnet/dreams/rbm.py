"""The restricted Boltzmann machine: what it believes, and how it samples.

    N examples, V visible units, L label units (0 or more), H hidden units
    v (N, V) in 0..1, or real numbers where visible units are Gaussian; y (N, L) one-hot; h (N, H)
    W (V, H), b (V), c (H); label units have U (L, H) and d (L)

    E(v, h, y) = - v W h - v b - h c - y U h - y d           (Gaussian: |v - b|^2 / 2 for - v b)
    p(v, h, y) = exp(-E) / Z

No unit is joined to another of its own layer, so all hidden units are independent given the visible
ones, and the other way round: each layer is sampled at one stroke. [Smolensky 1986, "Information
processing in dynamical systems"; Hinton 2002, "Training products of experts by minimizing
contrastive divergence"; Gaussian units: Hinton & Salakhutdinov 2006; labels: Larochelle & Bengio
2008, "Classification using discriminative restricted Boltzmann machines"]
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.dreams.sampling import bernoulli, product
from glassnet.dreams.sampling import sigmoid as sigmoid
from glassnet.dreams.saved import Arrays, read, write
from glassnet.errors import DataError, GlassnetError, ShapeError

Array = NDArray[np.float32]
Generator = np.random.Generator


def softplus(x: NDArray[Any]) -> NDArray[Any]:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softmax(x: Array) -> Array:
    """exp(x_k) / sum over j of exp(x_j), over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    y: Array = e / e.sum(axis=-1, keepdims=True)
    return y


def binarise(x: ArrayLike, seed: int = 0) -> Array:
    """Each pixel 1 with its intensity as probability: x in 0..1 or uint8 -> float32 0 and 1.

    One draw, decided by the seed. Log-likelihoods of data that were binarised in another way are
    tens of nats apart, so the seed is told with every figure. Raises DataError for other values.
    """
    values = np.asarray(x)
    if values.dtype == np.uint8:
        values = values / np.float32(255)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise DataError(
            f"binarise() takes intensities from 0 to 1 or bytes, got {values.min()} to "
            f"{values.max()}; scale them first"
        )
    draws = np.random.default_rng((seed, 0xB1)).random(values.shape, dtype=np.float32)
    return (draws < values).astype(np.float32)


@dataclass
class State:
    """What all units are at one moment: v (N, V), h (N, H), y (N, L)."""

    v: Array
    h: Array
    y: Array


class RBM:
    """A restricted Boltzmann machine with fresh weights: normal, deviation 0.01.

    visible   V; hidden H; labels L
    gaussian  visible units are real numbers of deviation 1 around their mean; else 0 and 1
    seed      of the first weights

    `fit`, `transform` and `score_samples` are those of scikit-learn's estimators. Raises
    GlassnetError for a size that is none.
    """

    weight: Array
    visible_bias: Array
    hidden_bias: Array
    label_weight: Array
    label_bias: Array

    def __init__(
        self, visible: int, hidden: int, labels: int = 0, gaussian: bool = False, seed: int = 0
    ) -> None:
        if visible < 1 or hidden < 1 or labels < 0:
            raise GlassnetError(
                f"a Boltzmann machine needs visible and hidden units, got {visible} and {hidden} "
                f"(and {labels} labels)"
            )
        self.visible, self.hidden, self.labels, self.gaussian = visible, hidden, labels, gaussian
        draw = np.random.default_rng((seed, 0x4B))
        self.weight = _small(draw, visible, hidden)
        self.visible_bias = np.zeros(visible, np.float32)
        self.hidden_bias = np.zeros(hidden, np.float32)
        self.label_weight = _small(draw, labels, hidden)
        self.label_bias = np.zeros(labels, np.float32)
        self._turned: Array | None = None  # W^T, while the weights are at rest

    def __repr__(self) -> str:
        labels = f", labels={self.labels}" if self.labels else ""
        kind = ", gaussian=True" if self.gaussian else ""
        return f"RBM(visible={self.visible}, hidden={self.hidden}{labels}{kind})"

    # -- what it believes --------------------------------------------------------------------------
    def hidden_input(self, v: Array, y: Array | None = None) -> Array:
        """c + v W + y U, the log odds of each hidden unit: (N, V), (N, L) or None -> (N, H)."""
        total = self.fed_hidden(v, y)
        total += self.hidden_bias
        return total

    def fed_hidden(self, v: Array, y: Array | None) -> Array:
        """v W + y U."""
        total = product(v, self.weight)
        if y is not None and self.labels:
            total += y @ self.label_weight
        return total

    def fed_visible(self, h: Array) -> Array:
        """W h, from all hidden units to each visible one: (N, H) -> (N, V)."""
        return h @ self.weight.T if self._turned is None else product(h, self._turned)

    def p_hidden(self, v: Array, y: Array | None = None) -> Array:
        """p(h = 1 | v, y) = sigmoid(c + v W + y U): (N, H)."""
        return sigmoid(self.hidden_input(v, y))

    def p_visible(self, h: Array) -> Array:
        """p(v = 1 | h) = sigmoid(b + W h), or the mean b + W h of Gaussian units: (N, V)."""
        mean = h @ self.weight.T + self.visible_bias
        return mean if self.gaussian else sigmoid(mean)

    def p_label(self, h: Array) -> Array:
        """p(y = k | h) = softmax(d + U h): (N, L)."""
        return softmax(h @ self.label_weight.T + self.label_bias)

    def energy(self, state: State) -> Array:
        """E(v, h, y) of each example: (N,)."""
        v, h, y = state.v, state.h, state.y
        joined = ((v @ self.weight + y @ self.label_weight + self.hidden_bias) * h).sum(axis=1)
        energy: Array = self._visible_energy(v) - y @ self.label_bias - joined
        return energy

    def free_energy(self, v: Array, y: Array | None = None) -> Array:
        """F(v) = -log sum over h of exp(-E) = - v b - sum of softplus(c + v W): (N,).

        With labels and no y, they are summed over too. p(v) = exp(-F(v)) / Z.
        """
        if self.labels and y is None:
            each = [self.free_energy(v, row) for row in self._each_label(len(v))]
            lowest = np.min(each, axis=0)
            total: Array = lowest - np.log(np.exp(lowest - np.stack(each)).sum(axis=0))
            return total
        free = self._visible_energy(v) - softplus(self.hidden_input(v, y)).sum(axis=1)
        return free if y is None else free - y @ self.label_bias

    def p_class(self, v: Array) -> Array:
        """p(y | v) = softmax over k of -F(v, k), exactly: (N, L)."""
        each = [-self.free_energy(v, row) for row in self._each_label(len(v))]
        return softmax(np.stack(each, axis=1))

    def _visible_energy(self, v: Array) -> Array:
        if self.gaussian:
            off = v - self.visible_bias
            half: Array = (off * off).sum(axis=1) / 2
            return half
        return -(v @ self.visible_bias)

    def _each_label(self, count: int) -> list[Array]:
        """For each label k, (N, L) with k in every row."""
        return [np.tile(row, (count, 1)) for row in np.eye(self.labels, dtype=np.float32)]

    # -- sampling ----------------------------------------------------------------------------------
    # beta is an inverse temperature: the energies of all but the visible and label biases times it
    def sample_hidden(self, v: Array, y: Array | None, draw: Generator, beta: float = 1) -> Array:
        """h ~ p(h | v, y), of 0 and 1."""
        return bernoulli(self.fed_hidden(v, y), self._bias(beta), draw, beta)[0]

    def hidden_and_chance(self, v: Array, y: Array | None, draw: Generator) -> tuple[Array, Array]:
        """h ~ p(h | v, y), and p(h = 1 | v, y)."""
        h, p = bernoulli(self.fed_hidden(v, y), self.hidden_bias, draw, chances=True)
        assert p is not None
        return h, p

    def _bias(self, beta: float) -> Array:
        return self.hidden_bias if beta == 1 else np.float32(beta) * self.hidden_bias

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Within the block the weights stay as they are: W^T is kept, and chains run faster."""
        self._turned = np.ascontiguousarray(self.weight.T)
        try:
            yield
        finally:
            self._turned = None

    def sample_visible(self, h: Array, draw: Generator, beta: float = 1) -> Array:
        """v ~ p(v | h)."""
        fed = self.fed_visible(h)
        if not self.gaussian:
            return bernoulli(fed, self.visible_bias, draw, beta)[0]
        return self.visible_around(np.float32(beta) * fed + self.visible_bias, draw)

    def visible_around(self, x: Array, draw: Generator) -> Array:
        """Visible units with the log odds x, or around the mean x where they are Gaussian."""
        if not self.gaussian:
            return bernoulli(x, np.zeros(self.visible, np.float32), draw)[0]
        noisy: Array = x + draw.standard_normal(x.shape, dtype=np.float32)
        return noisy

    def sample_label(self, h: Array, draw: Generator, beta: float = 1) -> Array:
        """y ~ p(y | h), one-hot: (N, L)."""
        if not self.labels:
            return np.zeros((len(h), 0), np.float32)
        edges = self.p_label(h if beta == 1 else np.float32(beta) * h).cumsum(axis=1)
        chosen = (draw.random((len(h), 1), dtype=np.float32) * edges[:, -1:] > edges).sum(axis=1)
        return np.eye(self.labels, dtype=np.float32)[np.minimum(chosen, self.labels - 1)]

    def gibbs(self, state: State, draw: Generator, steps: int = 1, beta: float = 1) -> State:
        """`steps` times: visible and label units given the hidden ones, then hidden ones anew."""
        for _ in range(steps):
            v, y = self.sample_visible(state.h, draw, beta), self.sample_label(state.h, draw, beta)
            state = State(v, self.sample_hidden(v, y, draw, beta), y)
        return state

    def start(self, count: int, draw: Generator) -> State:
        """Chains that begin with visible units by their biases alone."""
        v = self.visible_around(np.tile(self.visible_bias, (count, 1)), draw)
        y = self.sample_label(np.zeros((count, self.hidden), np.float32), draw)
        return State(v, self.sample_hidden(v, y, draw), y)

    # -- as an estimator ---------------------------------------------------------------------------
    def fit(self, x: ArrayLike, y: ArrayLike | None = None, **options: Any) -> Self:
        """Learn from x (N, V), and labels y (N,) where there are label units; see `learn.fit`."""
        from glassnet.dreams.learn import fit

        fit(self, x, y, **options)
        return self

    def transform(self, x: ArrayLike) -> Array:
        """p(h = 1 | v): features of x (N, V) -> (N, H). Label units, unknown here, are left out."""
        return self.p_hidden(self.examples(x))

    def score_samples(self, x: ArrayLike) -> Array:
        """-F(v) = log p(v) + log Z of each example: (N,)."""
        return -self.free_energy(self.examples(x))

    def examples(self, x: ArrayLike) -> Array:
        """x as (N, V) float32; images are flattened. Raises ShapeError and DataError."""
        values = np.asarray(x)
        if values.ndim > 2:
            values = values.reshape(len(values), -1)
        if values.ndim != 2 or values.shape[1] != self.visible:
            raise ShapeError(
                f"expected examples (N, {self.visible}), got {np.shape(x)}; the machine has "
                f"{self.visible} visible units"
            )
        if values.dtype == np.uint8:
            values = values / np.float32(255)
        made: Array = np.ascontiguousarray(values, np.float32)
        if not np.isfinite(made).all():
            raise DataError("the examples hold NaN or infinity")
        if not self.gaussian and made.size and not (made.min() >= 0 and made.max() <= 1):
            raise DataError(
                f"Bernoulli units take numbers from 0 to 1, got {made.min():g} to {made.max():g}; "
                f"scale the data, or make the machine with gaussian=True"
            )
        return made

    # -- files ------------------------------------------------------------------------------------
    @property
    def parameters(self) -> dict[str, Array]:
        """Name -> array, the machine's own."""
        names = ("weight", "visible_bias", "hidden_bias", "label_weight", "label_bias")
        return {name: getattr(self, name) for name in names}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to one safetensors file, atomically."""
        return write(path, "RBM", self, gaussian=self.gaussian)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RBM:
        """Read what `save` wrote. Raises CheckpointError for another kind of file."""

        def make(arrays: Arrays, about: Any) -> RBM:
            visible, hidden = arrays["weight"].shape
            return cls(visible, hidden, len(arrays["label_bias"]), about["gaussian"])

        return read(path, "RBM", "Boltzmann machine", make)


def flip(p: Array, draw: Generator) -> Array:
    """1 with probability p, else 0."""
    return (draw.random(p.shape, dtype=np.float32) < p).astype(np.float32)


def _small(draw: Generator, *shape: int) -> Array:
    return draw.standard_normal(shape, dtype=np.float32) * np.float32(0.01)
