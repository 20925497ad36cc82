"""How a Boltzmann machine learns: what it sees becomes more likely, what it dreams less.

    d log p(v) / dW = <v h> with v from the data  -  <v h> with v from the machine itself

The first mean is exact, p(h | v) being known. The second is taken over samples, and the ways of
learning differ in where these come from:

    "cd"   k steps of Gibbs sampling from the data [Hinton 2002]; quick, blind to far-away dreams
    "pcd"  chains that go on from update to update [Tieleman 2008]; the dreams are the machine's own
    "pt"   such chains at several temperatures that change places [Desjardins et al. 2010; Cho,
           Raiko, Ilin 2010]; the hot ones cross from mode to mode

Gradients are centred: with offsets m and l, the means of visible and hidden units, W joins v - m
and h - l, so that a weight no longer moves what its units do on average. The machine stays the same
family, only its coordinates change [Melchior, Fischer, Wiskott 2016, "How to center deep Boltzmann
machines", algorithm 1].

Chains that go on push the machine to and fro around where it would come to rest; the mean of its
weights over the last updates is nearer to there than any of them [Polyak & Juditsky 1992,
"Acceleration of stochastic approximation by averaging"; for Boltzmann machines Swersky et al. 2010,
"A tutorial on stochastic approximation algorithms for training RBMs and DBNs"].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from glassnet import random
from glassnet.dreams.rbm import RBM, Array, Generator, State, flip
from glassnet.dreams.sampling import sum_of_products
from glassnet.errors import GlassnetError, ShapeError
from glassnet.kernels import dispatch
from glassnet.optim.sgd import sgd_update

METHODS = ("cd", "pcd", "pt")
Row = dict[str, float]
WEIGHTS, BIASES = ("weight", "label_weight"), ("visible_bias", "hidden_bias", "label_bias")
_ORDER, _STEP, _CHAINS = 0x0D, 0x57, 0xC4


@dataclass
class Learning:
    """The settings of `fit`, and what came of it.

    method        "cd", "pcd" or "pt"; steps  of Gibbs sampling for each update
    lr            the learning rate, which falls to `last_lr` times itself in a straight line
    chains        of "pcd" and "pt" (for each temperature); temperatures  of "pt", from 1 down to 0
    centred       whether gradients are centred; slide  how fast the offsets follow, 0..1
    average       the last part of all updates, 0..1, over which the weights that stay are averaged
    momentum, weight_decay   as in `optim.SGD`, the decay on weights alone
    sparsity      the mean activity that hidden units are pulled to, or None; by `sparsity_cost`
    binarise      draw each pixel anew from its intensity in each epoch; else take intensities
    history       a row an epoch: reconstruction error, free energies of training and held-out data
                  and their gap, which grows when the machine learns by heart
    """

    method: str = "pcd"
    steps: int = 1
    epochs: int = 10
    batch_size: int = 100
    lr: float = 0.05
    last_lr: float = 0.0
    chains: int = 100
    temperatures: int = 10
    centred: bool = True
    slide: float = 0.01
    average: float = 0.0
    momentum: float = 0.0
    weight_decay: float = 0.0
    sparsity: float | None = None
    sparsity_cost: float = 0.1
    binarise: bool = False
    seed: int = 0
    history: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise GlassnetError(f"method is '{self.method}'; expected one of {', '.join(METHODS)}")
        if min(self.steps, self.batch_size, self.chains) < 1 or self.epochs < 0:
            raise GlassnetError(
                "steps, batch_size and chains must be at least 1, epochs at least 0"
            )
        if not 0 <= self.average <= 1:
            raise GlassnetError(f"average is a part of all updates, 0 to 1; got {self.average}")


def fit(
    rbm: RBM,
    x: ArrayLike,
    y: ArrayLike | None = None,
    validation: ArrayLike | None = None,
    watch: Callable[[int, Row], None] | None = None,
    **settings: Any,
) -> Learning:
    """Teach `rbm` the examples x (N, V), with labels y (N,) where it has label units.

    validation  held-out examples for the free-energy gap; watch(epoch, row) is called after each
    epoch; settings are those of `Learning`. Two calls with the same machine, data and settings give
    the same weights. Raises GlassnetError for settings that mean nothing, ShapeError for examples
    that do not fit.
    """
    learning = Learning(**settings)
    examples, labels = rbm.examples(x), one_hot(rbm.labels, y, len(np.asarray(x)))
    held_out = None if validation is None else rbm.examples(validation)
    if len(examples) == 0:
        raise GlassnetError("there are no examples to learn from")
    trainer = Trainer(rbm, learning, examples)
    for epoch in range(1, learning.epochs + 1):
        for batch in trainer.batches(epoch, examples, labels):
            trainer.update(*batch)
        if epoch == learning.epochs:
            trainer.settle()
        row = {"epoch": float(epoch), "reconstruction": _reconstruction(rbm, examples, labels)}
        row |= _free_energies(rbm, examples, held_out)
        learning.history.append(row)
        if watch is not None:
            watch(epoch, row)
    return learning


def one_hot(classes: int, y: ArrayLike | None, count: int) -> Array:
    """Labels y (count,) as label units (count, classes); without label units (count, 0).

    Raises ShapeError where a machine with label units gets other labels, or none.
    """
    if not classes:
        return np.zeros((count, 0), np.float32)
    if y is None:
        raise ShapeError(
            f"the machine has {classes} label units; "
            f"give the labels y from 0 to {classes - 1}, (N,)"
        )
    labels = np.asarray(y)
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
        raise ShapeError(
            f"expected {count} labels from 0 to {classes - 1}, got shape {labels.shape}"
        )
    return np.eye(classes, dtype=np.float32)[labels]


def _reconstruction(rbm: RBM, x: Array, y: Array, most: int = 1000) -> float:
    """The mean squared difference of v and p(v | p(h | v)), over the first examples."""
    x, y = x[:most], y[:most]
    return float(np.mean((rbm.p_visible(rbm.p_hidden(x, y)) - x) ** 2, dtype=np.float64))


def _free_energies(rbm: RBM, x: Array, held_out: Array | None, most: int = 1000) -> Row:
    """Mean free energies; the gap is that of the held-out less that of as many training data."""
    trained = float(rbm.free_energy(x[:most]).mean(dtype=np.float64))
    if held_out is None:
        return {"free_energy": trained}
    apart = float(rbm.free_energy(held_out[:most]).mean(dtype=np.float64))
    return {"free_energy": trained, "held_out_free_energy": apart, "gap": apart - trained}


class Trainer:
    """One machine in training: its chains, its offsets, its momenta."""

    def __init__(self, rbm: RBM, learning: Learning, x: Array) -> None:
        self.rbm, self.learning = rbm, learning
        self.updates = 0
        self.total = learning.epochs * math.ceil(len(x) / learning.batch_size)
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.visible_mean = mean if learning.centred else np.zeros_like(mean)
        self.hidden_mean = np.full(rbm.hidden, 0.5 * learning.centred, np.float32)
        if not rbm.visible_bias.any():  # a machine without experience begins with the mean
            p = np.clip(mean, 0.01, 0.99)
            rbm.visible_bias[...] = mean if rbm.gaussian else np.log(p / (1 - p))
        self.velocity = {name: np.zeros_like(p) for name, p in rbm.parameters.items()}
        self.sums: dict[str, Any] = {}  # of the weights over the last updates, in float64
        self.summed = 0
        self.draw = random.derive(learning.seed, _STEP)
        draw = random.derive(learning.seed, _CHAINS)
        self.dreams = [rbm.start(learning.chains, draw) for _ in range(self._replicas)]

    @property
    def _replicas(self) -> int:
        return {"cd": 0, "pcd": 1, "pt": self.learning.temperatures}[self.learning.method]

    def batches(self, epoch: int, x: Array, y: Array) -> Iterator[tuple[Array, Array]]:
        """An epoch's batches in their order; binarised anew where that was asked for."""
        draw = random.derive(self.learning.seed, _ORDER, epoch)
        order = draw.permutation(len(x))
        for start in range(0, len(x), self.learning.batch_size):
            rows = order[start : start + self.learning.batch_size]
            v = flip(x[rows], draw) if self.learning.binarise else x[rows]
            yield v, y[rows]

    def update(self, v: Array, y: Array) -> None:
        """One update from a batch."""
        seen, dreamt = self._seen_and_dreamt(v, y, self.draw)
        if self.learning.centred:
            slide = np.float32(self.learning.slide)
            self.hidden_mean += slide * (mean(seen.h) - self.hidden_mean)
        self._climb(seen, dreamt)
        self.updates += 1
        if self.updates > (1 - self.learning.average) * self.total:
            self.summed += 1
            for name, p in self.rbm.parameters.items():
                self.sums[name] = self.sums.get(name, 0.0) + p.astype(np.float64)

    def settle(self) -> None:
        """Leave the machine with its mean over the last updates, where that was asked for."""
        if self.summed:
            for name, p in self.rbm.parameters.items():
                p[...] = self.sums[name] / self.summed

    def _seen_and_dreamt(self, v: Array, y: Array, draw: Generator) -> tuple[State, State]:
        """A batch and as many samples of the machine, hidden units as their chances."""
        rbm, learning = self.rbm, self.learning
        if learning.method == "cd":
            h, p = rbm.hidden_and_chance(v, y, draw)
            state = rbm.gibbs(State(v, h, y), draw, learning.steps - 1)
            v1, y1 = rbm.sample_visible(state.h, draw), rbm.sample_label(state.h, draw)
            return State(v, p, y), State(v1, rbm.p_hidden(v1, y1), y1)
        if learning.method == "pt":
            temper(rbm, self.dreams, draw, learning.steps)
            state = self.dreams[0]
            return State(v, rbm.p_hidden(v, y), y), State(
                state.v, rbm.p_hidden(state.v, state.y), state.y
            )
        state = rbm.gibbs(self.dreams[0], draw, learning.steps - 1)
        v1, y1 = rbm.sample_visible(state.h, draw), rbm.sample_label(state.h, draw)
        h, p = rbm.hidden_and_chance(v1, y1, draw)
        self.dreams[0] = State(v1, h, y1)
        return State(v, rbm.p_hidden(v, y), y), State(v1, p, y1)

    def _climb(self, seen: State, dreamt: State) -> None:
        """Add the gradient: W by the centred one, biases with what that moves at the offsets."""
        learning = self.learning
        gradient = self._gradient(seen, dreamt)
        share = self.updates / max(self.total, 1)
        lr = learning.lr * (1 - share * (1 - learning.last_lr))
        own, decay = self.rbm.parameters, learning.weight_decay
        groups = [(WEIGHTS, decay), (BIASES, 0.0)] if decay else [(WEIGHTS + BIASES, 0.0)]
        for group, decay in groups:
            names = [name for name in group if name in gradient]
            p, g, b = ([held[n] for n in names] for held in (own, gradient, self.velocity))
            _descend(p, g, b, self.updates + 1, lr, learning.momentum, decay)

    def _gradient(self, seen: State, dreamt: State) -> dict[str, Array]:
        """The way down, -d log p / d parameter, of each.

        With W joining v - m and h - l the mean of (v - m)(h - l)^T over the data less that over
        the dreams is  <v h^T> - <v h^T>'  - m (<h> - <h>')^T - (<v> - <v>') l^T.
        """
        dh, centred = mean(dreamt.h) - mean(seen.h), self.learning.centred
        gradient, hidden = {}, dh - self._pull(seen.h)
        sides = [("weight", "visible_bias", "v", self.visible_mean)]
        if self.rbm.labels:
            sides.append(("label_weight", "label_bias", "y", np.zeros(self.rbm.labels, np.float32)))
        for weight, bias, units, m in sides:
            own, theirs = getattr(seen, units), getattr(dreamt, units)
            down = mean(theirs) - mean(own)
            terms = [(own, seen.h, -1 / len(own)), (theirs, dreamt.h, 1 / len(theirs))]
            if centred:
                terms.append((np.stack([m, down]), np.stack([dh, self.hidden_mean]), -1.0))
            gradient[weight] = dw = sum_of_products(terms)
            gradient[bias] = down - dw @ self.hidden_mean if centred else down
            hidden = hidden - m @ dw if centred else hidden
        return gradient | {"hidden_bias": hidden}

    def _pull(self, h: Array) -> Array:
        """Towards the wanted activity: the cross-entropy's gradient [Lee et al. 2008]."""
        wanted = self.learning.sparsity
        if wanted is None:
            return np.zeros(self.rbm.hidden, np.float32)
        pull: Array = np.float32(self.learning.sparsity_cost) * (np.float32(wanted) - mean(h))
        return pull


