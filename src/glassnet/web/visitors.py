"""Who is asking: browser sessions, kept by the server so that they can be ended.

A browser holds a random id in a cookie; the server keeps the id's SHA-256 with a role and what
belongs to it. Signing in always makes a new id, so that one planted beforehand is worth nothing.
"""

import hashlib
import hmac
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["owner", "adjudicator", "participant"]

COOKIE = "glassnet"
LIFETIME = 30 * 24 * 3600  # seconds; a participant comes back after a closed laptop

_TABLE = """
create table if not exists visitor (
    digest text primary key, role text not null, bench text, person text, expires real not null
)
"""


@dataclass(frozen=True)
class Visitor:
    """One browser: its id, and what it has signed in as.

    role    None before signing in
    bench   the bench a participant or an adjudicator belongs to
    person  the session of a participant in that bench, or an adjudicator's name
    """

    id: str
    role: Role | None = None
    bench: str | None = None
    person: str | None = None


def anonymous() -> Visitor:
    """A browser that has no session yet, with a new id for its forms."""
    return Visitor(secrets.token_urlsafe(24))


def csrf_token(secret: bytes, visitor: Visitor) -> str:
    """What a page of this visitor sends along, and another site cannot know."""
    return hmac.new(secret, b"csrf:" + visitor.id.encode(), hashlib.sha256).hexdigest()


class Visitors:
    """The sessions of one server, in `sessions.sqlite` of its data folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "sessions.sqlite"
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Visitor, float]] = {}  # digest -> visitor, expiry
        with self._open() as database:
            database.execute(_TABLE)
            database.execute("delete from visitor where expires < ?", (time.time(),))
        self._path.chmod(0o600)

    def find(self, id: str) -> Visitor:
        """The visitor with the id of a cookie; an anonymous one for an id that means nothing."""
        if not id or len(id) > 100:
            return anonymous()
        digest = _digest(id)
        visitor, expires = self._known.get(digest) or self._read(id, digest)
        return visitor if expires > time.time() else Visitor(id)

    def sign_in(
        self, role: Role, bench: str | None = None, person: str | None = None, old: str = ""
    ) -> Visitor:
        """A new session; the browser's `old` one ends."""
        self.sign_out(old)
        visitor = Visitor(secrets.token_urlsafe(24), role, bench, person)
        expires = time.time() + LIFETIME
        row = (_digest(visitor.id), role, bench, person, expires)
        with self._open() as database:
            database.execute("insert into visitor values (?, ?, ?, ?, ?)", row)
        self._known[row[0]] = (visitor, expires)
        return visitor

    def sign_out(self, id: str) -> None:
        """End a session: its cookie is worth nothing from now on."""
        digest = _digest(id)
        with self._open() as database:
            database.execute("delete from visitor where digest = ?", (digest,))
        self._known.pop(digest, None)

    def _read(self, id: str, digest: str) -> tuple[Visitor, float]:
        with self._open() as database:
            row = database.execute(
                "select role, bench, person, expires from visitor where digest = ?", (digest,)
            ).fetchone()
        if row is None:
            return Visitor(id), float("inf")
        found = (Visitor(id, *row[:3]), row[3])
        self._known[digest] = found
        return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one short transaction."""
        with self._lock:
            database = sqlite3.connect(self._path, timeout=10)
            try:
                with database:
                    yield database
            finally:
                database.close()


def _digest(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
