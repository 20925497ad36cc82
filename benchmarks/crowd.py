"""Simulated people at work on the human bench, over HTTP, against a real server process.

    python -m benchmarks.crowd [--people 200] [--seconds 30] [--database postgresql://...]

Each person fetches the next image, thinks (exponentially, 2 s in the mean), and answers. Printed
are the 50th and 99th percentile and the longest of all waits, for answers and for images, and how
long 200 answers that are sent in the same instant take. At the end every acknowledged answer is
looked up in the database.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassnet.humans.bench import Bench, Benches
from glassnet.web.settings import secret
from glassnet.web.visitors import COOKIE, Visitors, csrf_token


@dataclass(frozen=True)
class Account:
    """A participant who is signed in: the session, the cookie, the token of the forms."""

    session: str
    cookie: str
    csrf: str


@dataclass(frozen=True)
class Acknowledged:
    """An answer that the server said it had stored."""

    session: str
    trial: int
    revision: int
    answers: tuple[str, ...]
    hash: str


@dataclass
class Record:
    """What a crowd saw: seconds of each wait by kind, acknowledged answers, lost connections."""

    waits: dict[str, list[float]] = field(default_factory=lambda: {"answer": [], "image": []})
    stored: list[Acknowledged] = field(default_factory=list)
    cut: int = 0


def accounts(bench: Bench, data: Path, people: int) -> list[Account]:
    """People who were invited, consented and signed in. Before the server starts."""
    visitors, key, made = Visitors(data), secret(data), []
    for token in bench.invite(people):
        session = bench.accept(token)
        session.consent(True, seen_before=False, browser="simulated", screen=(1280, 720))
        visitor = visitors.sign_in("participant", bench.name, session.id)
        made.append(Account(session.id, visitor.id, csrf_token(key, visitor)))
    return made


@contextlib.contextmanager
def serving(data: Path, database: str | None = None) -> Iterator[tuple["Server", int]]:
    """A server in a process of its own, and its port; killed at the end if it still runs."""
    server = Server(data, database)
    try:
        yield server, server.start()
    finally:
        server.kill()


class Server:
    """`glassnet serve`, which can be killed without warning and started again."""

    def __init__(self, data: Path, database: str | None) -> None:
        place = ["--database", database] if database else []
        self.command = [
            sys.executable, "-m", "glassnet", "serve", "--port", "0", "--data", str(data), *place,
        ]  # fmt: skip
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        """Start it; the port, once it answers."""
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            found = re.search(r"http://[^ ]*:(\d+)", line)
            if found:
                return _once_open(int(found.group(1)))
        raise RuntimeError(f"the server did not start: {said}")

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


def _once_open(port: int) -> int:
    """The port, once something listens there."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return port
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


