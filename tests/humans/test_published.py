from pathlib import Path

import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.published import cifar10_networks, cifar10h, geirhos

HEADER = "subj,{},trial,rt,object_response,category,condition,imagename\n"


def write(path: Path, rows: list[str], session: str = "session") -> None:
    path.write_text(HEADER.format(session) + "\n".join(rows) + "\n", "utf-8")


def test_geirhos(tmp_path: Path) -> None:
    write(
        tmp_path / "one.csv",
        [
            "subject-01,1,2,0.5,na,dog,0,0002_ske_s01_0_dog_00_dog_1.png",
            "subject-01,1,1,0.75,dog,cat,0,0001_ske_s01_0_cat_00_cat-9.png",
        ],
        session="Session",
    )
    write(tmp_path / "net.csv", ["resnet50,1,1,NaN,cat,cat,0,0001_ske_dnn_0_cat_00_cat-9.png"])
    found = geirhos(tmp_path)
    assert found.classes == ("cat", "dog") and found.items == ("cat-9.png", "dog_1.png")
    first, second = found.trials
    assert (first.item, first.order, first.answers, first.seconds) == (
        "cat-9.png", 0, ("dog",), 0.75,
    )  # fmt: skip
    assert second.answers == () and found.correct.tolist() == [[0, 0]]
    assert found.models["resnet50"].answers == {"cat-9.png": ("cat",)}


def test_what_is_no_trial(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no CSV files"):
        geirhos(tmp_path)
    (tmp_path / "x.csv").write_text("subj,trial\na,1\n", "utf-8")
    with pytest.raises(DataError, match="lacks the columns category, condition"):
        geirhos(tmp_path)
    write(tmp_path / "x.csv", ["subject-01,1,1,soon,cat,cat,0,1_a_b_0_cat_00_1.png"])
    with pytest.raises(DataError, match=r"line 2: could not convert"):
        geirhos(tmp_path)
    write(tmp_path / "x.csv", ["subject-01,1,1,1.0,cat,cat,0,cat.png"])
    with pytest.raises(DataError, match="fewer than seven parts"):
        geirhos(tmp_path)


def test_what_are_no_counts(tmp_path: Path) -> None:
    path = tmp_path / "counts.npy"
    for array, message in (
        (np.ones((5, 3)), "images x 10 classes"),
        (np.full((5, 10), 0.5), "no counts of people"),
    ):
        np.save(path, array)
        with pytest.raises(DataError, match=message):
            cifar10h(path)
    path.write_text("text", "utf-8")
    with pytest.raises(DataError, match="no NumPy array"):
        cifar10h(path)


def test_networks_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected the ten networks"):
        cifar10_networks(tmp_path)


@pytest.mark.data
def test_published_accuracies(shared_data: Path) -> None:
    """Per cent on the CIFAR-10 test set [Recht et al. 2018, table 1]."""
    truth = np.load(shared_data / "cifar10" / "labels.npz")["test"]
    found = cifar10_networks(shared_data / "human" / "cifar10-model-predictions")
    accuracy = {name: round(100 * float((a == truth).mean()), 1) for name, a in found.items()}
    assert accuracy["ResNet-32"] == 92.5
    assert accuracy["Shake-Shake 26 2x96d"] == 97.1
    assert accuracy["AlexNet"] == 82.0
    assert accuracy["VGG-16"] == 93.6
    assert len(accuracy) == 10
