"""Where a session stands, and what follows from it: which trial is open, and what may be seen.

T trials. All is worked out from the session's row and the manifest; nothing here reads or writes.
"""

from dataclasses import dataclass
from typing import Any

from glassnet.errors import Refused
from glassnet.humans.manifest import Item, Manifest
from glassnet.humans.vault import pseudonym
from glassnet.humans.views import State, TrialView


@dataclass(frozen=True)
class Place:
    """One session at one moment: its row joined with its bench's lock."""

    manifest: Manifest
    trials: tuple[Item, ...]
    row: Any

    @property
    def trial(self) -> int | None:
        """The open trial: the one being revised, else the first without an answer; None: none."""
        if self.row.revising is not None:
            return int(self.row.revising)
        return int(self.row.trial) if self.row.trial < len(self.trials) else None

    @property
    def open_trial(self) -> int:
        """The open trial, where there must be one."""
        trial = self.trial
        if trial is None:
            raise Refused("every image is answered")
        return trial

    @property
    def following(self) -> int | None:
        """The trial that comes after the open one."""
        after = self.open_trial + 1 if self.row.revising is None else int(self.row.trial)
        return after if after < len(self.trials) else None

    @property
    def locked(self) -> bool:
        """Whether nothing can be answered any more: one's own lock, or that of the bench."""
        return self.row.locked_at is not None or self.row.bench_locked_at is not None

    @property
    def state(self) -> State:
        """Where it stands, in a word."""
        if self.row.withdrawn_at is not None:
            return "withdrawn"
        if self.locked:
            return "locked"
        if self.row.consented_at is None:
            return "consent"
        trial = self.trial
        if trial is None:
            return "done"
        return "training" if self.trials[trial].kind == "training" else "test"

    @property
    def can_undo(self) -> bool:
        """Whether an answer of the test can be taken back."""
        last = self.row.trial if self.row.revising is None else self.row.revising
        return self.manifest.undo and last > len(self.manifest.of_kind("training"))

    @property
    def revealed(self) -> bool:
        """Whether the truth may be told to this person."""
        if self.row.bench_locked_at is not None:
            return True
        return self.manifest.reveal == "session" and self.row.locked_at is not None

    @property
    def hidden(self) -> bool:
        """Whether the open trial's image was shown and may not be shown again."""
        return self.manifest.resume == "once" and self.row.shows > 1

    @property
    def visible(self) -> list[int]:
        """The trials whose images this person may have now."""
        if self.row.withdrawn_at is not None:
            return []
        if self.revealed:
            return list(range(self.row.trial))
        if self.state not in ("training", "test") or self.row.paused_at is not None:
            return []
        trials = [] if self.hidden else [self.open_trial]
        return trials if self.following is None else [*trials, self.following]

    def require_running(
        self, *, consent: bool = True, pause: bool = True, lock: bool = True
    ) -> None:
        """Raise Refused where nothing may be answered; each reason can be left out."""
        if self.row.withdrawn_at is not None:
            raise Refused("this participation was withdrawn")
        if lock and self.locked:
            raise Refused("the test is over")
        if consent and self.row.consented_at is None:
            raise Refused("the consent comes first")
        if pause and self.row.paused_at is not None:
            raise Refused("this session is paused; resume it first")

    def require_revealed(self) -> None:
        """Raise Refused while the truth is not to be told."""
        self.require_running(consent=False, pause=False, lock=False)
        if not self.revealed:
            raise Refused("the truth is told after the test is locked")

    def image_id(self, trial: int) -> str:
        """The random id of a trial's image, for this session alone."""
        return pseudonym(self.row.nonce, "image", str(trial))

    def token(self, trial: int, revision: int) -> str:
        """What an answer to this trial must bring along."""
        return pseudonym(self.row.nonce, "token", str(trial), str(revision))

    def view(self, given: tuple[str, ...] = ()) -> TrialView:
        """What the page is told of the open trial; `given` is the answer being revised."""
        manifest, trial, timing = self.manifest, self.open_trial, self.manifest.timing
        item, training = self.trials[trial], len(self.manifest.of_kind("training"))
        trains, following = trial < training, self.following
        return TrialView(
            trial=trial,
            token=self.token(trial, self.row.revision),
            revision=self.row.revision,
            phase="training" if trains else "test",
            number=1 + (trial if trains else trial - training),
            total=training if trains else len(self.trials) - training,
            image=None if self.hidden else self.image_id(trial),
            preload=None if following is None else self.image_id(following),
            shows=self.row.shows,
            guesses=manifest.guesses,
            choice=manifest.choice,
            fixation_ms=timing.fixation_ms,
            exposure_ms=timing.exposure_ms,
            mask_ms=timing.mask_ms,
            deadline_ms=timing.deadline_ms,
            confidence=manifest.confidence,
            label=item.truth[0] if manifest.show_label and item.kind == "test" else None,
            given=given,
            can_undo=self.can_undo,
        )
