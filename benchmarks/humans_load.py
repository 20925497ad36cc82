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
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassnet.humans.bench import Bench, Benches

THINK = 2.0  # seconds between answers, on average
IMAGES = 400


@dataclass
class Person:
    """One browser: a connection that stays open, a cookie, the page's token."""

    host: str
    port: int
    cookie: str = ""
    token: str = ""
    turn: dict[str, Any] = field(default_factory=dict)
    stored: int = 0
    answers: list[float] = field(default_factory=list)  # seconds
    images: list[float] = field(default_factory=list)

    async def open(self) -> None:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
        """One request; the body of its answer. Raises OSError for any status of 400 or more."""
        lines = [
            f"{method} {path} HTTP/1.1", f"host: {self.host}:{self.port}", f"cookie: {self.cookie}",
            "accept: text/html,application/json", f"content-length: {len(body)}",
            f"x-csrf-token: {self.token}", f"content-type: {kind}", "", "",
        ]  # fmt: skip
        self.writer.write("\r\n".join(lines).encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(re.search(r"content-length: (\d+)", head)[1])  # type: ignore[index]
        answer = await self.reader.readexactly(length)
        if int(head.split(" ")[1]) >= 400:
            raise OSError(f"{method} {path}: {head.splitlines()[0]} {answer[:200]!r}")
        if found := re.search(r"set-cookie: (glassnet=[^;]+)", head, re.IGNORECASE):
            self.cookie = found[1]
        if found := re.search(r'name="csrf" content="(\w+)"', answer.decode("utf-8", "replace")):
            self.token = found[1]
        return answer

    async def form(self, path: str, fields: str = "") -> None:
        """Send a form."""
        kind = "application/x-www-form-urlencoded"
        await self.ask("POST", path, f"csrf={self.token}&{fields}".encode(), kind)

    async def join(self, invitation: str) -> None:
        """Accept the invitation, consent, open the page of the trials."""
        await self.open()
        await self.ask("GET", f"/join/{invitation}")
        await self.form(f"/join/{invitation}")
        await self.ask("GET", "/work")
        await self.form("/work/consent", "agree=yes&seen=no&screen=")
        await self.ask("GET", "/work")
        await self.ask("GET", "/work/panel")
        self.turn = json.loads(await self.ask("GET", "/work/turn"))
        await self.look(self.turn["trial"]["image"])

    async def look(self, image: str) -> None:
        """Fetch an image."""
        start = time.perf_counter()
        await self.ask("GET", f"/work/image/{image}")
        self.images.append(time.perf_counter() - start)

    async def answer(self) -> None:
        """Answer, and take the next trial."""
        trial = self.turn["trial"]
        sent = {key: trial[key] for key in ("trial", "token", "revision")}
        sent |= {"answers": [str(random.randrange(10))], "client_ms": 1000.0}
        start = time.perf_counter()
        told = await self.ask("POST", "/work/answer", json.dumps(sent).encode(), "application/json")
        self.answers.append(time.perf_counter() - start)
        self.turn = json.loads(told)["turn"]
        self.stored += 1

    async def work(self, seconds: float, think: float = THINK) -> None:
        """Answer for so long, the first time at a random moment."""
        end = time.perf_counter() + seconds
        pause = random.random() * think
        while time.perf_counter() + pause < end and self.turn["trial"] is not None:
            await asyncio.sleep(pause)
            await self.answer()
            if self.turn["trial"] and self.turn["trial"]["preload"]:
                await self.look(self.turn["trial"]["preload"])
            pause = random.expovariate(1 / think)

    def close(self) -> None:
        """Disconnect."""
        self.writer.close()


async def simulate(url: str, bench: Bench, people: int, seconds: float) -> dict[str, Any]:
    """Let `people` work for so many seconds, then answer all at once; times in milliseconds."""
    host, port = url.removeprefix("http://").split(":")
    crowd = [Person(host, int(port)) for _ in range(people)]
    for start in range(0, people, 10):  # ten come at a time
        tokens = bench.invite(min(10, people - start))
        await asyncio.gather(*map(Person.join, crowd[start : start + 10], tokens))
    for person in crowd:
        person.images.clear()
    await asyncio.gather(*(person.work(seconds) for person in crowd))
    steady = percentiles([t for person in crowd for t in person.answers])
    images = percentiles([t for person in crowd for t in person.images])
    for person in crowd:
        person.answers.clear()
    await asyncio.gather(*(person.answer() for person in crowd))
    burst = percentiles([t for person in crowd for t in person.answers])
    for person in crowd:
        person.close()
    stored = sum(one["answered"] for one in bench.status()["people"])
    acknowledged = sum(person.stored for person in crowd)
    return {
        "people": people, "answers": steady, "images": images, "burst": burst,
        "acknowledged": acknowledged, "stored": stored, "problems": bench.verify(),
    }  # fmt: skip


def percentiles(seconds: list[float]) -> dict[str, float]:
    """n, and milliseconds: the median, the 99th percentile, the worst."""
    ordered = sorted(1000 * value for value in seconds)
    at = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
    ranks = {name: ordered[min(len(ordered) - 1, int(p * len(ordered)))] for name, p in at.items()}
    return {"n": len(ordered), **{name: round(value, 1) for name, value in ranks.items()}}


def serve(data: Path, database: str | None) -> tuple[subprocess.Popen[str], str]:
    """A server, and its address."""
    command = [sys.executable, "-m", "glassnet", "serve", "--port", "0", "--data", str(data)]
    command += ["--database", database] if database else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"glassnet is at (\S+)", line):
            return process, found[1]
    raise SystemExit("the server did not start")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--database")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with Benches(asked.database, Path(folder)) as benches:
            bench = benches.create(f"load-{time.time_ns()}", "digits", images=IMAGES)
            process, url = serve(Path(folder), asked.database)
            try:
                told = asyncio.run(simulate(url, bench, asked.people, asked.seconds))
            finally:
                process.terminate()
                process.wait()
        print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