class Line:
    """One connection of HTTP/1.1 that is kept open, with nothing but what this needs."""

    def __init__(self, port: int, account: Account) -> None:
        self.port, self.account = port, account
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError or EOFError on a lost connection."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"cookie: {COOKIE}={self.account.cookie}\r\nx-csrf-token: {self.account.csrf}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + content)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            found = re.search(r"content-length: (\d+)", answer, re.IGNORECASE)
            assert found is not None, answer
            return int(answer.split()[1]), await reader.readexactly(int(found.group(1)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; the next question opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Person:
    """One simulated participant."""

    def __init__(self, account: Account, classes: tuple[str, ...], record: Record) -> None:
        self.account, self.classes, self.record = account, classes, record
        self.random = random.Random(account.session)
        self.unsure: dict[str, Any] | None = None  # sent, and not acknowledged

    async def work(self, port: int, until: float, think: float) -> None:
        """Answer until the time has come, the images have, or the server is gone."""
        line = Line(port, self.account)
        try:
            await self._work(line, until, think)
        except (OSError, EOFError):
            self.record.cut += 1
        finally:
            line.close()

    async def send(self, line: Line, body: dict[str, Any]) -> dict[str, Any]:
        """Send an answer; what the server acknowledged is on record."""
        self.unsure = body
        begun = time.perf_counter()
        status, content = await line.ask("POST", "/work/answer", body)
        self.record.waits["answer"].append(time.perf_counter() - begun)
        if status != 200:
            raise RuntimeError(f"status {status}: {content[:300]!r}")
        told = json.loads(content)
        self.unsure = None
        self.record.stored.append(
            Acknowledged(
                self.account.session,
                body["trial"],
                body["revision"],
                tuple(body["answers"]),
                told["hash"],
            )
        )
        return told["turn"]

    async def turn(self, line: Line) -> dict[str, Any] | None:
        """What the server asks of this person now, as after loading the page."""
        status, content = await line.ask("GET", "/work/turn")
        if status != 200:
            raise RuntimeError(f"status {status}: {content[:300]!r}")
        return json.loads(content)["trial"]

    def answer(self, trial: dict[str, Any]) -> dict[str, Any]:
        """Some answer to a trial."""
        about = {name: trial[name] for name in ("trial", "token", "revision")}
        return about | {"answers": [self.random.choice(self.classes)], "client_ms": 1000.0}

    async def _work(self, line: Line, until: float, think: float) -> None:
        if self.unsure is not None:
            await self.send(line, self.unsure)  # as the page does after a lost connection
        trial = await self.turn(line)
        await asyncio.sleep(self.random.uniform(0, think))
        while trial is not None and time.perf_counter() < until:
            await self._look(line, trial["preload"])
            await asyncio.sleep(self.random.expovariate(1 / think))
            trial = (await self.send(line, self.answer(trial)))["trial"]

    async def _look(self, line: Line, image: str | None) -> None:
        if image is None:
            return
        begun = time.perf_counter()
        status, _ = await line.ask("GET", f"/work/image/{image}")
        self.record.waits["image"].append(time.perf_counter() - begun)
        if status != 200:
            raise RuntimeError(f"status {status} for an image")


def crowd(bench: Bench, people: list[Account]) -> tuple[list[Person], Record]:
    """People who share one record."""
    record, classes = Record(), bench.manifest.class_names
    return [Person(account, classes, record) for account in people], record


async def at_work(people: list[Person], port: int, seconds: float, think: float) -> None:
    """All of them at once, for a time."""
    until = time.perf_counter() + seconds
    await asyncio.gather(*(person.work(port, until, think) for person in people))


async def burst(people: list[Person], port: int) -> float:
    """One answer of each in the same instant; seconds until the last is acknowledged."""
    lines = [Line(port, person.account) for person in people]
    trials = [await p.turn(line) for p, line in zip(people, lines, strict=True)]
    begun = time.perf_counter()
    await asyncio.gather(
        *(
            person.send(line, person.answer(trial))
            for person, line, trial in zip(people, lines, trials, strict=True)
            if trial is not None
        )
    )
    took = time.perf_counter() - begun
    for line in lines:
        line.close()
    return took


def missing(bench: Bench, record: Record) -> list[Acknowledged]:
    """Acknowledged answers that the database does not have, exactly as they were given."""
    stored = {
        (session.id, entry.trial, entry.revision, tuple(content["answers"]), entry.hash)
        for session in bench.sessions()
        for entry, content in bench.records.entries(session.id, "answer")
    }
    return [
        a
        for a in record.stored
        if (a.session, a.trial, a.revision, a.answers, a.hash) not in stored
    ]


def doubled(bench: Bench) -> int:
    """Answers that stand in the logs more than once."""
    count = 0
    for session in bench.sessions():
        keys = [(e.trial, e.revision) for e, _ in bench.records.entries(session.id, "answer")]
        count += len(keys) - len(set(keys))
    return count


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie; milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Measure, print, and look everything up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--think", type=float, default=2, help="mean seconds between answers")
    parser.add_argument("--source", default="digits", help="as in glassnet humans create")
    parser.add_argument("--database", help="postgresql://...; SQLite if not given")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Benches(asked.database, Path(folder)) as benches:
        name = f"crowd-{os.getpid()}"
        bench = benches.create(name, asked.source, images=150)
        people, record = crowd(bench, accounts(bench, Path(folder), asked.people))
        with serving(Path(folder), asked.database) as (_, port):
            asyncio.run(at_work(people, port, asked.seconds, asked.think))
            for kind, waits in record.waits.items():
                print(
                    f"{kind:7} {len(waits):6} in {asked.seconds:g} s   "
                    f"p50 {percentile(waits, 0.5):6.1f} ms   p99 {percentile(waits, 0.99):6.1f} ms"
                    f"   longest {1000 * max(waits):6.1f} ms"
                )
            if record.cut:
                print(f"{record.cut} connections were lost")
            took = asyncio.run(burst(people, port))
            print(f"{len(people)} answers in the same instant: {1000 * took:.0f} ms until the last")
        print(
            f"acknowledged {len(record.stored)}, lost {len(missing(bench, record))}, "
            f"doubled {doubled(bench)}, chains that do not hold {len(bench.verify())}"
        )


if __name__ == "__main__":
    main()
