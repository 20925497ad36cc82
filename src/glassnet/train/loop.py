"""The training loop: `train_step` is the raw loop, what stands around it keeps it honest.

Every random number of a run is derived: the order of the images from (seed, epoch), their
augmentation from (seed, epoch, sample), and what layers draw (dropout) from (seed, step). So a run
that was killed and resumed makes the same steps, bit for bit, as one that never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassnet import optim, random
from glassnet.data import Dataset, Loader, Preprocessing
from glassnet.errors import TrainingError
from glassnet.nn import Module
from glassnet.optim import EMA, Optimizer
from glassnet.tensor import Tensor
from glassnet.train import checks, history
from glassnet.train.callbacks import Callback
from glassnet.train.checkpoint import BEST, HISTORY, LAST, Checkpoint
from glassnet.train.history import Row
from glassnet.train.metrics import Loss, Metric, accuracy, evaluate
from glassnet.train.progress import Display, Silent, display, epoch_line
from glassnet.train.run import Run
from glassnet.train.schedules import Schedule

_STEP = 0x57E9  # keeps the draws of a step apart from other uses of the seed


@dataclass
class Sums:
    """What the epoch in hand adds up: the samples seen, their loss, the right answers, seconds."""

    seen: int = 0
    loss: float = 0.0
    right: float = 0.0
    seconds: float = 0.0

    def add(self, loss: float, logits: Tensor, labels: Tensor, seconds: float) -> None:
        self.seen += len(logits)
        self.loss += loss * len(logits)
        self.right += accuracy(logits.data, labels.data) * len(logits)
        self.seconds += seconds


@dataclass
class Training:
    """A run in hand; what callbacks are given.

    step     the updates made so far; epoch the epoch in hand, from 1
    history  the rows of the epochs that were ended
    total    the updates of the whole run, or None where only `time_limit` (seconds) ends it
    average  the moving average of the weights, which is then what the run is judged by
    stopped  why the run is over, or None
    """

    net: Module
    loader: Loader
    validation: Dataset | None
    optimizer: Optimizer
    loss: Loss
    schedule: Schedule | None
    average: EMA | None
    preprocessing: Preprocessing
    metrics: Mapping[str, Metric]
    callbacks: Sequence[Callback]
    config: dict[str, Any]
    recipe: dict[str, Any]
    architecture: dict[str, Any]
    seed: int
    total: int | None
    time_limit: float | None = None
    clip_norm: float | None = None
    folder: Path | None = None
    gives_best: bool = False  # at the end the best weights, not the last
    progress: bool | None = None
    step: int = 0
    epoch: int = 0
    sums: Sums = field(default_factory=Sums)
    history: list[Row] = field(default_factory=list)
    best: Row | None = None
    stopped: str | None = None
    display: Display = field(default_factory=Silent)
    _best_net: dict[str, Any] = field(default_factory=dict)

    def stop(self, reason: str) -> None:
        """End the run after the epoch in hand; `reason` becomes `run.stopped`."""
        self.stopped = reason

    # -- the run ---------------------------------------------------------------------------------
    def run(self) -> Run:
        """Train until something says stop; see `fit`."""
        modes = [(module, module.training) for module in self.net.modules()]
        self.display = display(self.progress)
        try:
            for callback in self.callbacks:
                callback.on_fit_start(self)
            while self.stopped is None:
                self.run_epoch()
        except KeyboardInterrupt:
            self._interrupt()
        finally:
            self.display.close()
            for module, training in modes:
                module.training = training
        return self._finish()

    def run_epoch(self) -> None:
        """The rest of the epoch in hand, its validation, its row and its checkpoint."""
        done, start = divmod(self.step, len(self.loader))
        self.epoch = done + 1
        if start == 0:
            self.sums = Sums()
        self.net.train()
        with closing(self.loader.batches(done, start)) as batches:
            clock = time.monotonic()
            for x, y in batches:
                loss, logits = self.train_step(x, y)
                now = time.monotonic()
                self.sums.add(loss, logits, y, now - clock)
                clock = now
                self._report_step()
                for callback in self.callbacks:
                    callback.on_step(self, loss)
                if self._is_over():
                    break
        self._end_epoch()

    def train_step(self, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
        """One update of the weights from one batch: x (n, ...), y (n,) -> loss, logits (n, K)."""
        with random.using(random.derive(self.seed, _STEP, self.step)):
            self.net.zero_grad()
            logits = self.net(x)
            loss = self.loss(logits, y)
            self._require_finite_loss(loss, x)
            loss.backward()
        self._require_finite_gradients()
        if self.clip_norm is not None:
            updated = [p for group in self.optimizer.param_groups for p in group["params"]]
            optim.clip_grad_norm_(updated, self.clip_norm)
        self.optimizer.step()
        if isinstance(self.schedule, optim.LRScheduler):
            self.schedule.step()
        if self.average is not None:
            self.average.update()
        self.step += 1
        return loss.item(), logits

    def _is_over(self) -> bool:
        """Whether the run's length is reached; notes which one it was."""
        if self.total is not None and self.step >= self.total:
            self.stopped = self.stopped or "finished"
        elif self.time_limit is not None and self._seconds() >= self.time_limit:
            self.stopped = self.stopped or "time limit"
        else:
            return False
        return True

    def _seconds(self) -> float:
        """How long the run has trained and validated so far, before a resume too."""
        done = sum(row["seconds"] for row in self.history if row["epoch"] < self.epoch)
        return float(done) + self.sums.seconds

    # -- the end of an epoch ---------------------------------------------------------------------
    def _end_epoch(self) -> None:
        self._require_finite_weights()
        row = self._row()
        for callback in self.callbacks:
            callback.on_epoch_end(self, row)
        self.history = [*(old for old in self.history if old["epoch"] < self.epoch), row]
        self.best = history.best(self.history)
        is_best = self.best is row
        if is_best and self.gives_best and self.folder is None:
            self._best_net = self._judged()
        if isinstance(self.schedule, optim.ReduceLROnPlateau):
            watched = "accuracy" if self.schedule.mode == "max" else "loss"
            self.schedule.step(row[f"validation_{watched}"])
        self.save(is_best)
        epochs = None if self.total is None else -(-self.total // len(self.loader))
        self.display.line(epoch_line(row, epochs))

    def _row(self) -> Row:
        """The epoch's row of the history; training figures are means over the epoch's steps."""
        sums = self.sums
        row: Row = {
            "epoch": self.epoch,
            "step": self.step,
            "train_loss": sums.loss / sums.seen,
            "train_accuracy": sums.right / sums.seen,
        }
        start = time.monotonic()
        if self.validation is not None:
            with self.average.applied() if self.average is not None else nullcontext():
                judged = evaluate(
                    self.net, self.validation, self.preprocessing, self.loss, self.metrics
                )
            row |= {"validation_loss": judged.loss, "validation_accuracy": judged.accuracy}
            row |= {f"validation_{name}": value for name, value in judged.metrics.items()}
        row["lr"] = self.optimizer.param_groups[0]["lr"]
        row["seconds"] = sums.seconds + time.monotonic() - start
        row["samples_per_second"] = sums.seen / max(sums.seconds, 1e-9)
        return row

    def _report_step(self) -> None:
        sums = self.sums
        done = 0.0 if self.total is None else self.step / self.total
        spent = self._seconds()
        if self.time_limit is not None:
            done = max(done, min(spent / self.time_limit, 1.0))
        rate = sums.seen / max(sums.seconds, 1e-9)
        text = (
            f"epoch {self.epoch}  loss {sums.loss / sums.seen:.4f}  "
            f"accuracy {sums.right / sums.seen:.2%}  {rate:,.0f} images/s"
        )
        self.display.step(done, text, spent * (1 - done) / done if done else 0.0)

    # -- checkpoints -----------------------------------------------------------------------------
    def save(self, is_best: bool = False) -> None:
        """Write history, best and last checkpoint, in this order: a kill between loses nothing."""
        if self.folder is None:
            return
        history.write(self.folder / HISTORY, self.history)
        now = self.checkpoint()
        for name in (BEST, LAST) if is_best else (LAST,):
            now.save(self.folder / name)

    def checkpoint(self) -> Checkpoint:
        """The run's state as it is."""
        return Checkpoint(
            config=self.config,
            classes=self.loader.dataset.classes,
            preprocessing=self.preprocessing.to_dict(),
            architecture=self.architecture,
            net=self.net.state_dict(),
            optimizer=self.optimizer.state_dict(),
            average=self.average.state_dict() if self.average is not None else None,
            schedule=self.schedule.state_dict() if self.schedule is not None else None,
            progress={"step": self.step, "sums": vars(self.sums)},
            recipe=self.recipe,
            history=self.history,
            best=self.best,
            stopped=self.stopped,
        )

    def restore(self, saved: Checkpoint) -> None:
        """Go back to the state of a checkpoint of this run."""
        self.net.load_state_dict(saved.net)
        self.optimizer.load_state_dict(saved.optimizer)
        if self.average is not None and saved.average is not None:
            self.average.load_state_dict(saved.average)
        if self.schedule is not None and saved.schedule is not None:
            self.schedule.load_state_dict(saved.schedule)
        self.step, self.sums = saved.progress["step"], Sums(**saved.progress["sums"])
        self.history, self.best = list(saved.history), saved.best
        self.stopped = saved.stopped
        self.epoch = self.history[-1]["epoch"] if self.history else 0
        if self.stopped in ("finished", "time limit"):  # it may have been given more time since
            self.stopped = None
            self._is_over()

    def _interrupt(self) -> None:
        """Ctrl-C: back to the last checkpoint, so that the run and its file say the same."""
        self.stopped = "interrupted"
        if self.folder is None:
            self.display.line("interrupted; without out= there is no checkpoint to go on from")
            return
        self.restore(Checkpoint.load(self.folder / LAST))
        self.stopped = self.stopped or "interrupted"
        self.display.line(
            f"interrupted; the {len(self.history)} finished epochs are kept in {self.folder}. "
            f"Go on with fit(..., out={str(self.folder)!r}, resume=True) or "
            f"glassnet train --resume {self.folder}"
        )

    def _judged(self) -> dict[str, Any]:
        """The weights that the run is judged by now: the average, where there is one."""
        with self.average.applied() if self.average is not None else nullcontext():
            return self.net.state_dict()

    def _finish(self) -> Run:
        """Leave in the network the weights that the run is judged by, and hand it over."""
        held = self.history[-1] if self.history else None
        if not (self.gives_best and self.best):
            self.net.load_state_dict(self._judged())
        else:
            held = self.best
            if self.folder is None:
                self.net.load_state_dict(self._best_net)
            else:
                Checkpoint.load(self.folder / BEST).write_into(self.net)
        run = Run(
            net=self.net,
            classes=self.loader.dataset.classes,
            preprocessing=self.preprocessing,
            config=self.config,
            history=self.history,
            best=self.best,
            stopped=self.stopped or "interrupted",
            epoch=held["epoch"] if held else 0,
            path=self.folder,
            validation=self.validation,
            loss=self.loss,
            metrics=self.metrics,
        )
        for callback in self.callbacks:
            callback.on_fit_end(self, run)
        return run

    # -- what must not happen --------------------------------------------------------------------
    def _require_finite_loss(self, loss: Tensor, x: Tensor) -> None:
        if loss.shape != ():
            raise TrainingError(
                f"the loss has to be one number, the mean over the batch; it has shape {loss.shape}"
            )
        if not checks.finite(loss.data):
            with random.using(random.derive(self.seed, _STEP, self.step)):
                place = checks.first_bad_place(self.net, x)
            raise self._broken(f"the loss is {loss.item()}", place)

    def _require_finite_gradients(self) -> None:
        if self.step == 0:
            checks.check_gradients(self.net, self.optimizer)
        if bad := checks.bad_gradients(self.net):
            raise self._broken(
                "the gradients are not finite, though the loss is",
                f"the gradient of {checks.named(bad[::-1])}",
            )

    def _require_finite_weights(self) -> None:
        bad = [name for name, t in self.net.named_state() if not checks.finite(t.data)]
        if bad:
            raise self._broken("the update made weights that are not finite", checks.named(bad))

    def _broken(self, what: str, place: str) -> TrainingError:
        """The error that ends a run whose numbers are no longer finite."""
        lr = self.optimizer.param_groups[0]["lr"]
        kept = f"; the checkpoint of epoch {len(self.history)} is kept" if self.folder else ""
        return TrainingError(
            f"step {self.step + 1} (epoch {self.epoch}): {what}. NaN or infinity first appears in "
            f"{place}. Lower the learning rate (now {lr:.3g}), set clip_norm=1.0, or look at the "
            f"data and at log(0), 0/0 and exp in layers of your own{kept}"
        )
