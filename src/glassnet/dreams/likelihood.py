"""How likely a machine finds data: log p(v) = -F(v) - log Z, and the ways to log Z.

Z sums over all states and is out of reach beyond some twenty hidden units. Annealed importance
sampling walks from a machine whose Z is known (no weights, visible biases by the data) through
many in between to the machine itself, and weighs each walk. On average its weights are Z / Z_0
exactly, so the logarithm of their mean is too small on average: the likelihood looks too good.
Walked backwards, from samples of the machine, the same weights give an estimate that is too large.
The two together make a bracket. Samples of the machine are not to be had exactly: the backward
walk begins with those of long tempered chains, and its figure is an estimate, no bound.

[Neal 2001, "Annealed importance sampling"; Salakhutdinov & Murray 2008, "On the quantitative
analysis of deep belief networks", section 4; backwards: Burda, Grosse, Salakhutdinov 2015,
"Accurate and conservative estimates of MRF log-likelihood using reverse annealing"]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import random
from glassnet.dreams.learn import temper
from glassnet.dreams.rbm import RBM, Array, Generator, State, softplus
from glassnet.dreams.sampling import anneal, bernoulli
from glassnet.errors import GlassnetError

Floats = NDArray[np.float64]

MOST_HIDDEN = 20  # 2^20 states are summed
AT_ONCE = 1 << 12  # of them
_FORWARD, _BACKWARD, _CHAINS = 0xA15, 0xA16, 0xA17


# -- exactly ---------------------------------------------------------------------------------------
def exact_log_z(rbm: RBM) -> float:
    """log Z by summing over all 2^H states of the hidden units.

    Z = sum over h of exp(h c) product over i of (1 + exp(b_i + W_i h)), times the same sum over
    labels; Gaussian units give sqrt(2 pi)^V exp(b W h + |W h|^2 / 2). Raises GlassnetError beyond
    20 hidden units.
    """
    if rbm.hidden > MOST_HIDDEN:
        raise GlassnetError(
            f"log Z is summed over 2^hidden states, for at most {MOST_HIDDEN} hidden units; this "
            f"machine has {rbm.hidden}: use bracket()"
        )
    parts = []
    for first in range(0, 1 << rbm.hidden, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, 1 << rbm.hidden))
        h = (numbers[:, None] >> np.arange(rbm.hidden) & 1).astype(np.float64)
        parts.append(_log_sum(_log_weight_of_hidden(rbm, h)))
    return float(_log_sum(np.array(parts)))


def _log_weight_of_hidden(rbm: RBM, h: Floats) -> Floats:
    """log of the sum over v and y of exp(-E(v, h, y)): (N, H) -> (N,)."""
    fed = h @ rbm.weight.T.astype(np.float64)  # (N, V)
    b = rbm.visible_bias.astype(np.float64)
    total: Floats = h @ rbm.hidden_bias.astype(np.float64)
    if rbm.gaussian:
        total = total + rbm.visible * np.log(2 * np.pi) / 2 + (fed * b + fed * fed / 2).sum(axis=1)
    else:
        total = total + softplus(fed + b).sum(axis=1)
    if rbm.labels:
        total = total + _log_sum(h @ rbm.label_weight.T + rbm.label_bias)
    return total


def _log_sum(x: NDArray[Any]) -> Any:
    """log of the sum of exp over the last axis."""
    top = x.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]


# -- annealing -------------------------------------------------------------------------------------
class Path:
    """The machines between one whose Z is known and `rbm`.

    At beta the energy is - v (b_0 + beta (b - b_0)) - y d - beta (v W h + y U h + h c): at 0 all
    units are on their own. base  b_0 (V,), the log odds of the visible units there, near to those
    in the data if the walks are to be short; by itself b.
    """

    def __init__(self, rbm: RBM, base: Array | None = None) -> None:
        self.rbm = rbm
        self.base = rbm.visible_bias if base is None or rbm.gaussian else base
        self.apart = rbm.visible_bias - self.base

    def log_z_0(self) -> float:
        """log Z at beta = 0: visible and label units on their own, hidden ones by a coin."""
        rbm = self.rbm
        units = rbm.visible * math.log(2 * math.pi) / 2 if rbm.gaussian else softplus(self.base)
        labels = _log_sum(rbm.label_bias.astype(np.float64)) if rbm.labels else 0.0
        return float(np.sum(units, dtype=np.float64) + labels + rbm.hidden * math.log(2))

    def start(self, count: int, draw: Generator) -> State:
        """Samples at beta = 0."""
        rbm = self.rbm
        v = rbm.visible_around(np.tile(self.base, (count, 1)), draw)
        y = rbm.sample_label(np.zeros((count, rbm.hidden), np.float32), draw)
        coin = np.zeros((count, rbm.hidden), np.float32)
        return State(v, bernoulli(coin, np.zeros(rbm.hidden, np.float32), draw)[0], y)

    def visible(self, h: Array, beta: float, draw: Generator) -> Array:
        """v ~ p(v | h) at beta."""
        share = np.float32(beta)
        fed, bias = self.rbm.fed_visible(h), self.base + share * self.apart
        if self.rbm.gaussian:
            return self.rbm.visible_around(share * fed + bias, draw)
        return bernoulli(fed, bias, draw, beta)[0]

    def walk(self, state: State, betas: Floats, draw: Generator) -> Floats:
        """The sum over a walk's steps of log p*_next(v) - log p*_now(v): (N,)."""
        rbm, total = self.rbm, np.zeros(len(state.v))
        with rbm.at_rest():
            for now, following in pairwise(betas.tolist()):
                fed = rbm.fed_hidden(state.v, state.y)
                h, gain = anneal(fed, rbm.hidden_bias, draw, now, following)
                total += gain + (following - now) * (state.v @ self.apart)
                v = self.visible(h, following, draw)
                state = State(v, h, rbm.sample_label(h, draw, following))
        return total


