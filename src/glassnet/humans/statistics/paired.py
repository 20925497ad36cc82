"""Two answerers on the same images: the difference of their errors, its interval and its tests."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError, require
from glassnet.humans.statistics.intervals import LEVEL, Interval

Array = NDArray[Any]
FLIPS = 19_999  # permutations that are drawn; the smallest p is 1 / 20,000
MANY = 8  # images of one |difference|, from which on they are thrown together
CHUNK = 256  # images whose coins are thrown at once


class Discordant(NamedTuple):
    """How the errors of network and person fall together, as numbers of images."""

    n: int
    network_only: int  # only the network errs
    person_only: int  # only the person errs
    both: int


def discordant(network: Array, person: Array) -> Discordant:
    """Count over the images that both answered; network and person (I,) of 0, 1 and NaN."""
    seen = ~(np.isnan(network) | np.isnan(person))
    a, b = network[seen] > 0.5, person[seen] > 0.5
    if not seen.any():
        raise DataError("the two have no image in common, so they cannot be compared")
    return Discordant(len(a), int((a & ~b).sum()), int((b & ~a).sum()), int((a & b).sum()))


def mcnemar(counts: Discordant) -> float:
    """The exact two-sided McNemar test: the discordant images are coin throws under the null."""
    tables = require("statsmodels.stats.contingency_tables", "web")
    b, c = counts.network_only, counts.person_only
    table = [[counts.both, b], [c, counts.n - counts.both - b - c]]
    return float(tables.mcnemar(table, exact=True).pvalue)


def tango_z(counts: Discordant, difference: float) -> float:
    """The score statistic of the paired difference against `difference` [Tango 1998, eq. 1].

    z = (b - c - n d) / sqrt(n (2 q + d (1 - d))), q the likelihood's best share of person-only
    errors where the difference is d: the root of 2n q^2 + ((2n - b + c) d - b - c) q - c d (1 - d).
    """
    n, b, c = counts.n, counts.network_only, counts.person_only
    linear = (2 * n - b + c) * difference - b - c
    root = math.sqrt(max(linear**2 + 8 * n * c * difference * (1 - difference), 0.0))
    q = (root - linear) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    away = b - c - n * difference
    if variance <= 0:
        return 0.0 if away == 0 else math.copysign(math.inf, away)
    return float(away / math.sqrt(variance))


def tango(counts: Discordant, level: float = LEVEL) -> Interval:
    """The score interval of the paired difference [Tango 1998]: where |z| stays below its bound."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    bound = float(norm.ppf((1 + level) / 2))
    middle = (counts.network_only - counts.person_only) / counts.n

    def edge(sign: int) -> float:
        if tango_z(counts, float(sign)) * -sign < bound:
            return float(sign)
        return float(brentq(lambda d: tango_z(counts, d) + sign * bound, middle, sign))

    return Interval(edge(-1), edge(1))


def non_inferiority(counts: Discordant, margin: float) -> float:
    """One-sided p of "the network's error is not higher by `margin` or more"; 0 is superiority.

    Tango's score test at the margin [Tango 1998; Liu et al. 2002].
    """
    from scipy.stats import norm

    return float(norm.cdf(tango_z(counts, margin)))


def differences(network: Array, person: Array) -> Array:
    """network - person on the images that both answered, (n,)."""
    difference = network - person
    return difference[~np.isnan(difference)]


def permutation(difference: Array, seed: int = 0, flips: int = FLIPS) -> float:
    """Two-sided p of the mean difference by exchanging network and person image by image.

    Under the null each image's sign is a coin throw. Where many images have the same |difference|
    they are thrown together, as one binomial count, which is the same law.
    p = (1 + the drawn sums as far from 0 as the observed) / (1 + flips) [Phipson & Smyth 2010].
    """
    sizes, counts = np.unique(np.abs(difference[difference != 0]).round(12), return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = np.zeros(flips)
    for size, count in zip(sizes[counts >= MANY], counts[counts >= MANY], strict=True):
        drawn += size * (2.0 * generator.binomial(count, 0.5, flips) - count)
    few = counts < MANY
    drawn += _coin_sums(np.repeat(sizes[few], counts[few]), flips, generator)
    extreme = np.abs(drawn) >= abs(float(difference.sum())) - 1e-9
    return float((1 + extreme.sum()) / (1 + flips))


def _coin_sums(sizes: Array, flips: int, generator: np.random.Generator) -> Array:
    """Sums of `sizes`, each with the sign of a fair coin; (flips,)."""
    total = np.zeros(flips)
    for start in range(0, len(sizes), CHUNK):
        part = sizes[start : start + CHUNK]
        coins = generator.integers(0, 256, (flips, -(-len(part) // 8)), np.uint8)
        heads = np.unpackbits(coins, axis=1)[:, : len(part)].astype(float)  # (flips, chunk)
        total += heads @ (2 * part) - part.sum()
    return total


def adjusted_mean(difference: Array) -> tuple[float, float]:
    """Mean and standard error after adding an image of +1/2 and one of -1/2 weight [Agresti & Min].

    For differences of -1, 0 and 1 this is their adjusted Wald interval [Agresti & Min 2005]: half
    an observation more in each cell of the table, so that no discordant image does not mean no
    doubt. It holds as well for expectations between.
    """
    n = len(difference) + 2.0
    mean = float(difference.sum()) / n
    square = float((difference**2).sum() + 1.0) / n
    return mean, math.sqrt(max(square - mean**2, 0.0) / n)


def mean_interval(difference: Array, level: float = LEVEL) -> Interval:
    """The adjusted Wald interval of the mean difference over images like these."""
    from scipy.stats import norm

    mean, error = adjusted_mean(difference)
    reach = float(norm.ppf((1 + level) / 2)) * error
    return Interval(max(mean - reach, -1.0), min(mean + reach, 1.0))


def mean_non_inferiority(difference: Array, margin: float) -> float:
    """One-sided p of "the mean difference is below `margin`", by the same adjusted mean."""
    from scipy.stats import norm

    mean, error = adjusted_mean(difference)
    return float(norm.cdf((mean - margin) / error))


def two_proportion(first: int, n_first: int, second: int, n_second: int) -> float:
    """One-sided p of "the first has the smaller share", for two separate sets of images.

    The pooled z test. Where both saw the same images the paired tests are the right ones; this is
    what was published before pairs were kept.
    """
    proportion = require("statsmodels.stats.proportion", "web")
    counts, sizes = np.array([first, second]), np.array([n_first, n_second])
    return float(proportion.proportions_ztest(counts, sizes, alternative="smaller")[1])


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for being many, by Holm's steps [Holm 1979]; any dependence is allowed.

    The i-th smallest of m times m - i (i from 0), never below one before it. statsmodels has it
    too, but collects garbage at each call, which in a report takes longer than all else.
    """
    values = np.asarray(p, float)
    order = np.argsort(values)
    steps = np.minimum(values[order] * np.arange(len(values), 0, -1), 1.0)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(steps)
    return [float(value) for value in adjusted]
