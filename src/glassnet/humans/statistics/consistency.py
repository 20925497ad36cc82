"""Do two err on the same images? Error consistency: Cohen's kappa of right and wrong.

With the error rates e and f of two answerers, they agree by chance on the share
c = (1 - e)(1 - f) + e f of the images; kappa = (observed - c) / (1 - c) [Geirhos et al. 2020].
It is undefined where c = 1, that is, where neither ever errs or both always do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.statistics.intervals import LEVEL, Interval

Array = NDArray[Any]
RESAMPLES = 1000


@dataclass(frozen=True)
class Consistency:
    """Agreement on right and wrong; `kappa` None where it is undefined."""

    observed: float
    expected: float
    kappa: float | None
    interval: Interval | None = None
    pairs: int = 1  # pairs of answerers that the figures are means of
    undefined: int = 0  # of these, pairs without a kappa


def consistency(first: Array, second: Array) -> Consistency:
    """Error consistency of two answerers, (I,) of 0, 1 and NaN, on the images both answered."""
    observed, expected, kappa = (float(x[0]) for x in _kappas(first[None], second[None]))
    if np.isnan(observed):
        raise DataError("the two have no image in common, so their errors cannot be compared")
    defined = not np.isnan(kappa)
    return Consistency(observed, expected, kappa if defined else None, undefined=int(not defined))


def among_people(errors: Array, seed: int = 0, resamples: int = RESAMPLES) -> Consistency:
    """The mean error consistency of all pairs of people; errors (P, I).

    The interval resamples images and people together; a person drawn twice is not paired with
    herself.
    """
    people = len(errors)
    if people < 2:
        raise DataError("error consistency among people needs at least two of them")
    pairs = np.array([(i, j) for i in range(people) for j in range(i)])

    def choose(drawn: Array) -> Array:
        return drawn[pairs][drawn[pairs[:, 0]] != drawn[pairs[:, 1]]]

    return _mean_of_pairs(errors, errors, pairs, choose, seed, resamples)


def with_network(
    errors: Array, network: Array, seed: int = 0, resamples: int = RESAMPLES
) -> Consistency:
    """The mean error consistency of each person with one network; errors (P, I), network (I,)."""
    pairs = np.stack([np.arange(len(errors)), np.zeros(len(errors), int)], axis=1)

    def choose(drawn: Array) -> Array:
        return np.stack([drawn, np.zeros_like(drawn)], axis=1)

    return _mean_of_pairs(errors, network[None], pairs, choose, seed, resamples)


def _mean_of_pairs(
    left: Array, right: Array, pairs: Array, choose: Any, seed: int, resamples: int
) -> Consistency:
    observed, expected, kappa = _kappas(left[pairs[:, 0]], right[pairs[:, 1]])
    if np.isnan(observed).all():
        raise DataError("no two of them have an image in common")
    defined = ~np.isnan(kappa)
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(resamples if defined.any() else 0):
        columns = generator.integers(left.shape[1], size=left.shape[1])
        chosen = choose(generator.integers(len(left), size=len(left)))
        if not len(chosen):
            continue
        drawn, which = np.unique(chosen, axis=0, return_inverse=True)
        values = _kappas(left[drawn[:, 0]][:, columns], right[drawn[:, 1]][:, columns])[2]
        means.append(_mean(values[which.ravel()]))
    return Consistency(
        float(np.nanmean(observed)),
        float(np.nanmean(expected)),
        float(kappa[defined].mean()) if defined.any() else None,
        _percentiles(means),
        len(pairs),
        int((~defined).sum()),
    )


def _kappas(first: Array, second: Array) -> tuple[Array, Array, Array]:
    """Observed, expected and kappa of each pair of rows (N, I); NaN where undefined."""
    seen = ~(np.isnan(first) | np.isnan(second))
    n = seen.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        e = np.where(seen, first, 0).sum(axis=1) / n
        f = np.where(seen, second, 0).sum(axis=1) / n
        observed = (seen & (first == second)).sum(axis=1) / n
        expected = (1 - e) * (1 - f) + e * f
        kappa = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return observed, expected, kappa


def _mean(values: Array) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _percentiles(means: Sequence[float]) -> Interval | None:
    finite = np.array([mean for mean in means if not np.isnan(mean)])
    if len(finite) < 2:
        return None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
