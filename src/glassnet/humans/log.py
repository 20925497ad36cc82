"""The log of a session: entries that are only ever added, chained by their hashes.

hash(n) = SHA-256 of hash(n - 1) and of the canonical JSON of session, number, kind, trial,
revision, time and SHA-256 of the sealed content. The chain is about the sealed bytes, so that it
still verifies when the key, and with it the content, is destroyed.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert

from glassnet.humans.schema import ENTRY
from glassnet.humans.vault import seal, unseal

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

Entry = Literal[
    "consent", "shown", "answer", "undo", "pause", "resume", "events", "lock", "tag", "withdraw"
]
START = "0" * 64
_INSERT = insert(ENTRY)


def now() -> int:
    """Milliseconds since 1970, UTC, by the server's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Written:
    """Where a log stands after an entry: what its session remembers."""

    entries: int
    head: str


def append(
    connection: "Connection",
    session: Any,
    key: bytes | None,
    kind: Entry,
    content: Mapping[str, Any] | None = None,
    *,
    trial: int | None = None,
    revision: int | None = None,
    at: int,
) -> Written:
    """Add an entry to the log of `session` (its row, locked by this transaction)."""
    number = session.entries
    sealed = b"" if key is None else seal(key, dict(content or {}), _place(session.id, number))
    row = {
        "session": session.id,
        "number": number,
        "kind": kind,
        "trial": trial,
        "revision": revision,
        "at": at,
        "sealed": sealed,
        "previous": session.head,
    }
    row["hash"] = chained(row)
    connection.execute(_INSERT, row)
    return Written(number + 1, row["hash"])


def read(key: bytes, entry: Any) -> dict[str, Any]:
    """The content of an entry's row."""
    return unseal(key, entry.sealed, _place(entry.session, entry.number))


def chained(entry: Mapping[str, Any]) -> str:
    """The hash of an entry, from all its other columns."""
    about = {
        "session": entry["session"],
        "number": entry["number"],
        "kind": entry["kind"],
        "trial": entry["trial"],
        "revision": entry["revision"],
        "at": entry["at"],
        "sealed": hashlib.sha256(entry["sealed"]).hexdigest(),
    }
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((entry["previous"] + text).encode()).hexdigest()


def broken(session: Any, entries: "Iterable[Row[Any]]") -> str | None:
    """What is wrong with the log of a session (its row and its entries in order), or None."""
    head, number = START, 0
    for entry in entries:
        if entry.number != number:
            return f"entry {number} is missing"
        if entry.previous != head or chained(entry._asdict()) != entry.hash:
            return f"entry {number} was changed"
        head, number = entry.hash, number + 1
    if (number, head) != (session.entries, session.head):
        return f"it ends after {number} entries, but {session.entries} were written"
    return None


def _place(session: str, number: int) -> str:
    return f"{session}/{number}"


def iso(at: int) -> str:
    """Milliseconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
