"""What the cells show: errors with intervals, and up to how many labels an arm pays.

At each number of labels an arm is held against training from scratch seed by seed, on the same
labelled digits, by the ratio of their errors

    d = log((wrong + 1/2) / (judged + 1)) of the arm  -  the same of training from scratch

d < 0: the arm is better. Over the seeds d has a mean and a standard error. Where the mean goes from
below 0 to above, on straight lines over log(labels), the arm stops to pay: the crossing point. Its
interval is that of the points of many curves, each value of which is moved from its mean by
Student's t times its standard error; seeds being few, the intervals are wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassnet import random
from glassnet.dreams.compare.arm import BASELINE
from glassnet.dreams.compare.grid import Row

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
DRAWS = 4000
_DRAWS = 0xC5


@dataclass(frozen=True)
class Point:
    """One arm at one number of labels.

    error, low, high  mean over the seeds and its interval (Student), 0..1; None for one seed
    ratio, ratio_low, ratio_high   error divided by that from scratch, the geometric mean over the
    seeds that both have; None where there is none
    """

    arm: str
    labels: int
    seeds: int
    error: float
    low: float | None
    high: float | None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None


@dataclass(frozen=True)
class Crossing:
    """Up to how many labels an arm is better than training from scratch.

    at         0: never; infinite: at all numbers that were tried, so beyond them
    low, high  its 95 % interval, with the same two ends; None for a single seed
    """

    arm: str
    at: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        text = _place(self.at)
        if self.low is None or self.high is None:
            return text
        return f"{text} (95 % interval: {_place(self.low)} to {_place(self.high)})"


def _place(labels: float) -> str:
    if labels == 0:
        return "never"
    return "beyond all" if math.isinf(labels) else f"{labels:,.0f}"


def points(rows: Sequence[Row]) -> list[Point]:
    """For each arm and number of labels, in the order in which they come."""
    made = []
    for name, count in dict.fromkeys((r["arm"], r["labels"]) for r in rows):
        errors = np.array([r["error"] for r in rows if (r["arm"], r["labels"]) == (name, count)])
        low, high = interval(errors)
        ratios = log_ratios(rows, name, count)
        if len(ratios) and name != BASELINE:
            bounds = [None if x is None else math.exp(x) for x in interval(ratios)]
            ratio = (math.exp(ratios.mean()), *bounds)
        else:
            ratio = (None, None, None)
        low = None if low is None else max(low, 0.0)
        high = None if high is None else min(high, 1.0)
        made.append(Point(name, count, len(errors), float(errors.mean()), low, high, *ratio))
    return made


def interval(values: Floats) -> tuple[float | None, float | None]:
    """Student's interval of the mean; (None, None) for fewer than two values."""
    from scipy.stats import t

    if len(values) < 2:
        return None, None
    half = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * standard_error(values)
    return float(values.mean() - half), float(values.mean() + half)


def standard_error(values: Floats) -> float:
    """Of the mean."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def log_ratios(rows: Sequence[Row], name: str, count: int) -> Floats:
    """d of each seed that both the arm and training from scratch have."""
    logs = {
        (r["arm"], r["seed"]): math.log((r["wrong"] + 0.5) / (r["judged"] + 1))
        for r in rows
        if r["labels"] == count
    }
    seeds = sorted({seed for arm, seed in logs if arm == name and (BASELINE, seed) in logs})
    return np.array([logs[name, seed] - logs[BASELINE, seed] for seed in seeds])


def crossing(rows: Sequence[Row], name: str, seed: int = 0) -> Crossing | None:
    """Where the arm stops to pay; None where no number of labels has both. See the head."""
    counts = sorted({r["labels"] for r in rows})
    values = {n: d for n in counts if len(d := log_ratios(rows, name, n))}
    if not values:
        return None
    labels = np.array(list(values))
    mean = np.array([d.mean() for d in values.values()])
    at = last_crossing(labels, mean)
    if min(map(len, values.values())) < 2:
        return Crossing(name, at, None, None)
    draw = random.derive(seed, _DRAWS)
    moved = np.stack([
        d.mean() + standard_error(d) * draw.standard_t(len(d) - 1, DRAWS) for d in values.values()
    ], axis=1)  # fmt: skip
    found = np.array([last_crossing(labels, curve) for curve in moved])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found, (tail, 1 - tail), method="inverted_cdf")
    return Crossing(name, at, float(low), float(high))


def last_crossing(labels: NDArray[np.integer] | Floats, d: Floats) -> float:
    """The last place where d (M,), over log(labels), goes from below 0 to 0 or above.

    0 where d never is below 0; infinite where it still is at the largest number of labels.
    """
    if d[-1] < 0:
        return math.inf
    below = np.flatnonzero(d < 0)
    if not len(below):
        return 0.0
    i = below[-1]
    share = -d[i] / (d[i + 1] - d[i])
    x = np.log(labels.astype(np.float64))
    return float(np.exp(x[i] + share * (x[i + 1] - x[i])))
