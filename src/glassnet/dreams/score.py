"""How good dreams are: told by a classifier that had no part in them.

    N dreams of a class, M real examples of it, F features before the classifier's last layer

Three numbers for each class, for three ways in which dreams fail:

    recognised   the share of dreams that the classifier takes for the class; noise is not
    variety      the mean distance of two dreams in features over that of two real examples;
                 a machine that has one idea of a class has little
    covered      the share of the class's modes, the clusters of real features, that dreams fall
                 into as often as a tenth of their part; a machine that leaves out ways of writing
                 a digit misses some

[Distances in a classifier's features as variety: Heusel et al. 2017, "GANs trained by a two
time-scale update rule converge to a local Nash equilibrium", which compares means and covariances;
modes that are counted: Richardson & Weiss 2018, "On GANs and GMMs"]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet import nn, random
from glassnet.dreams.chain import Chain
from glassnet.dreams.kmeans import kmeans
from glassnet.dreams.rbm import Array
from glassnet.dreams.walk import Model
from glassnet.errors import GlassnetError, ShapeError
from glassnet.nn.module import evaluating
from glassnet.tape import no_grad
from glassnet.tensor import Tensor

WARM = 3.0  # the temperature at which chains spread
MODES = 20  # clusters of each class
ROUNDS = 50  # of k-means
SHARE = 0.1  # of its part that a mode must be met with to count
_KMEANS = 0x5C

See = Callable[[Array], tuple[Array, Array]]  # pixels (N, V) -> logits (N, K), features (N, F)


@dataclass(frozen=True)
class Score:
    """The dreams of one class: shares from 0 to 1 (variety may go beyond), `dreams` of them."""

    label: int
    recognised: float
    variety: float
    covered: float
    dreams: int


def dream(
    model: Model,
    label: int,
    count: int,
    steps: int,
    seed: int = 0,
    strength: float = 1.0,
    warm: int = 0,
) -> Array:
    """The ends of `count` chains with a class clamped, `steps` Gibbs steps from noise: (N, V).

    strength  of the clamp, see `Chain.clamp`; warm  how many of the steps, at the beginning, are
    made at temperature 3, so that chains spread before they settle.
    """
    chain = Chain(model, count, seed)
    chain.clamp(label, strength=strength)
    if warm:
        chain.step(warm, WARM)
    return chain.step(steps - warm).visible


def classifier(net: nn.Sequential, shape: tuple[int, ...]) -> See:
    """Logits and features, the input of the last layer, of a network that takes images `shape`."""
    *body, head = list(net)

    def see(x: Array) -> tuple[Array, Array]:
        with evaluating(net), no_grad():
            inner = Tensor(x.reshape(len(x), *shape))
            for layer in body:
                inner = layer(inner)
            return head(inner).numpy(), inner.numpy().reshape(len(x), -1)

    return see


def score(dreams: ArrayLike, real: ArrayLike, label: int, see: See, modes: int = MODES) -> Score:
    """Judge dreams (N, V) of a class beside real examples of it (M, V), by what `see` sees.

    Both as the classifier takes them. Raises ShapeError for images that differ in size,
    GlassnetError for fewer than two dreams or fewer real examples than modes.
    """
    dreamt, examples = np.asarray(dreams, np.float32), np.asarray(real, np.float32)
    if dreamt.ndim != 2 or examples.ndim != 2 or dreamt.shape[1] != examples.shape[1]:
        raise ShapeError(f"expected images (N, V) alike, got {dreamt.shape}, {examples.shape}")
    if len(dreamt) < 2 or len(examples) < max(modes, 2):
        raise GlassnetError(
            f"variety takes 2 dreams and {max(modes, 2)} real examples of {modes} modes, got "
            f"{len(dreamt)} and {len(examples)}"
        )
    logits, features = see(dreamt)
    real_features = see(examples)[1]
    return Score(
        label,
        float((logits.argmax(axis=1) == label).mean()),
        spread(features) / spread(real_features),
        covered(features, real_features, modes),
        len(dreamt),
    )


def spread(features: Array) -> float:
    """The mean Euclidean distance of two different rows, (N, F)."""
    x = features.astype(np.float64)
    square = np.sum(x * x, axis=1)
    apart = np.sqrt(np.maximum(square[:, None] + square - 2 * (x @ x.T), 0))
    np.fill_diagonal(apart, 0)
    return float(apart.sum() / (len(x) * (len(x) - 1)))


def covered(features: Array, real: Array, modes: int = MODES) -> float:
    """The share of `modes` clusters of the real features that have their dreams.

    A cluster has them if it holds at least a tenth of the share of dreams that it holds of real
    examples. Dreams belong to the cluster whose centre is nearest.
    """
    centres = cluster(real, modes)
    own = np.bincount(nearest(real, centres), minlength=modes) / len(real)
    met = np.bincount(nearest(features, centres), minlength=modes) / len(features)
    return float(((met > 0) & (met >= SHARE * own)).mean())


def cluster(x: Array, count: int, tries: int = 8) -> Array:
    """Centres (count, F) of k-means; of several beginnings, those with the nearest points."""
    tried = [kmeans(x, count, ROUNDS, random.derive(_KMEANS, i)) for i in range(tries)]
    return min(tried, key=lambda centres: float(np.sum((x - centres[nearest(x, centres)]) ** 2)))


def nearest(x: Array, centres: Array) -> NDArray[np.int64]:
    """The centre that each row is nearest to: (N, F), (K, F) -> (N,)."""
    return ((centres * centres).sum(axis=1) / 2 - x @ centres.T).argmin(axis=1)
