"""One axis for a column of dots with their lines, drawn by the page's own style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glassnet.humans.statements import points
from glassnet.humans.statistics.intervals import Interval
from glassnet.look.wording import percent


@dataclass(frozen=True)
class Axis:
    """One axis for a column of whiskers; 0 is always on it, and at a tick."""

    start: float
    end: float
    step: float

    @classmethod
    def of(cls, intervals: Sequence[Interval]) -> "Axis":
        """An axis from round number to round number around all of them."""
        low = min(0.0, *(interval.low for interval in intervals))
        high = max(0.0, *(interval.high for interval in intervals))
        rough = max(high - low, 1e-3) / 4
        power = 10 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)

    def at(self, value: float) -> float:
        """Where a value lies, in per cent of the width."""
        share = (value - self.start) / (self.end - self.start)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self, signed: bool = False) -> list[tuple[float, str]]:
        """(place, words) of each tick: per cent, or points with their sign."""
        values = np.arange(round(self.start / self.step), round(self.end / self.step) + 1)
        digits = max(0, -math.floor(math.log10(100 * self.step) + 1e-9))
        tell = points if signed else percent
        return [(self.at(v * self.step), tell(v * self.step, digits)) for v in values.tolist()]

    def whisker(self, middle: float, interval: Interval) -> dict[str, float]:
        """Places of a dot and its line."""
        low, high = (self.at(edge) for edge in interval)
        return {"low": low, "width": round(high - low, 2), "at": self.at(middle)}
