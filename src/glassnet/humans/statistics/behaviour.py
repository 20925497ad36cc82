"""How people's errors go with practice, speed and confidence.

Everything is within a person: each one's answers are compared with that person's own mean, so that
a slow careful person and a fast careless one do not make a trend between them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError, require
from glassnet.humans.statistics.intervals import LEVEL, Interval, wilson

Array = NDArray[Any]
BLOCKS = 8  # of a test phase
QUINTILES = 5  # of a person's response times
BINS = 10  # of confidence


@dataclass(frozen=True)
class Block:
    """Answers that belong together: where they lie on the x axis, and their error."""

    x: float
    error: float
    interval: Interval
    n: int


@dataclass(frozen=True)
class Trend:
    """How much the error changes per unit of x within a person, in shares of 1."""

    slope: float
    interval: Interval
    p: float


@dataclass(frozen=True)
class Calibration:
    """Confidence beside truth.

    blocks  x the mean confidence, error 1 - share right
    gap  expected calibration error: the mean distance of confidence and share right
    brier  mean (confidence - right)^2
    discrimination  chance that a right answer had the higher confidence; 0.5 is none; None where
        all are right or all are wrong
    """

    blocks: tuple[Block, ...]
    gap: float
    brier: float
    discrimination: float | None


def learning_curve(wrong: Array, order: Array, person: Array) -> tuple[tuple[Block, ...], Trend]:
    """Error by position in the test, and its change from a person's first to last answer.

    wrong, order, person (N,): one entry an answer; order counts from 0 for each person.
    """
    length = max(int(order.max()), 1)
    place = order / length  # 0..1
    blocks = min(BLOCKS, length + 1)
    which = np.minimum((place * blocks).astype(int), blocks - 1)
    return _blocks(wrong, order + 1.0, which), within_slope(wrong, place, person)


def speed_accuracy(wrong: Array, seconds: Array, person: Array) -> tuple[tuple[Block, ...], Trend]:
    """Error by each person's own fifths of response time, and its change per doubling of time."""
    fifth = np.zeros(len(wrong), int)
    for name in np.unique(person):
        mine = np.flatnonzero(person == name)
        ranks = np.argsort(np.argsort(seconds[mine], kind="stable"), kind="stable")
        fifth[mine] = ranks * QUINTILES // len(mine)
    slope = within_slope(wrong, np.log2(np.maximum(seconds, 1e-3)), person)
    return _blocks(wrong, seconds, fifth), slope


def within_slope(y: Array, x: Array, group: Array) -> Trend:
    """Least squares of y on x after taking out each group's means; robust to unequal variance.

    HC1 standard errors [MacKinnon & White 1985]. Raises DataError where x never varies.
    """
    from scipy.stats import t

    api = require("statsmodels.regression.linear_model", "web")
    _, group = np.unique(group, return_inverse=True)
    size = np.bincount(group)
    y = y - (np.bincount(group, y) / size)[group]
    x = x - (np.bincount(group, x) / size)[group]
    df = len(y) - len(size) - 1
    if df < 1 or not np.any(np.abs(x) > 1e-12):
        raise DataError("a trend needs people with several answers at different places")
    fit = api.OLS(y, x[:, None]).fit(cov_type="HC1")
    slope = float(fit.params[0])
    error = float(fit.bse[0]) * np.sqrt((len(y) - 1) / df)
    reach = float(t.ppf((1 + LEVEL) / 2, df)) * error
    p = float(2 * t.sf(abs(slope) / error, df)) if error > 0 else 1.0
    return Trend(slope, Interval(slope - reach, slope + reach), p)


def calibration(wrong: Array, confidence: Array) -> Calibration:
    """Compare confidence (N,) of 0..1 with what was right [Guo et al. 2017 for the gap]."""
    from scipy.stats import mannwhitneyu

    right = 1 - wrong
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    blocks = _blocks(wrong, confidence, which)
    gap = sum(block.n * abs(1 - block.error - block.x) for block in blocks) / len(wrong)
    yes, no = confidence[right > 0.5], confidence[right <= 0.5]
    discrimination = None
    if len(yes) and len(no):
        discrimination = float(mannwhitneyu(yes, no).statistic / (len(yes) * len(no)))
    return Calibration(
        blocks, float(gap), float(((confidence - right) ** 2).mean()), discrimination
    )


def _blocks(wrong: Array, x: Array, which: Array) -> tuple[Block, ...]:
    blocks = []
    for number in np.unique(which):
        mine = which == number
        errors, n = float(wrong[mine].sum()), int(mine.sum())
        blocks.append(Block(float(np.median(x[mine])), errors / n, wilson(errors, n), n))
    return tuple(blocks)
