"""What the database holds of the sessions of one bench: their rows, keys, logs and answers."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from glassnet.errors import NotFound, Refused
from glassnet.humans import log
from glassnet.humans.schema import BENCH, ENTRY, SESSION, SESSION_KEY
from glassnet.humans.store import Store
from glassnet.humans.taken import Content
from glassnet.humans.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ID: Any = bindparam("session_id")
_ROW = (
    select(SESSION, BENCH.c.locked_at.label("bench_locked_at"))
    .join(BENCH, SESSION.c.bench == BENCH.c.name)
    .where(SESSION.c.id == _ID)
)
_ROW_LOCKED = _ROW.with_for_update(of=SESSION)
_KEY = select(SESSION_KEY.c.wrapped).where(SESSION_KEY.c.session == _ID)
_ANSWERS = select(ENTRY).where(ENTRY.c.session == _ID, ENTRY.c.kind == "answer")
_ANSWER = _ANSWERS.where(
    ENTRY.c.trial == bindparam("trial"), ENTRY.c.revision == bindparam("revision")
)
_LAST = select(func.max(ENTRY.c.revision)).where(
    ENTRY.c.session == _ID, ENTRY.c.kind == "answer", ENTRY.c.trial == bindparam("trial")
)
# Statements that every answer takes are made once; only their values change.
_MOVING = (
    "consented_at trial revising revision shows shown_at paused_at locked_at withdrawn_at "
    "entries head"
).split()
_UPDATE = (
    update(SESSION)
    .where(SESSION.c.id == _ID)
    .values({name: bindparam(f"new_{name}") for name in _MOVING})
)


class Records:
    """The sessions of one bench as they are stored."""

    def __init__(self, store: Store, vault: Vault, bench: str) -> None:
        self.store, self.vault, self.bench = store, vault, bench
        self._keys: dict[str, bytes] = {}

    def row(self, connection: "Connection", session: str, lock: bool = False) -> SimpleNamespace:
        """A session's row with its bench's lock; `lock` holds it until the transaction ends."""
        found = connection.execute(
            _ROW_LOCKED if lock else _ROW, {"session_id": session}
        ).one_or_none()
        if found is None or found.bench != self.bench:
            raise NotFound(f"'{self.bench}' has no such session")
        return SimpleNamespace(**found._mapping)

    def rows(self, connection: "Connection") -> list[SimpleNamespace]:
        """The rows of all sessions, in the order of their numbers."""
        query = (
            select(SESSION, BENCH.c.locked_at.label("bench_locked_at"))
            .join(BENCH, SESSION.c.bench == BENCH.c.name)
            .where(SESSION.c.bench == self.bench)
            .order_by(SESSION.c.number)
        )
        return [SimpleNamespace(**row._mapping) for row in connection.execute(query)]

    def begin(self, connection: "Connection", id: str, nonce: bytes) -> int:
        """Add a session; its number. The bench's row is held, so that numbers stay apart."""
        held = select(BENCH.c.locked_at).where(BENCH.c.name == self.bench).with_for_update()
        if connection.execute(held).scalar_one() is not None:
            raise Refused(f"the test of '{self.bench}' is over")
        numbers = select(func.count()).select_from(SESSION).where(SESSION.c.bench == self.bench)
        number = int(connection.execute(numbers).scalar_one())
        started = {"trial": 0, "revision": 0, "shows": 0, "entries": 0, "head": log.START}
        about = {"id": id, "bench": self.bench, "number": number, "nonce": nonce}
        connection.execute(insert(SESSION), about | started | {"created_at": log.now()})
        self._keys[id], wrapped = self.vault.new_key(id)
        connection.execute(insert(SESSION_KEY), {"session": id, "wrapped": wrapped})
        return number

    def update(self, connection: "Connection", row: SimpleNamespace) -> None:
        """Store what moves in a session's row."""
        values = {f"new_{name}": getattr(row, name) for name in _MOVING}
        connection.execute(_UPDATE, values | {"session_id": row.id})

    def key(self, connection: "Connection", session: str) -> bytes:
        """A session's key, kept in memory for those at work. Raises Refused once destroyed."""
        if session not in self._keys:
            key = self._stored_key(connection, session)
            if key is None:
                raise Refused("this participation was withdrawn; its answers cannot be read")
            self._keys[session] = key
        return self._keys[session]

    def _stored_key(self, connection: "Connection", session: str) -> bytes | None:
        wrapped = connection.execute(_KEY, {"session_id": session}).scalar_one_or_none()
        return None if wrapped is None else self.vault.unwrap(wrapped, session)

    def destroy_key(self, connection: "Connection", session: str) -> None:
        """Delete a session's key, here and in memory."""
        connection.execute(delete(SESSION_KEY).where(SESSION_KEY.c.session == session))
        self._keys.pop(session, None)

    def answer(
        self, connection: "Connection", session: str, trial: int, revision: int
    ) -> Any | None:
        """The entry of one answer, or None."""
        about = {"session_id": session, "trial": trial, "revision": revision}
        return connection.execute(_ANSWER, about).one_or_none()

    def last_revision(self, connection: "Connection", session: str, trial: int) -> int:
        """The newest revision of a trial that was answered."""
        return int(connection.execute(_LAST, {"session_id": session, "trial": trial}).scalar_one())

    def last_at(self, session: str) -> int | None:
        """When the last entry was written."""
        query = select(func.max(ENTRY.c.at)).where(ENTRY.c.session == session)
        with self.store.read() as connection:
            return connection.execute(query).scalar_one()

    def entries(self, session: str, *kinds: log.Entry) -> list[tuple[Any, Content]]:
        """(entry, content) of the log in order, of some kinds or all; [] once withdrawn."""
        query = select(ENTRY).where(ENTRY.c.session == session).order_by(ENTRY.c.number)
        if kinds:
            query = query.where(ENTRY.c.kind.in_(kinds))
        with self.store.read() as connection:
            key = self._stored_key(connection, session)  # another process may have destroyed it
            if key is None:
                return []
            return [(entry, log.read(key, entry)) for entry in connection.execute(query)]

    def final(self, session: str) -> dict[int, Content]:
        """trial -> the content of its last revision."""
        return {entry.trial: content for entry, content in self.entries(session, "answer")}

    def tags(self, session: str) -> dict[int, Content]:
        """trial -> its last tag."""
        return {entry.trial: content for entry, content in self.entries(session, "tag")}

    def broken(self) -> dict[int, str]:
        """number of a session -> what is wrong with its log; {}: all hold."""
        with self.store.read() as connection:
            found = {
                row.number: log.broken(
                    row,
                    connection.execute(
                        select(ENTRY).where(ENTRY.c.session == row.id).order_by(ENTRY.c.number)
                    ),
                )
                for row in self.rows(connection)
            }
        return {number: wrong for number, wrong in found.items() if wrong is not None}
