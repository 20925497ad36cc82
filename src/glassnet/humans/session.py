"""One participant at work: what is asked next, what was answered, and what may be seen when.

Every change is one entry in the session's log (see `log.py`), written to the disk before the call
returns. Nothing that a `TrialView`, a `Receipt` of the test or an image tells gives the truth away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from glassnet.humans.bench import Bench

State = Literal["consent", "training", "test", "done", "locked", "withdrawn"]
EVENTS = ("blur", "focus", "hidden", "visible", "resize", "key", "offline", "online", "preload")


@dataclass(frozen=True)
class TrialView:
    """What a participant's page is told of one trial; no truth in it, JSON-able by `asdict`.

    trial       its number in the session, from 0, training first
    token       to be sent back with the answer; good once, for this trial and revision
    revision    0 at first, one more each time that the trial is answered anew
    phase       "training" or "test"
    number      its place in the phase, from 1, of `total`
    image       a random id for `Session.image`, or None where the protocol shows an image only
                once and this one was shown: the answer is given from memory or left empty
    preload     the id of the image that comes next, if any
    shows       how often it has been shown, this time included
    label       the given label, in protocols that show it; else None
    given       the answer that is being revised, () where there is none
    can_undo    whether `Session.undo` has something to undo
    """

    trial: int
    token: str
    revision: int
    phase: Literal["training", "test"]
    number: int
    total: int
    image: str | None
    preload: str | None
    shows: int
    guesses: int
    choice: str
    fixation_ms: int
    exposure_ms: int | None
    mask_ms: int
    deadline_ms: int | None
    confidence: bool
    label: str | None
    given: tuple[str, ...]
    can_undo: bool


@dataclass(frozen=True)
class Feedback:
    """After a trial of the training phase: the truth, and whether the answer was right."""

    truth: tuple[str, ...]
    right: bool


@dataclass(frozen=True)
class Receipt:
    """An answer that is on the disk.

    hash      the head of the session's chain after it: the participant's proof
    repeated  whether this very answer had been taken before (a lost acknowledgement)
    feedback  in the training phase only
    next      what comes next; None at the end
    """

    trial: int
    revision: int
    hash: str
    repeated: bool
    feedback: Feedback | None
    next: TrialView | None


@dataclass(frozen=True)
class Revealed:
    """One trial after the lock: one's own answer beside the truth and the models' answers.

    image   an id for `Session.image`
    models  name -> its ranked answers
    causes  how the participant tagged it, keys of `manifest.CAUSES`
    """

    trial: int
    image: str
    answers: tuple[str, ...]
    truth: tuple[str, ...]
    right: bool
    models: Mapping[str, tuple[str, ...]]
    models_right: Mapping[str, bool]
    causes: tuple[str, ...] = ()
    note: str = ""


class Session:
    """One participant in one bench. Cheap to make anew for each request; safe from any thread.

    id      random, unguessable; what a signed-in browser belongs to
    person  the name in the report, "P1", "P2", ...
    """

    def __init__(self, bench: "Bench", id: str, number: int) -> None:
        self.bench, self.id, self.number = bench, id, number

    @property
    def person(self) -> str:
        """The name in reports and exports."""
        return f"P{self.number + 1}"

    @property
    def state(self) -> State:
        """Where it stands: consent, training, test, done (all answered), locked, withdrawn."""
        raise NotImplementedError

    @property
    def phase(self) -> State:
        """The same as `state`."""
        return self.state

    @property
    def paused(self) -> bool:
        """Whether it was paused, and not resumed yet."""
        raise NotImplementedError

    def progress(self) -> dict[str, Any]:
        """Own pace: {"state", "paused", "answered", "total", "seconds" (median an answer)}."""
        raise NotImplementedError

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
        raise NotImplementedError

    def current(self) -> TrialView | None:
        """What to show now, or None at the end. Each call counts as one showing of the trial.

        The server's clock of the trial starts anew. Raises Refused before consent, while paused,
        after the lock and after withdrawal.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def undo(self) -> TrialView:
        """Take the last answer of the test back, to revise it; both stay in the log.

        After the revision comes the trial that was open before. Called again it goes one further
        back. Raises Refused where there is nothing to undo or the protocol does not allow it.
        """
        raise NotImplementedError

    def pause(self) -> None:
        """Log a pause; the open trial is not counted on. Harmless when paused already."""
        raise NotImplementedError

    def resume(self) -> TrialView | None:
        """End a pause: the open trial again, by the protocol's policy."""
        raise NotImplementedError

    def record(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Log events outside an answer (kinds as in `answer`). At most 200 at a time."""
        raise NotImplementedError

    def image(self, id: str) -> bytes:
        """The PNG of an image id: of the current trial, the next, or after the lock any of one's.

        All of a bench have the same length and size. Raises NotFound for every other id.
        """
        raise NotImplementedError

    def lock(self) -> None:
        """Hand the test in: nothing can be changed any more. Raises Refused before the end."""
        raise NotImplementedError

    def reveal(self) -> tuple[Revealed, ...]:
        """The test beside truth and models, in the person's order.

        Raises Refused before the bench (or, where the protocol says so, the session) is locked.
        """
        raise NotImplementedError

    def tag(self, trial: int, causes: Sequence[str], note: str = "") -> None:
        """Say why an answer went wrong, after the reveal: keys of `manifest.CAUSES`.

        "label" with a note says that the given label is wrong, and why. The last tag counts.
        """
        raise NotImplementedError

    def withdraw(self) -> None:
        """Destroy the session's key: the content of its answers is gone, its chain still verifies.

        The report counts the withdrawal. Cannot be undone; allowed at any time.
        """
        raise NotImplementedError
