"""The budget of a cell: seconds that may be spent, asked for inside every loop that trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

Timer = Callable[[], float]

TIMERS: dict[str, Timer] = {
    "wall": time.monotonic,  # of the clock on the wall
    "cpu": time.process_time,  # of this process's processors, whatever else the machine does
}


class Clock:
    """Starts at once. `over` is True from the moment that `seconds` are spent."""

    def __init__(self, seconds: float, timer: Timer = time.monotonic) -> None:
        self.seconds, self.timer = seconds, timer
        self._start = timer()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.timer() - self._start

    @property
    def left(self) -> float:
        """Seconds until it is over, not below 0."""
        return max(0.0, self.seconds - self.spent)

    @property
    def over(self) -> bool:
        """Whether everything is spent."""
        return self.spent >= self.seconds

    @property
    def share(self) -> float:
        """How much is spent, 0..1; what learning rates fall by."""
        return min(1.0, self.spent / self.seconds) if self.seconds > 0 else 1.0

    def part(self, seconds: float) -> Clock:
        """A clock for a part of what is left, that starts now."""
        return Clock(min(seconds, self.left), self.timer)


def steps(looks: int) -> Clock:
    """A clock that goes on by one with each look at it: the same number of steps everywhere."""
    ticks = count()
    return Clock(looks, lambda: float(next(ticks)))
