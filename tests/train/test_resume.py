"""A run that is killed and resumed ends in the same weights, bit for bit, as one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import glassnet as gn
from glassnet import nn, optim, train
from glassnet.errors import CheckpointError, GlassnetWarning, TrainingError
from glassnet.train import Callback, Run
from tests.train.small import fit, images, network, rows, weights

PROJECT = Path(__file__).resolve().parents[2]


class Interrupt(Callback):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, training: train.Training, loss: float) -> None:
        if training.step == self.step:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole() -> Run:
    """The run that was never stopped."""
    return fit()


def start(out: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.train.small", str(out), *more]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    )


def same(run: Run, whole: Run) -> None:
    assert weights(run) == weights(whole)
    assert rows(run) == rows(whole)
    assert run.path is not None
    assert train.history.read(run.path / "history.jsonl") == run.history
    assert weights(gn.load(run.path, which="last")) == weights(whole)


def test_killed_at_any_moment(tmp_path: Path, whole: Run) -> None:
    moment = random.Random(time.time_ns())
    for _ in range(4):
        process = start(tmp_path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moment.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    same(fit(tmp_path, resume=True), whole)


@pytest.mark.parametrize(
    ("call", "count"), [("fsync", 1), ("fsync", 5), ("replace", 3), ("replace", 5)]
)
def test_killed_while_it_writes(tmp_path: Path, whole: Run, call: str, count: int) -> None:
    process = start(tmp_path, call, str(count))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    same(fit(tmp_path, resume=True), whole)


@pytest.mark.parametrize("step", [3, 6, 7, 17])
def test_interrupted(
    tmp_path: Path, whole: Run, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit(tmp_path, callbacks=[Interrupt(step)], progress=None)
    assert (run.stopped, run.finished, len(run.history)) == ("interrupted", False, (step - 1) // 6)
    assert "resume=True" in capsys.readouterr().out
    assert weights(run) == weights(gn.load(tmp_path, which="last"))
    same(train.resume(tmp_path, images(90), images(30, 1), progress=False), whole)


def test_interrupted_without_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(callbacks=[Interrupt(8)], progress=None)
    assert run.stopped == "interrupted"
    assert len(run.history) == 1
    assert "no checkpoint" in capsys.readouterr().out


def test_a_finished_run_is_not_trained_again(tmp_path: Path, whole: Run) -> None:
    fit(tmp_path)
    again = train.resume(tmp_path, images(90), images(30, 1), progress=False)
    same(again, whole)
    assert again.stopped == "finished"


def test_more_time_goes_on_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    short, more = ({"schedule": None, "steps": n, "epochs": None} for n in (8, 13))
    assert [row["step"] for row in fit(tmp_path, **short).history] == [6, 8]
    longer = fit(tmp_path, resume=True, **more)
    assert [row["step"] for row in longer.history] == [6, 12, 13]
    same(longer, fit(**more))
    assert longer.config["steps"] == 13


def test_a_schedule_of_ones_own(tmp_path: Path) -> None:
    def half(step: int) -> float:
        return 0.5**step

    whole = fit(schedule=half)
    fit(tmp_path, schedule=half, callbacks=[Interrupt(9)])
    with pytest.raises(CheckpointError, match=r"a schedule of its own.*resume=True"):
        train.resume(tmp_path, images(90), images(30, 1))
    same(fit(tmp_path, schedule=half, resume=True), whole)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    fit(tmp_path, epochs=1)
    with pytest.raises(TrainingError, match=r"(?s)batch_size: 16, now 8.*choose another out"):
        fit(tmp_path, epochs=1, batch_size=8, resume=True)
    with pytest.raises(TrainingError, match="epochs: 1, now 2"):
        fit(tmp_path, epochs=2, resume=True)
    with pytest.raises(TrainingError, match=r"train: .*squares"):
        train.resume(tmp_path, images(60), images(30, 1))
    net = network()
    net[2] = nn.GELU()
    with pytest.raises(CheckpointError, match="not the one"):
        fit(tmp_path, net, epochs=1, resume=True)


def test_groups_and_frozen_layers_are_made_again(tmp_path: Path) -> None:
    def made(**options: object) -> Run:
        net = network()
        net[0].freeze()
        groups = [{"params": [net[1].weight], "lr": 1e-3}, {"params": net[6].parameters()}]
        with pytest.warns(GlassnetWarning, match="no optimizer has '1.bias'"):
            return fit(net=net, optimizer=optim.SGD(groups, lr=0.1, momentum=0.9), **options)

    whole = made()
    made(out=tmp_path, callbacks=[Interrupt(9)])
    with pytest.warns(GlassnetWarning, match=r"1\.bias"):
        resumed = train.resume(tmp_path, images(90), images(30, 1), progress=False)
    same(resumed, whole)
    assert [g["lr"] for g in resumed.config["optimizer"]["groups"]] == [1e-3, 0.1]


def test_another_number_of_threads_is_told(tmp_path: Path) -> None:
    fit(tmp_path, epochs=1)
    saved = train.Checkpoint.load(tmp_path / "last.safetensors")
    saved.config["threads"] += 1
    saved.save(tmp_path / "last.safetensors")
    with pytest.warns(GlassnetWarning, match="last bits"):
        fit(tmp_path, epochs=1, resume=True)


def test_folders(tmp_path: Path) -> None:
    begun = fit(tmp_path, resume=True, epochs=1)  # nothing there yet: begins
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"resume=True.*overwrite=True.*another out="):
        fit(tmp_path, epochs=1)
    assert rows(gn.load(tmp_path)) == rows(begun)
    with pytest.raises(TrainingError, match="say one"):
        fit(tmp_path, resume=True, overwrite=True)
    with pytest.raises(TrainingError, match="need out="):
        fit(resume=True)
    assert len(fit(tmp_path, overwrite=True, epochs=2).history) == 2
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "last.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no last\.safetensors"):
        fit(tmp_path, resume=True)