def mean(x: Array) -> Array:
    """The mean of the rows, as a product of matrices, which is the fastest way to it."""
    total: Array = np.full(len(x), 1 / len(x), np.float32) @ x
    return total


def _descend(
    p: list[Array], g: list[Array], b: list[Array], step: int, lr: float, momentum: float,
    decay: float,
) -> None:  # fmt: skip
    """A step of SGD, compiled where that is there."""
    others: Iterable[int] = range(len(p))
    if found := dispatch.update("sgd_update"):
        update, table = found[0], found[1](p, [b])
        update(table, g, step, lr, momentum, weight_decay=decay)
        others = table.others
    for i in others:
        sgd_update(p[i], g[i], b[i], step, lr, momentum, weight_decay=decay)


def temper(rbm: RBM, replicas: list[State], draw: Generator, steps: int) -> None:
    """Gibbs steps at temperatures 1 / beta, beta from 1 down to 0, then exchanges of neighbours.

    At beta all energies but those of the visible and label biases are beta times as large.
    Replicas of betas a > b change places with probability min(1, exp((a - b)(F'(v_a) - F'(v_b)))),
    with F' = -d log p*_beta(v) / d beta; here by the energies with their hidden units. In place.
    """
    betas = np.linspace(1, 0, len(replicas), dtype=np.float32)
    for i, beta in enumerate(betas):
        replicas[i] = rbm.gibbs(replicas[i], draw, steps, float(beta))
    couplings = [_coupling(rbm, state) for state in replicas]
    for i in (*range(0, len(replicas) - 1, 2), *range(1, len(replicas) - 1, 2)):
        gain = (betas[i] - betas[i + 1]) * (couplings[i] - couplings[i + 1])
        swap = np.log(draw.random(len(gain), dtype=np.float32) + np.float32(1e-38)) < gain
        one, other = replicas[i], replicas[i + 1]
        pairs = [(getattr(one, name), getattr(other, name)) for name in ("v", "h", "y")]
        for a, b in (*pairs, (couplings[i], couplings[i + 1])):
            a[swap], b[swap] = b[swap], a[swap].copy()


def _coupling(rbm: RBM, state: State) -> Array:
    """The part of the energy that beta scales: - v W h - y U h - h c."""
    energy: Array = -(rbm.hidden_input(state.v, state.y) * state.h).sum(axis=1)
    return energy
