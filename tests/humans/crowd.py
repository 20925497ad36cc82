"""Simulated people at work on the human bench, over HTTP, against a server that can be killed."""

import asyncio
import contextlib
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassnet.humans.bench import Bench
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
    """What a crowd saw: acknowledged answers, and lost connections."""

    stored: list[Acknowledged] = field(default_factory=list)
    cut: int = 0


def accounts(bench: Bench, data: Path, people: int) -> list[Account]:
    """People who were invited, consented and signed in. Before the server starts."""
    visitors, key = Visitors(data), secret(data)

    def enter(token: str) -> Account:
        session = bench.accept(token)
        session.consent(True, seen_before=False, browser="simulated", screen=(1280, 720))
        visitor = visitors.sign_in("participant", bench.name, session.id)
        return Account(session.id, visitor.id, csrf_token(key, visitor))

    with ThreadPoolExecutor(32) as pool:
        made = list(pool.map(enter, bench.invite(people)))
    return sorted(made, key=lambda account: bench.session(account.session).number)


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
        status, content = await line.ask("POST", "/work/answer", body)
        if status != 200:
            raise RuntimeError(f"status {status}: {content[:300]!r}")
        told = json.loads(content)
        self.unsure = None
        self.record.stored.append(self.acknowledged(body, told["hash"]))
        return told["turn"]

    def acknowledged(self, body: dict[str, Any], hash: str) -> Acknowledged:
        """What the server said that it had stored."""
        about = (body["trial"], body["revision"], tuple(body["answers"]))
        return Acknowledged(self.account.session, *about, hash)

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
        status, _ = await line.ask("GET", f"/work/image/{image}")
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


async def burst(people: list[Person], port: int) -> None:
    """One answer of each in the same instant."""
    lines = [Line(port, person.account) for person in people]
    trials = [await p.turn(line) for p, line in zip(people, lines, strict=True)]
    await asyncio.gather(
        *(
            person.send(line, person.answer(trial))
            for person, line, trial in zip(people, lines, trials, strict=True)
            if trial is not None
        )
    )
    for line in lines:
        line.close()


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
