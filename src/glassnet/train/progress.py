"""What a run says while it goes: a live line on a terminal, one plain line an epoch in a pipe."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from glassnet.train.history import Row

if TYPE_CHECKING:
    from rich.progress import Progress

REFRESH = 0.1  # seconds between two updates of the live line


class Display(Protocol):
    """Where a run reports to."""

    def step(self, done: float, text: str, left: float) -> None:
        """A step was made: share of the run that is done, what to show, seconds that are left."""

    def line(self, text: str) -> None:
        """A line that stays: an epoch's row, a message."""

    def close(self) -> None:
        """The run is over."""


def display(choice: bool | None = None) -> Display:
    """The display that fits: `False` nothing, `True` the live line, None as standard output asks.

    None is live on a terminal and in a notebook, and one plain line an epoch elsewhere.
    """
    if choice is False:
        return Silent()
    return Live() if choice or _is_live() else Lines()


def _is_live() -> bool:
    """Whether standard output is a terminal, or a notebook that rich can draw in."""
    if "ipykernel" in sys.modules:
        return importlib.util.find_spec("ipywidgets") is not None
    return sys.stdout.isatty()


class Silent:
    """Says nothing."""

    def step(self, done: float, text: str, left: float) -> None:
        pass

    def line(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class Lines(Silent):
    """Plain lines on standard output, without control characters."""

    def line(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Live:
    """A progress bar that is drawn over itself, with the lines that stay above it."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._last = 0.0
        self._bar: Progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.description}"),
            TextColumn("{task.fields[left]} left"),
            transient=True,
            refresh_per_second=1 / REFRESH,
        )
        self._task = self._bar.add_task("", total=1.0, left="?")
        self._bar.start()

    def step(self, done: float, text: str, left: float) -> None:
        now = time.monotonic()
        if now - self._last >= REFRESH:
            self._last = now
            self._bar.update(self._task, completed=done, description=text, left=clock(left))

    def line(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()


def clock(seconds: float) -> str:
    """75.2 -> "1:15", 4000 -> "1:06:40"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def epoch_line(row: Row, epochs: int | None) -> str:
    """A row of the history as one line; the figures of training are means over the epoch."""
    of = f"/{epochs}" if epochs else ""
    parts = [f"epoch {row['epoch']:>{len(str(epochs or ''))}}{of}"]
    parts.append(_pair("train", row, "train"))
    if "validation_loss" in row:
        parts.append(_pair("validation", row, "validation"))
    return "   ".join([*parts, clock(row["seconds"])])


def _pair(title: str, row: dict[str, Any], prefix: str) -> str:
    return f"{title} loss {row[f'{prefix}_loss']:.4f} accuracy {row[f'{prefix}_accuracy']:.2%}"
