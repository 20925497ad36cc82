"""Do two err on the same images? Error consistency: Cohen's kappa of right and wrong.

With the error rates e and f of two answerers, they agree by chance on the share
c = (1 - e)(1 - f) + e f of the images; kappa = (observed - c) / (1 - c) [Geirhos et al. 2020].
It is undefined where c = 1, that is, where neither ever errs or both always do.
"""

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
    return _mean_of_pairs(first[None], second[None], np.ones((1, 1)), seed=0, resamples=0)


def among_people(errors: Array, seed: int = 0, resamples: int = RESAMPLES) -> Consistency:
    """The mean error consistency of all pairs of people; errors (P, I).

    The interval resamples images and people together; a person drawn twice is not paired with
    herself.
    """
    people = len(errors)
    if people < 2:
        raise DataError("error consistency among people needs at least two of them")
    return _mean_of_pairs(errors, errors, np.triu(np.ones((people, people)), 1), seed, resamples)


def with_network(
    errors: Array, network: Array, seed: int = 0, resamples: int = RESAMPLES
) -> Consistency:
    """The mean error consistency of each person with one network; errors (P, I), network (I,).

    The interval resamples images and people together.
    """
    return _mean_of_pairs(errors, network[None], np.ones((len(errors), 1)), seed, resamples)


def _mean_of_pairs(
    left: Array, right: Array, pairs: Array, seed: int, resamples: int
) -> Consistency:
    """left (L, I), right (R, I); pairs (L, R) 1 where the two are compared."""
    people, images = left.shape
    observed, expected, kappa = _kappas(left, right, np.ones(images))
    chosen = (pairs > 0) & ~np.isnan(observed)
    if not chosen.any():
        raise DataError(
            "no two of them have an image in common, so their errors cannot be compared"
        )
    defined = chosen & ~np.isnan(kappa)
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(resamples if defined.any() else 0):
        weight = np.bincount(generator.integers(images, size=images), minlength=images)
        times = np.bincount(generator.integers(people, size=people), minlength=people)
        each = pairs * times[:, None] * (times[None] if pairs.shape[1] == people else 1)
        means.append(_mean(_kappas(left, right, weight)[2], each))
    return Consistency(
        float(observed[chosen].mean()),
        float(expected[chosen].mean()),
        float(kappa[defined].mean()) if defined.any() else None,
        _percentiles(np.array(means)),
        int(chosen.sum()),
        int(chosen.sum() - defined.sum()),
    )


def _kappas(left: Array, right: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Observed, expected and kappa (L, R), images counted `weight` times; NaN where undefined."""
    seen, seen_right = ~np.isnan(left) * weight, (~np.isnan(right)).astype(float)
    wrong, wrong_right = np.nan_to_num(left) * weight, np.nan_to_num(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = seen @ seen_right.T
        e, f = wrong @ seen_right.T / n, seen @ wrong_right.T / n
        observed = 1 - e - f + 2 * (wrong @ wrong_right.T) / n
        expected = (1 - e) * (1 - f) + e * f
        kappa = np.where(expected < 1 - 1e-12, (observed - expected) / (1 - expected), np.nan)
    return observed, expected, kappa


def _mean(values: Array, weight: Array) -> float:
    weight = weight * ~np.isnan(values)
    return float(np.nansum(values * weight) / weight.sum()) if weight.any() else float("nan")


def _percentiles(means: Array) -> Interval | None:
    finite = means[~np.isnan(means)]
    if len(finite) < 2:
        return None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
