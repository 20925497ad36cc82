"""What a user can hang into a training run without touching its loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glassnet.errors import TrainingError
from glassnet.train.history import Row

if TYPE_CHECKING:
    from glassnet.train.loop import Training
    from glassnet.train.run import Run


class Callback:
    """Override what you need. `training` has net, optimizer, history, epoch, step and `stop()`.

    A callback that keeps something of its own across epochs should derive it from
    `training.history`, which a resumed run has in full.
    """

    def on_fit_start(self, training: Training) -> None:
        """Before the first step, and again when a run is resumed."""

    def on_step(self, training: Training, loss: float) -> None:
        """After each update of the weights; loss is the batch's mean."""

    def on_epoch_end(self, training: Training, row: Row) -> None:
        """After an epoch's validation, before its checkpoint; `row` may be added to."""

    def on_fit_end(self, training: Training, run: Run) -> None:
        """When the run is over, for whatever reason but an error."""


class EarlyStopping(Callback):
    """Stop when `patience` epochs in a row were no better than the best before them.

    monitor  the column of the history to watch; lower is better where its name ends in "loss"
    gain     by how much an epoch must be better to count (>= 0, in the column's unit)

    The run then gives back its best weights (the row with the best validation accuracy), not its
    last. Raises TrainingError for a column that the history does not have.
    """

    def __init__(
        self, patience: int, monitor: str = "validation_accuracy", gain: float = 0.0
    ) -> None:
        if patience < 1 or gain < 0:
            raise TrainingError(
                f"early stopping needs patience >= 1 and gain >= 0, got {patience} and {gain}"
            )
        self.patience, self.monitor, self.gain = patience, monitor, gain

    def to_dict(self) -> dict[str, Any]:
        """The settings, JSON-able: the keyword arguments."""
        return {"patience": self.patience, "monitor": self.monitor, "gain": self.gain}

    def on_epoch_end(self, training: Training, row: Row) -> None:
        if self.waited([*training.history, row]) >= self.patience:
            training.stop("early stopping")

    def waited(self, rows: list[Row]) -> int:
        """How many rows came since the best one."""
        sign = -1 if self.monitor.endswith("loss") else 1
        best, since = -float("inf"), 0
        for row in rows:
            if self.monitor not in row:
                raise TrainingError(
                    f"early stopping watches '{self.monitor}', which the history does not have; "
                    f"it has {', '.join(row)}"
                )
            value = sign * row[self.monitor]
            best, since = (value, 0) if value > best + self.gain else (best, since + 1)
        return since
