import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import glassnet as gn
from glassnet import data, optim
from glassnet.cli import recipe
from tests.cli.conftest import Invoke

SMALL = ["--size", "16", "--model", "mlp", "--batch-size", "4"]


def test_a_folder(trained: Path, photos: Path) -> None:
    run = gn.load(trained, which="last")
    assert run.classes == ["dark", "light"]
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert "validation_accuracy" in run.history[-1]
    assert (trained / "report.html").is_file()
    command = f"glassnet train {photos} --model mlp --epochs 2 --batch-size 4 --size 16x16"
    assert run.config["command"] == f"{command} --out {trained}"


def test_what_it_says(invoke: Invoke, photos: Path, tmp_path: Path) -> None:
    result = invoke("train", photos, *SMALL, "--epochs", 1, "--out", tmp_path / "r")
    assert result.exit_code == 0
    assert "16 images to train and 4 held out, 2 classes" in result.stdout
    assert "model: mlp, " in result.stdout
    assert "epoch 1/1" in result.stdout
    assert f"report: {tmp_path / 'r' / 'report.html'}" in result.stdout
    assert "\x1b" not in result.stdout  # a pipe gets no control characters
    assert "held-out accuracy: " in result.stdout.splitlines()[-1]


def test_json_is_the_only_line_of_standard_output(
    invoke: Invoke, photos: Path, tmp_path: Path
) -> None:
    result = invoke("train", photos, *SMALL, "--steps", 2, "--out", tmp_path / "r", "--json")
    answer = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert answer["run"] == str(tmp_path / "r")
    assert answer["images"] == 4
    assert answer["interval"][0] <= answer["accuracy"] <= answer["interval"][1]
    assert "epoch 1" in result.stderr


def test_a_csv(invoke: Invoke, tmp_path: Path) -> None:
    lines = ["label,a,b,c,d", *(f"{i % 2},{i % 2 * 200},{i},0,9" for i in range(20))]
    (tmp_path / "pixels.csv").write_text("\n".join(lines))
    result = invoke("train", tmp_path / "pixels.csv", "--epochs", 1, "--out", tmp_path / "r")
    assert result.exit_code == 0, result.output
    assert gn.load(tmp_path / "r").classes == ["0", "1"]


