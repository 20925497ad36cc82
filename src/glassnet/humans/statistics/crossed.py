"""Means over people x images where both are samples: what holds for people in general.

Each person answers the same images, so the answers are not independent: a hard image is hard for
all, a careful person is careful throughout. Legend: P people, I items; values (P, I), NaN unseen.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.statistics.intervals import LEVEL, Interval

Array = NDArray[Any]
SWEEPS = 100  # of the two-way fit, where the table has holes


@dataclass(frozen=True)
class Crossed:
    """A mean with the variance that people and images, both sampled, give it."""

    mean: float
    variance: float
    df: float  # Satterthwaite's
    people: int
    items: int
    between_people: float  # variance components of one value
    between_items: float
    within: float

    @property
    def standard_error(self) -> float:
        """The root of the variance."""
        return math.sqrt(self.variance)

    def interval(self, level: float = LEVEL) -> Interval:
        """mean -+ t standard errors."""
        from scipy.stats import t

        reach = float(t.ppf((1 + level) / 2, self.df)) * self.standard_error
        return Interval(self.mean - reach, self.mean + reach)

    def p(self, null: float = 0.0) -> float:
        """Two-sided p of "the mean is `null`"."""
        from scipy.stats import t

        if self.variance == 0:
            return 1.0 if self.mean == null else 0.0
        return float(2 * t.sf(abs(self.mean - null) / self.standard_error, self.df))

    def p_below(self, bound: float) -> float:
        """One-sided p of "the mean is below `bound`"."""
        from scipy.stats import t

        if self.variance == 0:
            return float(self.mean >= bound)
        return float(t.cdf((self.mean - bound) / self.standard_error, self.df))

    def variance_with(self, people: float, items: float) -> float:
        """What the variance would be with other numbers of people and images."""
        return (
            self.between_people / people
            + self.between_items / items
            + self.within / (people * items)
        )


def crossed_mean(values: Array) -> Crossed:
    """The mean over people of each person's mean, and its variance with both sides sampled.

    V = V_people + V_items - V_rest, the two-way analysis of variance of a crossed design
    [Dorfman et al. 1992; Hillis 2007; as cluster sums, Cameron et al. 2011]; never below what the
    larger of the two sides alone says. Raises DataError below two people or two images.
    """
    values = values[~np.isnan(values).all(axis=1)]
    values = values[:, ~np.isnan(values).all(axis=0)]
    people, items = values.shape
    if people < 2 or items < 2:
        raise DataError(f"{people} people and {items} images: both sides need at least two")
    seen = ~np.isnan(values)
    weight = seen / (people * seen.sum(axis=1, keepdims=True))  # (P, I), sums to 1
    filled = np.where(seen, values, 0.0)
    mean = float((weight * filled).sum())
    pull = weight * (filled - mean)  # (P, I)
    rest = weight * two_way_residuals(filled, seen)
    df_rest = max(int(seen.sum()) - people - items + 1, 1)
    parts = np.array(
        [
            people / (people - 1) * (pull.sum(axis=1) ** 2).sum(),
            items / (items - 1) * (pull.sum(axis=0) ** 2).sum(),
            seen.sum() / df_rest * (rest**2).sum(),
        ]
    )
    variance = max(parts[0] + parts[1] - parts[2], parts[0], parts[1])
    spread = (parts**2 / np.array([people - 1, items - 1, df_rest])).sum()
    return Crossed(
        mean,
        float(variance),
        float(variance**2 / spread) if variance > 0 else float(people - 1),
        people,
        items,
        between_people=float(max(people * (parts[0] - parts[2]), 0.0)),
        between_items=float(max(items * (parts[1] - parts[2]), 0.0)),
        within=float(people * items * parts[2]),
    )


def two_way_residuals(values: Array, seen: Array) -> Array:
    """What a person's and an image's mean do not explain; least squares, 0 where not seen."""
    rows, columns = seen.sum(axis=1, keepdims=True), seen.sum(axis=0, keepdims=True)
    rest = np.where(seen, values, 0.0)
    for _ in range(1 if seen.all() else SWEEPS):
        rest = np.where(seen, rest - rest.sum(axis=1, keepdims=True) / rows, 0.0)
        rest = np.where(seen, rest - rest.sum(axis=0, keepdims=True) / columns, 0.0)
    return rest
