"""One change of a session within one transaction: an entry in its log, and its row moved on."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from glassnet.errors import Conflict
from glassnet.humans import log, taken
from glassnet.humans.place import Place
from glassnet.humans.records import Records
from glassnet.humans.vault import same
from glassnet.humans.views import Feedback, Receipt, TrialView

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Step:
    """One change of a session within one transaction; `place` is kept up to date."""

    def __init__(
        self, records: Records, session: str, connection: "Connection", place: Place
    ) -> None:
        self.records, self.session = records, session
        self.connection, self.place = connection, place

    def log(
        self,
        kind: log.Entry,
        content: Mapping[str, Any] | None = None,
        *,
        trial: int | None = None,
        revision: int | None = None,
        changes: Mapping[str, Any] | None = None,
        at: int | None = None,
    ) -> None:
        """Add an entry, and change the session's row in the same statement that moves its head."""
        written = log.append(
            self.connection,
            self.place.row,
            self.records.key(self.connection, self.session),
            kind,
            content,
            trial=trial,
            revision=revision,
            at=log.now() if at is None else at,
        )
        self.update({"entries": written.entries, "head": written.head, **(changes or {})})

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change the session's row."""
        row = SimpleNamespace(**(vars(self.place.row) | dict(changes)))
        self.records.update(self.connection, row)
        self.place = Place(self.place.manifest, self.place.trials, row)

    def show(self, log_it: bool = True) -> TrialView:
        """Count a showing of the open trial, start its clock, and tell the page of it."""
        changes = {"shows": self.place.row.shows + 1, "shown_at": log.now()}
        if changes["shows"] > 1 and log_it:
            content = {"shows": changes["shows"]}
            self.log("shown", content, trial=self.place.trial, changes=changes)
        else:
            self.update(changes)
        return self.view()

    def view(self) -> TrialView:
        """The open trial as it stands, without counting a showing."""
        row = self.place.row
        if row.revising is None:
            return self.place.view()
        content = self._answer(self.place.open_trial, row.revision - 1)[1]
        return self.place.view(tuple(content["answers"]))

    def take(self, content: taken.Content, at: int) -> Receipt:
        """Log the answer to the open trial; what comes next is shown from this moment on."""
        row, trial = self.place.row, self.place.open_trial
        server_ms = None if row.shown_at is None else max(0, at - row.shown_at)
        stored = content | {
            "item": self.place.trials[trial].name,
            "server_ms": server_ms,
            "shows": row.shows,
            "late": taken.late(self.place.manifest.timing, content["client_ms"], server_ms),
        }
        revised = row.revising is not None  # then the trial that was left comes back
        self.log(
            "answer",
            stored,
            trial=trial,
            revision=row.revision,
            changes={
                "trial": row.trial if revised else trial + 1,
                "revising": None,
                "revision": 0,
                "shows": 2 if revised else 1,
                "shown_at": log.now(),
            },
            at=at,
        )
        return self._receipt(trial, row.revision, self.place.row.head, stored)

    def repeated(self, trial: int, token: str, revision: int, content: taken.Content) -> Receipt:
        """The receipt of an answer that was taken before; Conflict unless it is the same."""
        self.place.require_running(lock=False, pause=False)
        if not same(token, self.place.token(trial, revision)):
            raise Conflict(f"trial {trial} is not the one that is open; load the page again")
        entry, stored = self._answer(trial, revision)
        if any(stored[name] != content[name] for name in ("answers", "confidence")):
            raise Conflict(f"trial {trial} was answered already, and otherwise")
        return self._receipt(trial, revision, entry.hash, stored, repeated=True)

    def last_revision(self, trial: int) -> int:
        """The newest revision of a trial that was answered."""
        return self.records.last_revision(self.connection, self.session, trial)

    def destroy_key(self) -> None:
        """Make the content of the log unreadable for good."""
        self.records.destroy_key(self.connection, self.session)

    def _answer(self, trial: int, revision: int) -> tuple[Any, taken.Content]:
        """An answer that was taken: its entry and its content. Raises Conflict without one."""
        entry = self.records.answer(self.connection, self.session, trial, revision)
        if entry is None:
            raise Conflict(f"trial {trial} is not the one that is open; load the page again")
        key = self.records.key(self.connection, self.session)
        return entry, log.read(key, entry)

    def _receipt(
        self,
        trial: int,
        revision: int,
        head: str,
        content: taken.Content,
        repeated: bool = False,
    ) -> Receipt:
        place, item = self.place, self.place.trials[trial]
        feedback = None
        if item.kind == "training":
            feedback = Feedback(item.truth, taken.right(place.manifest, item, content))
        following = self.view() if place.state in ("training", "test") else None
        return Receipt(trial, revision, head, repeated, feedback, following)
