"""What a participant's page is told: a trial, a receipt, and after the lock the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
