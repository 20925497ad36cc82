"""One participant at work: what is asked next, what was answered, and what may be seen when.

Every change is one entry in the session's log (log.py), on the disk before the call returns.
Nothing that a `TrialView`, a `Receipt` of the test or an image tells gives the truth away.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from glassnet.errors import Conflict, NotFound, Refused
from glassnet.humans import log, taken
from glassnet.humans.manifest import CAUSES, Item
from glassnet.humans.place import Place
from glassnet.humans.step import Step
from glassnet.humans.vault import same, token_digest
from glassnet.humans.views import Receipt, Revealed, State, TrialView

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from glassnet.humans.service import Bench

T = TypeVar("T")


class Session:
    """One participant in one bench. Cheap to make anew for each request; safe from any thread.

    id      random, unguessable; what a signed-in browser belongs to
    number  from 0, in the order of coming
    """

    def __init__(self, bench: "Bench", id: str, number: int) -> None:
        self.bench, self.id, self.number = bench, id, number

    def __repr__(self) -> str:
        return f"<{self.person} of '{self.bench.name}': {self.state}>"

    @property
    def person(self) -> str:
        """The name in reports and exports: "P1", "P2", ..."""
        return f"P{self.number + 1}"

    @property
    def state(self) -> State:
        """Where it stands: consent, training, test, done (all answered), locked, withdrawn."""
        return self._look().state

    @property
    def phase(self) -> State:
        """The same as `state`."""
        return self.state

    @property
    def complete(self) -> bool:
        """Whether every image was answered, whatever came after."""
        return int(self._look().row.trial) == len(self.trials)

    @property
    def paused(self) -> bool:
        """Whether it was paused, and not resumed yet."""
        return self._look().row.paused_at is not None

    @property
    def trials(self) -> tuple[Item, ...]:
        """The items in this person's order, training first. They hold the truth."""
        return self.bench.trials(self.number)

    def progress(self) -> dict[str, Any]:
        """Own pace: {"state", "paused", "answered", "total", "seconds" (median an answer)}."""
        place = self._look()
        return {
            "state": place.state,
            "paused": place.row.paused_at is not None,
            "answered": place.row.trial,
            "total": len(self.trials),
            "seconds": taken.median_seconds(self.bench.records.final(self.id).values()),
        }

    def consent(
        self,
        agreed: bool,
        *,
        seen_before: bool | None = None,
        browser: str = "",
        screen: tuple[int, int] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Log the consent, the words agreed to (their hash) and what was asked with it.

        seen_before  whether the person knows the images
        browser      the User-Agent; `screen` (width, height) in CSS pixels
        about        further answers (age group, experience, ...): short texts and numbers

        Raises Refused where `agreed` is not true, and Conflict after the first time.
        """
        if agreed is not True:
            raise Refused("without consent nobody takes part; the page may simply be closed")
        content = {
            "words": token_digest(self.bench.manifest.consent),
            "seen_before": seen_before,
            "browser": browser[:400],
            "screen": None if screen is None else [int(side) for side in screen][:2],
            "about": taken.short(about or {}),
        }

        def job(step: Step) -> None:
            if step.place.row.consented_at is not None:
                raise Conflict("consent was given already")
            step.place.require_running(consent=False)
            step.log("consent", content, changes={"consented_at": log.now()})

        self._write(job)

    def current(self) -> TrialView | None:
        """What to show now, or None at the end. Each call counts as one showing of the trial.

        The server's clock of the trial starts anew. Raises Refused before consent, while paused,
        after the lock and after withdrawal.
        """

        def job(step: Step) -> TrialView | None:
            step.place.require_running()
            return None if step.place.trial is None else step.show()

        return self._write(job)

    def answer(
        self,
        trial: int,
        token: str,
        revision: int,
        answers: Sequence[str],
        client_ms: float,
        confidence: float | None = None,
        events: Sequence[Mapping[str, Any]] = (),
        wrong_label: str | None = None,
    ) -> Receipt:
        """Take an answer; it is on the disk when this returns.

        answers      class names, the best first; () is no answer
        client_ms    from the image to the answer, by the browser's clock
        confidence   0..1, where the protocol asks for it
        events       what happened meanwhile: {"kind": one of EVENTS, "ms": since the image}
        wrong_label  where the given label is shown and is wrong: the reason

        The same answer sent again gives its receipt again (`repeated`). Raises Conflict for
        another answer to what was answered, or to a trial that is not the current one; DataError
        for classes that are none, too many, or twice; Refused as `current`.
        """
        return self.answer_soon(
            trial, token, revision, answers, client_ms, confidence, events, wrong_label
        ).result()

    def answer_soon(
        self,
        trial: int,
        token: str,
        revision: int,
        answers: Sequence[str],
        client_ms: float,
        confidence: float | None = None,
        events: Sequence[Mapping[str, Any]] = (),
        wrong_label: str | None = None,
    ) -> Future[Receipt]:
        """As `answer`, without waiting: the result is there when the answer is on the disk."""
        at = log.now()
        content = taken.content(
            self.bench.manifest, answers, client_ms, confidence, events, wrong_label
        )

        def job(step: Step) -> Receipt:
            place = step.place
            if trial != place.trial or revision != place.row.revision:
                return step.repeated(trial, token, revision, content)
            place.require_running()
            if not same(token, place.token(trial, revision)):
                raise Conflict(f"this is not the token of trial {trial}; load the page again")
            return step.take(content, at)

        return self._submit(job)

    def undo(self) -> TrialView:
        """Take the last answer of the test back, to revise it; both stay in the log.

        After the revision comes the trial that was open before. Called again it goes one further
        back. Raises Refused where there is nothing to undo or the protocol does not allow it.
        """

        def job(step: Step) -> TrialView:
            row = step.place.row
            step.place.require_running()
            if not step.place.can_undo:
                raise Refused("there is no answer of the test that could be taken back")
            trial = (row.trial if row.revising is None else row.revising) - 1
            last = step.last_revision(trial)
            changes = {"revising": trial, "revision": last + 1, "shows": 1}
            step.log("undo", trial=trial, revision=last, changes=changes)
            return step.show(log_it=False)

        return self._write(job)

    def pause(self) -> None:
        """Log a pause; the clock of the open trial stops. Harmless when paused already."""

        def job(step: Step) -> None:
            if step.place.row.paused_at is None:
                step.place.require_running()
                step.log("pause", trial=step.place.trial, changes={"paused_at": log.now()})

        self._write(job)

    def resume(self) -> TrialView | None:
        """End a pause: the open trial again, by the protocol's policy."""

        def job(step: Step) -> TrialView | None:
            step.place.require_running(pause=False)
            if step.place.row.paused_at is not None:
                step.log("resume", trial=step.place.trial, changes={"paused_at": None})
            return None if step.place.trial is None else step.show()

        return self._write(job)

    def record(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Log events outside an answer (kinds as in `answer`). At most 200 at a time."""
        content = {"events": taken.events(events)}

        def job(step: Step) -> None:
            step.place.require_running(pause=False)
            step.log("events", content, trial=step.place.trial)

        self._write(job)

    def image(self, id: str) -> bytes:
        """The PNG of an image id: of the current trial, the next, or after the lock any of one's.

        All of a bench have the same length and size. Raises NotFound for every other id.
        """
        name = self.bench.shown.find(self.id, id)
        if name is None:  # this server did not show it last: the database knows
            place = self._look()
            found = (trial for trial in place.visible if same(id, place.image_id(trial)))
            trial = next(found, None)
            if trial is None:
                raise NotFound("there is no such image, or not yet")
            name = self.trials[trial].name
        return self.bench.image("shown", name)

    def lock(self) -> None:
        """Hand the test in: nothing can be changed any more. Raises Refused before the end."""

        def job(step: Step) -> None:
            if step.place.row.locked_at is not None:
                return
            step.place.require_running()
            if step.place.trial is not None:
                left = len(self.trials) - step.place.row.trial
                raise Refused(f"{left} images are not answered yet")
            step.log("lock", changes={"locked_at": log.now()})

        self._write(job)

    def reveal(self) -> tuple[Revealed, ...]:
        """The test beside truth and models, in the person's order.

        Raises Refused before the bench (or, where the protocol says so, the session) is locked.
        """
        place, models = self._look(), self.bench.models()
        place.require_revealed()
        tags = self.bench.records.tags(self.id)
        shown = []
        for trial, content in sorted(self.bench.records.final(self.id).items()):
            item = self.trials[trial]
            given = {n: m.answers[item.name] for n, m in models.items() if item.name in m.answers}
            tag = tags.get(trial, {"causes": [], "note": ""})
            if item.kind != "test":
                continue
            shown.append(
                Revealed(
                    trial=trial,
                    image=place.image_id(trial),
                    answers=taken.counted(content),
                    truth=item.truth,
                    right=taken.right(place.manifest, item, content),
                    models={n: ranked[: place.manifest.guesses] for n, ranked in given.items()},
                    models_right={
                        n: taken.accepts(place.manifest, item, ranked)
                        for n, ranked in given.items()
                    },
                    causes=tuple(tag["causes"]),
                    note=tag["note"],
                )
            )
        return tuple(shown)

    def tag(self, trial: int, causes: Sequence[str], note: str = "") -> None:
        """Say why an answer went wrong, after the reveal: keys of `manifest.CAUSES`.

        "label" with a note says that the given label is wrong, and why. The last tag counts.
        """
        content = {"causes": taken.among(causes, CAUSES, "cause"), "note": note[:1000]}

        def job(step: Step) -> None:
            step.place.require_revealed()
            if not 0 <= trial < step.place.row.trial:
                raise NotFound(f"trial {trial} was not answered")
            step.log("tag", content, trial=trial)

        self._write(job)

    def withdraw(self) -> None:
        """Destroy the session's key: the content of its answers is gone, its chain still verifies.

        The report counts the withdrawal. Cannot be undone; allowed at any time.
        """

        def job(step: Step) -> None:
            if step.place.row.withdrawn_at is None:
                step.log("withdraw", changes={"withdrawn_at": log.now()})
                step.destroy_key()

        self._write(job)
        self.bench.forget(self.id)

    def _look(self) -> Place:
        """Where the session stands now, for reading alone."""
        with self.bench.store.read() as connection:
            return self._place(connection, lock=False)

    def _place(self, connection: "Connection", lock: bool) -> Place:
        row = self.bench.records.row(connection, self.id, lock)
        return Place(self.bench.manifest, self.trials, row)

    def _write(self, job: Callable[[Step], T]) -> T:
        """Run a step in the writer's next transaction, with the session's row locked."""
        return self._submit(job).result()

    def _submit(self, job: Callable[[Step], T]) -> Future[T]:
        def run(connection: "Connection") -> T:
            place = self._place(connection, lock=True)
            step = Step(self.bench.records, self.id, connection, place)
            result = job(step)
            self.bench.shown.put(self.id, step.place)
            return result

        return self.bench.store.submit(run)
