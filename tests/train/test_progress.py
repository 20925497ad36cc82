"""What a run says: live on a terminal, plain in a pipe."""

import io
import sys
from types import SimpleNamespace

import pytest

from glassnet.train.progress import Lines, Live, Silent, clock, display, epoch_line
from tests.train.small import fit

ROW = {"epoch": 2, "train_loss": 0.5, "train_accuracy": 0.875, "seconds": 75.2}
ROW |= {"samples_per_second": 1234.5}


class Terminal(io.StringIO):
    """Standard output as a terminal has it."""

    def isatty(self) -> bool:
        return True


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.6, 75.2, 4000)] == ["0:00", "1:00", "1:15", "1:06:40"]


def test_a_row_as_a_line() -> None:
    assert epoch_line(ROW, 10) == ("epoch  2/10   train loss 0.5000 accuracy 87.50%   1:15")
    judged = ROW | {"validation_loss": 0.25, "validation_accuracy": 0.9}
    assert "   validation loss 0.2500 accuracy 90.00%   " in epoch_line(judged, None)


def test_which_display(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(display(False)) is Silent
    assert type(display(None)) is Lines
    monkeypatch.setattr(sys, "stdout", Terminal())
    live = display(None)
    assert isinstance(live, Live)
    live.close()
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert type(display(None)) is Lines  # rich needs ipywidgets to draw in a notebook


def test_live_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr("glassnet.train.progress.REFRESH", 1e-3)
    fit(epochs=2, time_limit=1000, progress=None)
    text = terminal.getvalue()
    assert "epoch 2/2   train loss" in text
    for word in ("epoch 1  loss", "accuracy", "images/s", "left", "\x1b["):
        assert word in text
