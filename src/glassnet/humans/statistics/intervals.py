"""Intervals of one proportion."""

import math
from typing import NamedTuple

from glassnet.errors import DataError, require

LEVEL = 0.95


class Interval(NamedTuple):
    """From `low` to `high`."""

    low: float
    high: float


def wilson(errors: float, n: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval [Wilson 1927]; `errors` and `n` may be effective, not whole, counts.

    The p that satisfy |errors/n - p| <= z sqrt(p (1 - p) / n).
    """
    return _interval(errors, n, level, "wilson")


def clopper_pearson(errors: int, n: int, level: float = LEVEL) -> Interval:
    """The exact interval [Clopper & Pearson 1934]: covers at least `level`, whatever the truth."""
    return _interval(errors, n, level, "beta")


def _interval(errors: float, n: float, level: float, method: str) -> Interval:
    if n <= 0 or not 0 <= errors <= n:
        raise DataError(f"{errors} errors of {n} is no proportion")
    proportion = require("statsmodels.stats.proportion", "web")
    low, high = proportion.proportion_confint(errors, n, 1 - level, method=method)
    return Interval(float(low), float(high))


def effective_wilson(
    p: float, standard_error: float, n: float, df: float = math.inf, level: float = LEVEL
) -> Interval:
    """Wilson's interval of a proportion whose standard error is known from elsewhere.

    The effective size is n* = p (1 - p) / se^2, times (z / t)^2 for few degrees of freedom
    [Korn & Graubard 1998; Franco et al. 2019]. Where se is 0, `n` items stand for n*.
    """
    from scipy.stats import norm, t

    size = p * (1 - p) / standard_error**2 if standard_error > 0 else float(n)
    if math.isfinite(df):
        tail = (1 + level) / 2
        size *= (norm.ppf(tail) / t.ppf(tail, max(df, 1.0))) ** 2
    size = size or float(n)
    return wilson(p * size, size, level)
