"""The service layer of the human bench: what web pages and the command line call.

`Benches` is one database with its data folder; `Bench` is one frozen protocol in it; `Session` is
one participant (session.py). No HTTP here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from glassnet.humans.answers import Answers, ModelAnswers
from glassnet.humans.manifest import Manifest
from glassnet.humans.session import Feedback, Receipt, Revealed, Session, TrialView

__all__ = [
    "Bench",
    "Benches",
    "Case",
    "Feedback",
    "Invitation",
    "Receipt",
    "Revealed",
    "Session",
    "TrialView",
]

Role = Literal["participant", "adjudicator"]
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Invitation:
    """What an invitation's token opens; `usable` is False once used or expired."""

    bench: str
    role: Role
    label: str
    usable: bool


@dataclass(frozen=True)
class Case:
    """One image to adjudicate, without who answered what.

    id       random to the adjudicator
    image    an id for `Bench.case_image`
    truth    the given label
    answers  all classes that people and models answered besides it, pooled and shuffled
    judged   whether this adjudicator has judged it
    """

    id: str
    image: str
    truth: tuple[str, ...]
    answers: tuple[str, ...]
    judged: bool


class Benches:
    """All benches of one database. Safe from any thread; close it at the end.

    database  an SQLAlchemy URL ("postgresql://user@host/name"), or None for SQLite in `data`
    data      the folder of the SQLite file, the server's secret and the backups; by default
              `glassnet` in the user's data directory

    The schema is brought up to date, after a backup. Raises GlassnetError where the database
    cannot be opened or is of a newer glassnet.
    """

    def __init__(self, database: str | None = None, data: Path | None = None) -> None:
        raise NotImplementedError

    def create(
        self,
        name: str,
        source: str,
        preset: str = "cifar10-2011",
        *,
        images: int | None = None,
        exemplars: int | None = None,
        training: int | None = None,
        seed: int = 0,
        hierarchy: Path | None = None,
        consent: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> "Bench":
        """Make a bench and freeze it.

        source     "cifar10", "digits" (demo), a folder of class folders, a CSV of paths and
                   labels, or the folder of a glassnet run (then: its test set)
        images     test images, drawn by `seed`; None: as the preset says, at most all there are
        exemplars  examples a class; training: images of the training phase
        hierarchy  a JSON file of classes with their place in a hierarchy, see `presets`
        consent    the owner's words
        changes    other fields of the manifest: {"confidence": True, "timing": {...}, ...}

        Raises Conflict where the name is taken, DataError for names other than
        letters, digits, - and _, and for images that cannot be used.
        """
        raise NotImplementedError

    def demo(self) -> "Bench":
        """The demo on twenty digits, with a network that was trained on others; made once.

        Anyone may take part (`Bench.walk_in`), and sees the truth after one's own last answer.
        """
        raise NotImplementedError

    def get(self, name: str) -> "Bench":
        """The bench of that name. Raises NotFound."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """The names of all benches, the newest last."""
        raise NotImplementedError

    def invitation(self, token: str) -> Invitation | None:
        """What a token opens, or None for one that means nothing."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish what is being written and close the database."""
        raise NotImplementedError


class Bench:
    """One bench: a frozen manifest, and the people and models that answer to it."""

    name: str
    manifest: Manifest

    @property
    def locked(self) -> bool:
        """Whether the test is over for everybody."""
        raise NotImplementedError

    def lock(self) -> None:
        """End the test for everybody; from now on the truth may be told. Cannot be undone."""
        raise NotImplementedError

    def invite(
        self, people: int = 1, expires: timedelta = WEEK, role: Role = "participant"
    ) -> list[str]:
        """Tokens for links, each good once and until it expires; only their hashes are kept."""
        raise NotImplementedError

    def accept(self, token: str) -> Session:
        """Use a participant's invitation up: a new session. Raises Refused for a bad token."""
        raise NotImplementedError

    def accept_adjudicator(self, token: str) -> str:
        """Use an adjudicator's invitation up: the adjudicator's name ("A1"). Raises Refused."""
        raise NotImplementedError

    def walk_in(self) -> Session:
        """A new session without an invitation, in a bench that is open. Raises Refused."""
        raise NotImplementedError

    def session(self, id: str) -> Session:
        """The session of that id. Raises NotFound, also for one of another bench."""
        raise NotImplementedError

    def sessions(self) -> list[Session]:
        """All sessions, in the order of their numbers."""
        raise NotImplementedError

    def strip(self, index: int) -> bytes:
        """The examples of class `index` side by side in one WebP, each `display.exemplar_side`
        pixels high and wide. Raises NotFound where the bench has none."""
        raise NotImplementedError

    def exemplar_count(self, index: int) -> int:
        """How many examples stand in the strip of class `index`."""
        raise NotImplementedError

    def add_model(self, name: str, source: str | Path, date: str | None = None) -> ModelAnswers:
        """Put a model beside the people, on exactly the bench's images.

        source  a glassnet run's folder: it is shown the images through its own preprocessing; or
                a CSV, JSON or NPY file of answers (see `answers` for the forms)
        date    when it was published, ISO 8601

        Raises DataError where the classes do not fit; Conflict where the name is taken by other
        answers.
        """
        raise NotImplementedError

    def models(self) -> Mapping[str, ModelAnswers]:
        """The models beside the people. For the owner; participants see them after the lock."""
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        """JSON-able: name, protocol, digest, locked, images, invitations {sent, used, expired},
        people (a dictionary each: person, state, answered, total, started, last,
        seconds (median), paused), withdrawn, models (names), chains_hold."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What the owner stated for the reporting checklist, by the keys of `checklist.FIELDS`."""
        raise NotImplementedError

    def state_facts(self, facts: Mapping[str, Any]) -> None:
        """Add to or change the owner's statements for the checklist."""
        raise NotImplementedError

    def analysis(self, *, exclude: bool = True, adjudicated: bool = False) -> Answers:
        """What statistics and report work on.

        exclude      leave out whom the manifest's rules exclude
        adjudicated  also accept what most adjudicators called acceptable

        Before the lock it is a look at an unfinished test: `facts["locked"]` is False, and the
        report says so.
        """
        raise NotImplementedError

    def export(self, path: str | Path) -> int:
        """Every revision of every trial as one row of a CSV file; returns how many."""
        raise NotImplementedError

    def cases(self, adjudicator: str) -> tuple[Case, ...]:
        """The images that anyone, person or model, got wrong, in an order of this adjudicator.

        Raises Refused before the lock.
        """
        raise NotImplementedError

    def case_image(self, id: str) -> bytes:
        """The PNG of a case. Raises NotFound."""
        raise NotImplementedError

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
        """
        raise NotImplementedError

    def verify(self) -> list[str]:
        """Recompute every session's chain; what does not hold, in words ([]: all holds)."""
        raise NotImplementedError
