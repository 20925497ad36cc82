"""A small machine that grows up in a folder, where others can watch it.

    folder/machine.safetensors       the machine as it is by now, a file like any other
    folder/growth.json               what it learns from, how far it is, a row for each epoch
    folder/growth/0007.safetensors   its first filters after so many epochs; 0 is before the first

Each file is written in one step, so that whoever reads meanwhile finds it whole, and a kill at any
moment loses the epoch in hand alone.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet import io
from glassnet.dreams.learn import Row, fit
from glassnet.dreams.rbm import RBM, Array
from glassnet.errors import DataError, GlassnetError, NotFound

MACHINE, NOTES, FRAMES = "machine.safetensors", "growth.json", "growth"
FILTERS = 100  # hidden units whose filters are kept of each epoch
SILENT = 60.0  # seconds without a word, or ten of its epochs, after which nobody is at work there

Digits = tuple[Array, NDArray[np.int64]]  # images (N, V) in 0..1, labels (N,)


@dataclass
class Growth:
    """What a folder tells of the machine that grows, or grew, in it.

    state    "growing", "grown", or "stopped" before its last epoch
    data     the name of what it learns from; examples, labels, visible  how much of what
    epochs   how many it is to learn; rows  one for each that it has, see `learn.Learning.history`,
             with its seconds
    accuracy of its own label units on held-out examples, when it is grown
    """

    data: str
    examples: int
    visible: int
    hidden: int
    labels: int
    epochs: int
    seed: int
    state: str = "growing"
    accuracy: float | None = None
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Growth:
        """The growth in a folder. Raises NotFound where none is, DataError for damaged notes.

        One that says it grows, and has said nothing for long, was interrupted: it is "stopped".
        """
        path = folder / NOTES
        try:
            growth = cls(**json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            raise NotFound(f"no machine has grown in {folder}: glassnet dream train") from None
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error}); train the machine again") from error
        slowest = max((row["seconds"] for row in growth.rows), default=0.0)
        if growth.state == "growing" and _age(path) > max(SILENT, 10 * slowest):
            growth.state = "stopped"
        return growth

    def write(self, folder: Path) -> None:
        """Write the notes, in one step."""
        io.atomic_write(folder / NOTES, json.dumps(asdict(self)))


def grow(
    folder: Path,
    train: Digits,
    held_out: Digits,
    data: str,
    hidden: int,
    epochs: int,
    seed: int = 0,
    watch: Callable[[Growth], None] | None = None,
    **settings: Any,
) -> Growth:
    """Teach a machine with label units, and leave in `folder` what can be watched.

    watch(growth) is called after each epoch; settings are those of `learn.fit`. An earlier growth
    in the folder is replaced. KeyboardInterrupt ends it early: the machine is as its last whole
    epoch left it, and the growth is "stopped". Raises GlassnetError where the folder holds
    something else.
    """
    (x, y), (held_x, held_y) = train, held_out
    labels = int(y.max()) + 1
    rbm = RBM(x.shape[1], hidden, labels, seed=seed)
    growth = Growth(data, len(x), rbm.visible, hidden, labels, epochs, seed)
    _clear(folder)
    record = _Recorder(folder, rbm, growth, watch)
    try:
        fit(rbm, x, y, held_x, record, epochs=epochs, seed=seed, **settings)
    except KeyboardInterrupt:
        growth.state = "stopped"
    else:
        growth.state = "grown"
        growth.accuracy = accuracy(rbm, held_x, held_y)
    growth.write(folder)
    return growth


class _Recorder:
    """Writes what can be watched: before the first epoch, and after each."""

    def __init__(
        self, folder: Path, rbm: RBM, growth: Growth, watch: Callable[[Growth], None] | None
    ) -> None:
        self.folder, self.rbm, self.growth, self.watch = folder, rbm, growth, watch
        self._save(0)
        self.since = time.monotonic()

    def __call__(self, epoch: int, row: Row) -> None:
        now = time.monotonic()
        self.growth.rows.append(row | {"seconds": now - self.since})
        self._save(epoch)
        if self.watch is not None:
            self.watch(self.growth)
        self.since = time.monotonic()

    def _save(self, epoch: int) -> None:
        """Filters, then the machine, then the notes that tell of them."""
        shown = self.rbm.weight.T[:FILTERS].astype(np.float16)  # (F, V)
        io.save(_frame(self.folder, epoch), {"filters": shown}, {"epoch": epoch})
        self.rbm.save(self.folder / MACHINE)
        self.growth.write(self.folder)


def filters(folder: Path, epoch: int) -> Array:
    """The first filters after an epoch, (F, V). Raises CheckpointError where there are none."""
    shown: Array = io.load(_frame(folder, epoch))[0]["filters"].astype(np.float32)
    return shown


def accuracy(rbm: RBM, x: ArrayLike, y: NDArray[np.integer], at_once: int = 500) -> float:
    """How often argmax over k of p(y = k | v), which is exact, is the label."""
    v = rbm.examples(x)
    parts = [rbm.p_class(v[i : i + at_once]).argmax(axis=1) for i in range(0, len(v), at_once)]
    return float((np.concatenate(parts) == y).mean())


def growing(runs: Path) -> list[Path]:
    """The folders below `runs` in which a machine grows or grew, the newest first."""
    notes = [path for path in runs.glob(f"*/{NOTES}") if path.is_file()]
    return [path.parent for path in sorted(notes, key=_age)]


def _clear(folder: Path) -> None:
    """Make room for a growth, where an earlier one or nothing is."""
    if folder.exists() and any(folder.iterdir()) and not (folder / NOTES).is_file():
        raise GlassnetError(
            f"{folder} holds something else, and a growing machine would mix with it; choose "
            f"another --out"
        )
    shutil.rmtree(folder / FRAMES, ignore_errors=True)


def _frame(folder: Path, epoch: int) -> Path:
    return folder / FRAMES / f"{epoch:04d}.safetensors"


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
