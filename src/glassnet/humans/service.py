"""One bench: a frozen manifest, and the people and models that answer to it."""

import contextlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from glassnet.errors import GlassnetError, NotFound, Refused
from glassnet.humans import invitations, log, migrate, taken
from glassnet.humans.cache import Cache, Shown
from glassnet.humans.invitations import Role
from glassnet.humans.manifest import Item, Manifest
from glassnet.humans.order import trials
from glassnet.humans.place import Place
from glassnet.humans.records import Records
from glassnet.humans.schema import BENCH, IMAGE
from glassnet.humans.session import Session

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from glassnet.humans.answers import Answers, ModelAnswers
    from glassnet.humans.judging import Case
    from glassnet.humans.store import Store
    from glassnet.humans.vault import Vault

WEEK = timedelta(days=7)


class Bench:
    """One bench; `Benches.get` gives it. Safe from any thread.

    name, manifest  frozen when it was made
    records         what is stored of its sessions
    """

    def __init__(self, store: "Store", vault: "Vault", data: Path, manifest: Manifest) -> None:
        self.store, self.vault, self.data = store, vault, data
        self.name, self.manifest = manifest.name, manifest
        self.records = Records(store, vault, manifest.name)
        self.trials = lru_cache(maxsize=1024)(self._trials)
        self.shown = Shown()
        self._images = Cache()
        self._numbers: dict[str, int] = {}  # of sessions; they never change

    def __repr__(self) -> str:
        return f"<bench '{self.name}': {self.manifest.protocol}, {len(self.manifest.items)} images>"

    @property
    def locked(self) -> bool:
        """Whether the test is over for everybody."""
        query = select(BENCH.c.locked_at).where(BENCH.c.name == self.name)
        with self.store.read() as connection:
            return connection.execute(query).scalar_one() is not None

    def lock(self) -> None:
        """End the test for everybody; from now on the truth may be told. Cannot be undone."""

        def job(connection: "Connection") -> None:
            unlocked = (BENCH.c.name == self.name) & BENCH.c.locked_at.is_(None)
            connection.execute(update(BENCH).where(unlocked).values(locked_at=log.now()))

        self.store.write(job)

    def invite(
        self, people: int = 1, expires: timedelta = WEEK, role: Role = "participant"
    ) -> list[str]:
        """Tokens for links, each good once and until it expires; only their hashes are kept."""

        def job(connection: "Connection") -> list[str]:
            return invitations.issue(connection, self.name, people, expires, role)

        if role == "participant" and self.locked:
            raise Refused(f"the test of '{self.name}' is over; nobody can take part any more")
        return self.store.write(job)

    def accept(self, token: str) -> Session:
        """Use a participant's invitation up: a new session. Raises Refused for a bad token."""

        def job(connection: "Connection") -> Session:
            invitations.use(connection, self.name, token, "participant")
            return self._begin(connection)

        return self.store.write(job)

    def accept_adjudicator(self, token: str) -> str:
        """Use an adjudicator's invitation up: the adjudicator's name ("A1"). Raises Refused."""
        return self.store.write(
            lambda connection: invitations.use(connection, self.name, token, "adjudicator")
        )

    def walk_in(self) -> Session:
        """A new session without an invitation, in a bench that is open. Raises Refused."""
        if not self.manifest.open:
            raise Refused(f"'{self.name}' is open to invited people only")
        return self.store.write(self._begin)

    def session(self, id: str) -> Session:
        """The session of that id. Raises NotFound, also for one of another bench."""
        if id not in self._numbers:
            with self.store.read() as connection:
                self._numbers[id] = self.records.row(connection, id).number
        return Session(self, id, self._numbers[id])

    def sessions(self) -> list[Session]:
        """All sessions, in the order of their numbers."""
        with self.store.read() as connection:
            return [Session(self, row.id, row.number) for row in self.records.rows(connection)]

    def strip(self, index: int) -> bytes:
        """The examples of class `index` side by side in one WebP.

        Each is `display.exemplar_side` pixels high and wide. Raises NotFound where there are none.
        """
        return self.image("strip", str(index))

    def exemplar_count(self, index: int) -> int:
        """How many examples stand in the strip of class `index`."""
        if not 0 <= index < len(self.manifest.classes):
            raise NotFound(f"there is no class {index}")
        return len(self.manifest.exemplars.get(self.manifest.class_names[index], ()))

    def image(self, kind: str, name: str) -> bytes:
        """A stored image: "shown" or "given" by the item's name, "strip" by the class's index.

        For the service itself: names of items are not for participants. Raises NotFound.
        """

        def read() -> bytes:
            key = (IMAGE.c.bench == self.name) & (IMAGE.c.kind == kind) & (IMAGE.c.name == name)
            with self.store.read() as connection:
                found = connection.execute(select(IMAGE.c.body).where(key)).scalar_one_or_none()
            if found is None:
                raise NotFound("there is no such image")
            return bytes(found)

        return self._images.get((kind, name), read)

    def add_model(self, name: str, source: str | Path, date: str | None = None) -> "ModelAnswers":
        """Put a model beside the people, on exactly the bench's images.

        source  a glassnet run's folder: it is shown the images through its own preprocessing; or
                a CSV, JSON or NPY file of answers (see predictions.py for the forms)
        date    when it was published, ISO 8601

        Raises DataError where the classes do not fit; Conflict where the name is taken by other
        answers.
        """
        from glassnet.humans import rivals

        return rivals.add(self, name, Path(source), date)

    def models(self) -> "Mapping[str, ModelAnswers]":
        """The models beside the people. For the owner; participants see them after the lock."""
        from glassnet.humans import rivals

        return rivals.stored(self)

    def status(self) -> dict[str, Any]:
        """How it goes, JSON-able.

        name, protocol, digest, locked, images, invitations {sent, used, expired}, withdrawn,
        models (names), chains_hold, and people: a dictionary each with person, state, answered,
        total, seconds (median an answer), started, last (ISO 8601), paused.
        """
        with self.store.read() as connection:
            rows = self.records.rows(connection)
            sent = invitations.counts(connection, self.name)
        return {
            "name": self.name,
            "protocol": self.manifest.protocol,
            "digest": self.manifest.digest,
            "locked": self.locked,
            "images": len(self.manifest.of_kind("test")),
            "invitations": sent,
            "people": [self._about(row) for row in rows],
            "withdrawn": sum(row.withdrawn_at is not None for row in rows),
            "models": list(self.models()),
            "chains_hold": not self.verify(),
        }

    def facts(self) -> dict[str, Any]:
        """What the owner stated for the reporting checklist, by the keys of `checklist.FIELDS`."""
        query = select(BENCH.c.facts).where(BENCH.c.name == self.name)
        with self.store.read() as connection:
            return json.loads(connection.execute(query).scalar_one())

    def state_facts(self, facts: Mapping[str, Any]) -> None:
        """Add to or change the owner's statements for the checklist."""

        def job(connection: "Connection") -> None:
            mine = BENCH.c.name == self.name
            held = select(BENCH.c.facts).where(mine).with_for_update()
            stated = json.loads(connection.execute(held).scalar_one()) | dict(facts)
            text = json.dumps(stated, ensure_ascii=False)
            connection.execute(update(BENCH).where(mine).values(facts=text))

        self.store.write(job)

    def analysis(self, *, exclude: bool = True, adjudicated: bool = False) -> "Answers":
        """What statistics and report work on.

        exclude      leave out whom the manifest's rules exclude
        adjudicated  also accept what most adjudicators called acceptable

        Before the lock it is a look at an unfinished test: `facts["locked"]` is False, and the
        report says so.
        """
        from glassnet.humans import analysis

        return analysis.answers(self, exclude, adjudicated)

    def export(self, path: str | Path) -> int:
        """Every revision of every trial as one row of a CSV file; returns how many."""
        from glassnet.humans import export

        return export.write(self, Path(path))

    def cases(self, adjudicator: str) -> "tuple[Case, ...]":
        """The images that anyone, person or model, got wrong, in an order of this adjudicator.

        Raises Refused before the lock.
        """
        from glassnet.humans import judging

        return judging.cases(self, adjudicator)

    def case_image(self, id: str) -> bytes:
        """The PNG of a case. Raises NotFound, and Refused before the lock."""
        from glassnet.humans import judging

        return judging.image(self, id)

    def adjudicate(
        self,
        adjudicator: str,
        case: str,
        acceptable: Sequence[str] = (),
        causes: Mapping[str, Sequence[str]] | None = None,
        label_wrong: bool = False,
        note: str = "",
    ) -> None:
        """Judge a case: which of its answers are acceptable, and why each other one is wrong.

        causes  answer -> keys of `manifest.CAUSES`

        The last judgement of an adjudicator counts. Raises DataError for other answers and causes.
        """
        from glassnet.humans import judging

        judging.judge(self, adjudicator, case, acceptable, causes or {}, label_wrong, note)

    def verify(self) -> list[str]:
        """Recompute every session's chain; what does not hold, in words ([]: all holds)."""
        return [f"P{number + 1}: {wrong}" for number, wrong in self.records.broken().items()]

    def forget(self, session: str) -> None:
        """Erase what is left of a session's destroyed key: in old pages, and in backups."""
        migrate.forget(self.store.engine, self.data, session)

    def _trials(self, number: int) -> tuple[Item, ...]:
        return trials(self.manifest, number)

    def _begin(self, connection: "Connection") -> Session:
        id = secrets.token_urlsafe(18)
        return Session(self, id, self.records.begin(connection, id, secrets.token_bytes(32)))

    def _about(self, row: Any) -> dict[str, Any]:
        place, seconds = Place(self.manifest, self.trials(row.number), row), None
        with contextlib.suppress(GlassnetError):  # what was tampered with is told by the chain
            seconds = taken.median_seconds(self.records.final(row.id).values())
        return {
            "person": f"P{row.number + 1}",
            "state": place.state,
            "answered": row.trial,
            "total": len(place.trials),
            "seconds": seconds,
            "started": log.iso(row.created_at),
            "last": log.iso(self.records.last_at(row.id) or row.created_at),
            "paused": row.paused_at is not None,
        }