def log_odds(x: Array) -> Array:
    """Of the mean of each visible unit, log(p / (1 - p)), p no nearer to 0 and 1 than 1/1000."""
    p = np.clip(x.mean(axis=0, dtype=np.float64), 1e-3, 1 - 1e-3)
    odds: Array = np.log(p / (1 - p)).astype(np.float32)
    return odds


def schedule(steps: int) -> Floats:
    """The betas of a walk, from 0 to 1, closer together towards 1, as in the 2008 paper:
    a thirtieth of the steps up to 0.5, two fifteenths up to 0.9, the others beyond."""
    early, middle = max(steps // 29, 1), max(4 * steps // 29, 1)
    late = max(steps - early - middle, 1)
    parts = [
        np.linspace(0, 0.5, early, endpoint=False),
        np.linspace(0.5, 0.9, middle, endpoint=False),
    ]
    return np.concatenate([*parts, np.linspace(0.9, 1, late + 1)])


def ais(
    rbm: RBM, walks: int = 100, steps: int = 14_500, seed: int = 0, base: Array | None = None
) -> Floats:
    """An estimate of log Z from each of `walks` walks forward: (walks,).

    log of the mean of their exponentials estimates log Z, and is too small on average. base: see
    `Path`.
    """
    draw, path = random.derive(seed, _FORWARD), Path(rbm, base)
    return path.walk(path.start(walks, draw), schedule(steps), draw) + path.log_z_0()


def reverse_ais(
    rbm: RBM,
    walks: int = 100,
    steps: int = 14_500,
    seed: int = 0,
    samples: State | None = None,
    rounds: int = 2000,
    base: Array | None = None,
) -> Floats:
    """As `ais`, from samples of the machine back to beta = 0: (walks,), log Z from each walk.

    samples  of the machine, `walks` of them; by default the ends of tempered chains of `rounds`
    rounds. -log of the mean of exp(-each) estimates log Z, too large on average where the samples
    are exact.
    """
    draw, path = random.derive(seed, _BACKWARD), Path(rbm, base)
    state = samples or tempered_samples(rbm, walks, rounds, seed=seed)
    return path.log_z_0() - path.walk(state, schedule(steps)[::-1], draw)


def tempered_samples(
    rbm: RBM, count: int, rounds: int = 2000, temperatures: int = 20, seed: int = 0
) -> State:
    """Ends of `count` chains at temperature 1 that exchanged places with hotter ones."""
    draw = random.derive(seed, _CHAINS)
    replicas = [rbm.start(count, draw) for _ in range(temperatures)]
    with rbm.at_rest():
        for _ in range(rounds):
            temper(rbm, replicas, draw, 1)
    return replicas[0]


@dataclass(frozen=True)
class Bracket:
    """The mean log-likelihood of data between two estimates, in nats.

    low, high   by backward and forward annealing; low is an estimate, no bound, unless the backward
                walks began with exact samples
    spread      (low, high): the deviation of each over repeated runs
    log_z       (forward, backward), the means of the runs
    """

    low: float
    high: float
    spread: tuple[float, float]
    log_z: tuple[float, float]
    examples: int

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low


def bracket(
    rbm: RBM,
    x: Array,
    runs: int = 3,
    walks: int = 100,
    steps: int = 14_500,
    seed: int = 0,
    rounds: int = 2000,
) -> Bracket:
    """The mean of log p(v) over x (N, V), between forward and backward annealing.

    runs  repetitions of both, from which the spread comes; rounds  of the tempered chains that the
    backward walks begin with.
    """
    v = rbm.examples(x)
    base = None if rbm.gaussian else log_odds(v)
    data = -float(np.mean(rbm.free_energy(v), dtype=np.float64))
    forward, backward = [], []
    for run in range(runs):
        forward.append(_log_mean(ais(rbm, walks, steps, seed + run, base)))
        back = reverse_ais(rbm, walks, steps, seed + run, rounds=rounds, base=base)
        backward.append(-_log_mean(-back))
    over = float(np.mean(forward)), float(np.mean(backward))
    spread = float(np.std(backward)), float(np.std(forward))
    return Bracket(data - over[1], data - over[0], spread, over, len(v))


def _log_mean(x: Floats) -> float:
    return float(_log_sum(x) - np.log(len(x)))