def test_the_default_folder_is_a_new_one(
    invoke: Invoke, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos-mlp", "photos-mlp-2"):
        assert invoke("train", photos, *SMALL, "--steps", 1).exit_code == 0
        assert Path("runs", name, "last.safetensors").is_file()


def test_a_run_that_is_done_resumes_to_the_same(
    invoke: Invoke, photos: Path, tmp_path: Path
) -> None:
    first = invoke("train", photos, *SMALL, "--epochs", 1, "--out", tmp_path / "r", "--json")
    again = invoke("train", "--resume", tmp_path / "r", "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_a_run_of_python_is_not_resumed_here(invoke: Invoke, tmp_path: Path) -> None:
    rows = data.arrays([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    gn.fit(gn.nn.Linear(2, 2), rows, epochs=1, out=tmp_path / "r", progress=False)
    result = invoke("train", "--resume", tmp_path / "r")
    assert result.exit_code == 1
    assert "glassnet.train.resume" in result.stderr


def test_ctrl_c_says_how_to_go_on(
    invoke: Invoke, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("glassnet.train.loop.Training.train_step", stop)
    result = invoke("train", photos, *SMALL, "--out", tmp_path / "r", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["stopped"] == "interrupted"
    assert f"glassnet train --resume {tmp_path / 'r'}" in result.stderr


def test_threads_are_given_back(invoke: Invoke, photos: Path, tmp_path: Path) -> None:
    before = gn.get_num_threads()
    words = ["--steps", 1, "--threads", before + 1, "--out", tmp_path / "r"]
    assert invoke("train", photos, *SMALL, *words).exit_code == 0
    assert gn.get_num_threads() == before


def test_rows_of_numbers_need_a_perceptron(invoke: Invoke, tmp_path: Path) -> None:
    lines = ["label,a,b,c", *(f"{i % 2},{i}.5,0,9" for i in range(20))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    words = ["train", tmp_path / "rows.csv", "--out", tmp_path / "r", "--epochs", 1]
    wrong = invoke(*words, "--model", "digits")
    assert wrong.exit_code == 1
    assert "--model mlp" in wrong.stderr
    assert invoke(*words).exit_code == 0


def test_resume_after_a_kill_gives_the_weights_of_a_run_that_was_not_killed(
    photos: Path, trained: Path, tmp_path: Path
) -> None:
    words = [*SMALL, "--epochs", "40", "--schedule", "cosine"]

    def start(out: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "glassnet", "train", str(photos), *words, "--out", out]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    whole, killed = start(tmp_path / "whole"), start(tmp_path / "killed")
    history = tmp_path / "killed" / "history.jsonl"
    while not history.exists() or history.read_text().count("\n") < 3:
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    resumed = subprocess.run(
        [sys.executable, "-m", "glassnet", "train", "--resume", tmp_path / "killed", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert whole.wait() == 0
    assert json.loads(resumed.stdout)["epochs"] == 40
    first, second = (gn.load(tmp_path / name, which="last") for name in ("whole", "killed"))
    for name, array in first.net.state_dict().items():
        assert array.tobytes() == second.net.state_dict()[name].tobytes(), name


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["train"], 2, "Give DATA"),
        (["train", "minst"], 1, "did you mean 'mnist'?"),
        (["train", "no/such/folder"], 1, "no/such/folder: neither a folder"),
        (["train", "PHOTOS", "--model", "digit"], 1, "did you mean 'digits'?"),
        (["train", "PHOTOS", "--optimizer", "adamm"], 2, "adamw"),
        (["train", "PHOTOS", "--augment", "flop"], 2, "there is no augmentation 'flop'"),
        (["train", "PHOTOS", "--augment", "shift=x"], 2, "shift=2"),
        (["train", "PHOTOS", "--size", "0"], 2, "no size"),
        (["train", "mnist", "--size", "32"], 2, "mnist has a size of its own"),
        (["train", "PHOTOS", "--epochs", "0"], 2, "--epochs"),
        (["train", "PHOTOS", "--time-limit", "9", "--schedule", "cosine"], 1, "how long"),
        (["train", "--resume", "no/such/run"], 1, "no/such/run"),
        (["train", "--resume", "RUN", "--lr", "1"], 2, "leave out lr"),
        (["train", "PHOTOS", "--out", "RUN"], 1, "holds a run"),
    ],
)
def test_mistakes(
    invoke: Invoke, photos: Path, trained: Path, words: list[str], code: int, text: str
) -> None:
    places = {"PHOTOS": str(photos), "RUN": str(trained)}
    result = invoke(*(places.get(word, word) for word in words))
    assert result.exit_code == code, result.output
    assert text in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_an_unreadable_image_is_named(invoke: Invoke, photos: Path, tmp_path: Path) -> None:
    for name in ("dark", "light"):
        (tmp_path / "p" / name).mkdir(parents=True)
        (tmp_path / "p" / name / "0.png").write_bytes((photos / name / "0.png").read_bytes())
    (tmp_path / "p" / "dark" / "bad.png").write_bytes(b"no image")
    result = invoke("train", tmp_path / "p", *SMALL, "--steps", 1, "--out", tmp_path / "r")
    assert result.exit_code == 1
    assert "bad.png" in result.stderr


def test_a_damaged_run_is_not_resumed(invoke: Invoke, trained: Path, tmp_path: Path) -> None:
    content = (trained / "last.safetensors").read_bytes()
    (tmp_path / "last.safetensors").write_bytes(content[:-100])
    result = invoke("train", "--resume", tmp_path)
    assert result.exit_code == 1
    assert "last.safetensors" in result.stderr


def test_augmentations_as_text() -> None:
    assert recipe.augmentation("") is None
    assert recipe.augmentation("none") is None
    assert recipe.augmentation("shift=2") == data.Shift(2)
    assert recipe.augmentation("Flip, crop=32:4,scale=0.8:1.2") == data.Compose(
        [data.Flip(), data.Crop(32, 4), data.Scale(0.8, 1.2)]
    )
    for wrong in ("flop", "shift=", "shift=a", "crop=1:2:3:4", "shift=-1"):
        with pytest.raises(click.BadParameter):
            recipe.augmentation(wrong)


@pytest.mark.parametrize("name", recipe.AUGMENTATIONS)
def test_every_augmentation_has_a_name(name: str) -> None:
    settings = {"shift": "=2", "crop": "=8", "cutout": "=4"}.get(name, "")
    assert type(recipe.augmentation(name + settings)).__name__.lower() == name


@pytest.mark.parametrize("name", recipe.OPTIMIZERS)
def test_optimizers_by_name(name: str) -> None:
    net = gn.nn.Linear(2, 2)
    made = recipe.optimizer(name, net, 0.1, 0.5)
    assert type(made).__name__.lower() == {"muon": "muonadamw"}.get(name, name)
    assert made.param_groups[0]["lr"] == 0.1
    assert made.param_groups[0]["weight_decay"] == 0.5


def test_schedules_are_those_of_training() -> None:
    from glassnet.train import schedules

    assert recipe.SCHEDULES == schedules.NAMES
    assert isinstance(recipe.optimizer("sgd", gn.nn.Linear(2, 2), 0.1, None), optim.SGD)
