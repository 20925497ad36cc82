import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke


def test_labels_with_probabilities(invoke: Invoke, trained: Path, photos: Path) -> None:
    file = photos / "dark" / "0.png"
    result = invoke("predict", trained, file)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{file}: ")
    assert result.stdout.count(" %") == 2


def test_json(invoke: Invoke, trained: Path, photos: Path) -> None:
    result = invoke("predict", trained, photos / "dark" / "0.png", "--top", 1, "--json")
    answer = json.loads(result.stdout)
    (image,) = answer["images"]
    assert image["file"] == str(photos / "dark" / "0.png")
    assert image["label"] in ("dark", "light")
    assert 0.5 <= image["probability"] <= 1
    assert image["top"] == [{"label": image["label"], "probability": image["probability"]}]
    assert answer["unreadable"] == []


def test_a_folder_in_order(invoke: Invoke, trained: Path, photos: Path) -> None:
    answer = json.loads(invoke("predict", trained, photos, "--json").stdout)
    files = [image["file"] for image in answer["images"]]
    assert len(files) == 20
    assert files == sorted(files)


def test_probabilities_sum_to_one(invoke: Invoke, trained: Path, photos: Path) -> None:
    answer = json.loads(invoke("predict", trained, photos, "--top", 9, "--json").stdout)
    for image in answer["images"]:
        assert sum(entry["probability"] for entry in image["top"]) == pytest.approx(1, abs=1e-5)


def test_an_unreadable_image_does_not_keep_the_others_from_an_answer(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    words = ["predict", trained, tmp_path / "bad.png", photos / "light" / "1.png", "gone.png"]
    result = invoke(*words, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert [image["file"] for image in answer["images"]] == [str(photos / "light" / "1.png")]
    assert [entry["file"] for entry in answer["unreadable"]] == [
        str(tmp_path / "bad.png"),
        "gone.png",
    ]
    assert "glassnet: 2 of 3 images could not be read" in result.stderr
    assert "bad.png" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign"])
def test_a_damaged_run(
    invoke: Invoke, trained: Path, photos: Path, tmp_path: Path, damage: str
) -> None:
    content = (trained / "last.safetensors").read_bytes()
    if damage == "cut":
        (tmp_path / "last.safetensors").write_bytes(content[: len(content) // 2])
    if damage == "foreign":
        (tmp_path / "last.safetensors").write_text("hello")
    result = invoke("predict", tmp_path, photos / "dark" / "0.png")
    assert result.exit_code == 1
    assert result.stderr.startswith("glassnet: ")


def test_no_images(invoke: Invoke, trained: Path, tmp_path: Path) -> None:
    assert invoke("predict", trained).exit_code == 2
    assert invoke("predict", trained, tmp_path).exit_code == 1
