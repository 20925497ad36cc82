"""`glassnet features`, `transfer`, `export` and `predict` after one another, on a small network."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Invoke


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *a, **k: tmp_path / "cache")
    return tmp_path / "cache"


def test_features(invoke: Invoke, trained: Path, photos: Path, tmp_path: Path) -> None:
    words = ["features", photos, "--model", trained, "-o", tmp_path / "f.npz"]
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert "features: 20 computed in" in result.stdout
    with np.load(tmp_path / "f.npz") as saved:
        assert saved["features"].shape == (20, 256)
        assert saved["classes"].tolist() == ["dark", "light"]
        assert saved["labels"].tolist() == [0] * 10 + [1] * 10
        assert saved["files"][0] == "dark/0.png"
        assert json.loads(str(saved["about"]))["layer"] == "head"
    answer = json.loads(invoke(*words, "--json").stdout)
    assert answer["computed"] == 0 and answer["images"] == 20


def test_features_of_a_flat_folder(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path
) -> None:
    words = ["features", photos / "dark", "--model", trained, "-o", tmp_path / "f.npz"]
    assert invoke(*words).exit_code == 0
    with np.load(tmp_path / "f.npz") as saved:
        assert "labels" not in saved


def test_a_probe_is_a_run(invoke: Invoke, trained: Path, photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "probe"
    words = ["transfer", photos, "--model", trained, "--out", run, "--curve"]
    result = invoke(*words, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["accuracy"] == 1.0 and answer["images"] == 4
    assert answer["interval"][0] < 1 and answer["mean_average_precision"] == 1.0
    assert answer["split"] == "20 % of the images of every class held out, by seed 0"
    assert answer["layer"] == "head" and answer["duplicates"] == []
    assert [point["each"] for point in answer["curve"]] == [1, 2, 5, 8]
    assert "duplicates: none across the split" in result.stderr
    again = invoke(*words)
    assert again.exit_code == 1 and "holds a run already; choose another --out" in again.stderr

    said = invoke("predict", run, photos / "dark" / "3.png")
    assert said.stdout.startswith(f"{photos / 'dark' / '3.png'}: dark")
    judged = json.loads(invoke("report", run, "--json").stdout)
    assert judged["accuracy"] == 1.0
    assert "glassnet: " in invoke("train", "--resume", run).stderr


def test_fine_tuning_and_a_control(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path
) -> None:
    words = ["transfer", photos, "--model", trained, "--out", tmp_path / "run", "--finetune", 1]
    result = invoke(*words, "--epochs", 1, "--augment", "flip", "--control", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["probe"] == 1.0 and 0 <= answer["accuracy"] <= 1
    assert 0 <= answer["control"]["accuracy"] <= 1
    assert (tmp_path / "run" / "control" / "last.safetensors").exists()


def test_export_to_python(invoke: Invoke, trained: Path, photos: Path, tmp_path: Path) -> None:
    result = invoke("export", trained, "--to", "python", "-o", tmp_path / "net.py", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["images"] == 4 and answer["difference"] < 1e-4
    picture = photos / "light" / "1.png"
    done = subprocess.run(
        [sys.executable, tmp_path / "net.py", picture], capture_output=True, text=True, check=True
    )
    label = json.loads(invoke("predict", trained, picture, "--json").stdout)["images"][0]["label"]
    assert done.stdout.startswith(f"{picture}: {label} ")


@pytest.mark.parametrize("kind", ["onnx", "safetensors"])
def test_export_to_files(invoke: Invoke, trained: Path, tmp_path: Path, kind: str) -> None:
    result = invoke("export", trained, "--to", kind, "-o", tmp_path / f"net.{kind}")
    assert result.exit_code == 0, result.output
    assert (tmp_path / f"net.{kind}").exists()


@pytest.fixture
def clips(photos: Path, tmp_path: Path) -> Path:
    for name in ("dark", "light"):
        for i in range(10):
            folder = tmp_path / "clips" / name / f"clip{i // 2}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.open(photos / name / f"{i}.png").save(folder / f"{i}.png")
    return tmp_path / "clips"


def test_clips(invoke: Invoke, trained: Path, clips: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = invoke("transfer", clips, "--clips", "--model", trained, "--out", run, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["train"] == 8 and answer["held_out"] == 2 and answer["accuracy"] == 1.0
    said = json.loads(invoke("predict", run, clips / "dark", "--json").stdout)
    assert [image["file"] for image in said["images"]] == [
        str(clips / "dark" / f"clip{i}") for i in range(5)
    ]
    assert {image["label"] for image in said["images"]} == {"dark"}


def test_attributes(invoke: Invoke, trained: Path, photos: Path, tmp_path: Path) -> None:
    rows = [f"{name}/{i}.png,{int(name == 'light')},{i % 2}"
            for name in ("dark", "light") for i in range(10)]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(["file,bright,odd", *rows]))
    words = ["transfer", photos, "--attributes", tmp_path / "t.csv", "--model", trained]
    result = invoke(*words, "--out", tmp_path / "run", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    bright, odd = answer["attributes"]
    assert bright["accuracy"] == 1.0 and bright["average_precision"] == 1.0
    assert odd["attribute"] == "odd"
    said = json.loads(invoke("predict", tmp_path / "run", photos / "light", "--json").stdout)
    assert all(image["attributes"]["bright"] > 0.5 for image in said["images"])
    assert invoke("report", tmp_path / "run").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--clips", "--finetune", 1], "--finetune is for folders of classes, not for --clips"),
        (["--layer", "blocks.9"], "no layer 'blocks.9'"),
        (["--model", "lenet5"], "no pretrained weights for 'lenet5'"),
        (["--model", "efficientnet_lit0"], "did you mean 'efficientnet_lite0'?"),
    ],
)
def test_mistakes(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path, words: list[object], message: str
) -> None:
    model = [] if "--model" in words else ["--model", trained]
    result = invoke("transfer", photos, *model, "--out", tmp_path / "run", *words)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_none(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("transfer", tmp_path / "gone").exit_code == 2
    result = invoke("transfer", tmp_path)
    assert result.exit_code == 1 and "expected at least two folders with images" in result.stderr
