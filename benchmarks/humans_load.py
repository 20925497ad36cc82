"""Many people at work at once: how long the human bench takes to store an answer.

    python -m benchmarks.humans_load [--people 200] [--seconds 30] [--database postgresql://...]

Starts `glassnet serve` in a process of its own and lets simulated people label digits: each looks
at an image, thinks for an exponential time with a mean of two seconds, answers, and goes on when
the server says that the answer is stored. Prints percentiles of the times of answers and images.
Then everybody answers in the same instant. In the end every acknowledged answer must be stored,
and none twice. The simulated people take a share of the same processor.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from glassnet.humans.bench import Benches
from tests.humans.crowd import (
    Line,
    Person,
    Record,
    accounts,
    at_work,
    burst,
    doubled,
    missing,
    serving,
)

THINK = 2.0  # seconds between answers, on average
IMAGES = 400


class Timed(Person):
    """A simulated participant with a stopwatch; times in seconds."""

    answers: list[float]
    images: list[float]

    async def send(self, line: Line, body: dict[str, Any]) -> dict[str, Any]:
        """From the answer to its acknowledgement."""
        start = time.perf_counter()
        told = await super().send(line, body)
        self.answers.append(time.perf_counter() - start)
        return told

    async def _look(self, line: Line, image: str | None) -> None:
        start = time.perf_counter()
        await super()._look(line, image)
        self.images.append(time.perf_counter() - start)


def measure(database: str | None, folder: Path, people: int, seconds: float) -> dict[str, Any]:
    """Let `people` work for so many seconds, then answer all at once."""
    with Benches(database, folder) as benches:
        bench = benches.create(f"load-{time.time_ns()}", "digits", images=IMAGES)
        record = Record()
        signed_in = accounts(bench, folder, people)
        crowd = [Timed(account, bench.manifest.class_names, record) for account in signed_in]
        with serving(folder, database) as (_, port):
            told: dict[str, Any] = {"people": people}
            start_watches(crowd)
            asyncio.run(at_work(list(crowd), port, seconds, THINK))
            told["answers"] = percentiles([t for person in crowd for t in person.answers])
            told["images"] = percentiles([t for person in crowd for t in person.images])
            start_watches(crowd)
            asyncio.run(burst(list(crowd), port))
            told["burst"] = percentiles([t for person in crowd for t in person.answers])
        lost, twice = len(missing(bench, record)), doubled(bench)
        return told | {"acknowledged": len(record.stored), "lost": lost, "doubled": twice}


def start_watches(crowd: list[Timed]) -> None:
    """Forget what was measured so far."""
    for person in crowd:
        person.answers, person.images = [], []


def percentiles(seconds: list[float]) -> dict[str, float]:
    """n, and milliseconds: the median, the 99th percentile, the worst."""
    ordered = sorted(1000 * value for value in seconds)
    at = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
    ranks = {name: ordered[min(len(ordered) - 1, int(p * len(ordered)))] for name, p in at.items()}
    return {"n": len(ordered), **{name: round(value, 1) for name, value in ranks.items()}}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Many people at work at once.")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--database")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = measure(asked.database, Path(folder), asked.people, asked.seconds)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
