"""Timing side by side: contenders take turns in one process, and ratios are taken turn by turn.

Absolute times drift with what else the machine does; what two contenders needed within the same
fraction of a second can be compared. A pause lets the threads of one library go to sleep before
the other's turn, since two pools of threads that wait actively take the cores from each other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Contender = Callable[[], object]
PAUSE = 0.03  # seconds
WARM = 0.015  # seconds: a core that slept takes some milliseconds until it works again
OURS = "glassnet"


class Comparison(NamedTuple):
    """Medians in milliseconds, and the turns' ratios theirs / ours: median and quartiles."""

    ours_ms: float
    theirs_ms: float
    ratio: float
    spread: tuple[float, float]


def interleave(
    contenders: Mapping[str, Contender],
    turns: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of one call of each contender, turn by turn.

    In each turn each contender is called for about `seconds`, after some calls that are not counted
    (they wake its threads and fill the caches), and the turn's time is the mean over its calls.
    A turn before the first warms up and is left out. With one thread `time.process_time` is the
    better clock: it counts what a call computes, not when others have the processor.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, call in contenders.items():
            time.sleep(PAUSE)
            begin = time.perf_counter()
            call()
            while time.perf_counter() - begin < WARM:
                call()
            start, calls = clock(), 0
            while calls == 0 or clock() - start < seconds:
                call()
                calls += 1
            if turn:
                times[name].append((clock() - start) / calls)
    return times


def compare(theirs: list[float], ours: list[float]) -> Comparison:
    """How two contenders of the same turns compare; a ratio above 1 says that ours is faster."""
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Comparison(
        round(1e3 * statistics.median(ours), 4),
        round(1e3 * statistics.median(theirs), 4),
        round(middle, 3),
        (round(low, 3), round(high, 3)),
    )
