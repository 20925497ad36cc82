"""How many images and people a difference needs, and which differences a bench can see."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.statistics.crossed import Crossed

Array = NDArray[Any]
ALPHA = 0.05  # two-sided
POWER = 0.8
MOST = 10_000_000  # images; more is called unreachable


def mcnemar_power(n: int, network_only: float, person_only: float, alpha: float = ALPHA) -> float:
    """The power of the exact McNemar test on n images.

    network_only, person_only: the true shares of images that only one gets wrong. The number m of
    discordant images is binomial, and given m the test rejects outside exact bounds; summed over m
    [Duffy 1984].
    """
    from scipy.stats import binom

    both = network_only + person_only
    if not (network_only >= 0 and person_only >= 0 and both <= 1):
        raise DataError("the shares of discordant images must be positive and at most 1 together")
    if both == 0:
        return 0.0
    low, high = (int(x) for x in binom.ppf([1e-9, 1 - 1e-9], n, both))
    m = np.arange(low, high + 1)
    bound = binom.ppf(alpha / 2, m, 0.5)  # the largest b that is rejected, or one above
    bound = np.where(2 * binom.cdf(bound, m, 0.5) > alpha, bound - 1, bound)
    share = network_only / both
    reject = binom.cdf(bound, m, share) + binom.sf(m - bound - 1, m, share)
    return float((binom.pmf(m, n, both) * np.where(bound >= 0, reject, 0.0)).sum())


def mcnemar_images(
    network_only: float, person_only: float, power: float = POWER, alpha: float = ALPHA
) -> int | None:
    """The images at which the exact McNemar test reaches `power`; None beyond ten million.

    Exact power climbs in small steps down and up; this is where bisection finds it crossing.
    """
    if network_only == person_only:
        return None
    low, high = 1, 8
    while mcnemar_power(high, network_only, person_only, alpha) < power:
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if mcnemar_power(middle, network_only, person_only, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def smallest_difference(
    standard_error: float, df: float = math.inf, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The difference that is found with chance `power` [Bloom 1995].

    (t_(1 - alpha/2) + t_power) standard errors.
    """
    from scipy.stats import norm, t

    quantile = norm.ppf if math.isinf(df) else lambda tail: t.ppf(tail, df)
    return float((quantile(1 - alpha / 2) + quantile(power)) * standard_error)


def images_needed(
    observed: Crossed, difference: float, people: int, power: float = POWER, alpha: float = ALPHA
) -> int | None:
    """The images that `people` people would have to answer for `difference` to be found.

    From the variance components of `observed`, with Satterthwaite's degrees of freedom for the new
    numbers. None where no number of images is enough, because people differ too much or are one.
    """
    if people < 2 or difference == 0:
        return None
    low, high = 1, 2
    while _smallest(observed, people, high, power, alpha) > abs(difference):
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _smallest(observed, people, middle, power, alpha) > abs(difference):
            low = middle
        else:
            high = middle
    return high


def _smallest(observed: Crossed, people: int, items: int, power: float, alpha: float) -> float:
    within = observed.within / (people * items)
    shares = (
        np.array([observed.between_people / people, observed.between_items / items, 0.0]) + within
    )
    degrees = np.array([people - 1, items - 1, (people - 1) * (items - 1)])
    variance = observed.variance_with(people, items)
    if variance == 0:
        return 0.0
    df = variance**2 / (shares**2 / degrees).sum()
    return smallest_difference(math.sqrt(variance), float(df), power, alpha)
