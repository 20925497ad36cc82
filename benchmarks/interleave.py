"""Timing side by side: contenders take turns in one process, and ratios are taken turn by turn.

Absolute times drift with what else the machine does; what two contenders needed within the same
fraction of a second can be compared. A pause lets the threads of one library go to sleep before
the other's turn, since two pools of threads that wait actively take the cores from each other.
"""

import statistics
import time
from collections.abc import Callable, Mapping

PAUSE = 0.05  # seconds


def interleave(
    contenders: Mapping[str, Callable[[], object]], turns: int = 20, seconds: float = 0.2
) -> dict[str, list[float]]:
    """Seconds of one call of each contender, turn by turn.

    In each turn each contender is called for about `seconds`, and the turn's time is the mean over
    its calls. The first turn warms up and is left out.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, call in contenders.items():
            time.sleep(PAUSE)
            start, calls = time.perf_counter(), 0
            while calls == 0 or time.perf_counter() - start < seconds:
                call()
                calls += 1
            if turn:
                times[name].append((time.perf_counter() - start) / calls)
    return times


def ratio(peer: list[float], ours: list[float]) -> str:
    """How many times as long the peer takes: the median of the turns' ratios, and quartiles."""
    ratios = [a / b for a, b in zip(peer, ours, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def milliseconds(times: list[float]) -> str:
    """The median."""
    return f"{1e3 * statistics.median(times):.2f}"
