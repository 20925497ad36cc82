"""A folder of class folders: layouts, what counts, unreadable images, groups."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet import data
from glassnet.errors import DataError, GlassnetWarning


def fill(folder: Path, count: int, value: int = 0, prefix: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        Image.new("RGB", (12, 9), (value, k, 0)).save(folder / f"{prefix}{k}.png")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    fill(tmp_path / "cat", 10, 1)
    fill(tmp_path / "dog", 20, 2)
    return tmp_path


def test_a_folder_without_parts_is_split(pets: Path) -> None:
    train, held = data.folder(pets, size=(6, 8))
    assert (len(train), len(held)) == (24, 6) and train.classes == ["cat", "dog"]
    assert np.bincount(held.labels).tolist() == [2, 4]
    images, _ = held.batch([0, 5])
    assert images.shape == (2, 3, 6, 8) and images[:, 0, 0, 0].tolist() == [1, 2]
    for file, label in zip(held.files(), held.labels, strict=True):
        assert file.startswith(("cat/", "dog/")[label])
    assert data.folder(pets)[1].files() == held.files()
    assert data.folder(pets, seed=1)[1].files() != held.files()
    whole, nothing = data.folder(pets, fraction=0)
    assert (len(whole), len(nothing)) == (30, 0)


@pytest.mark.parametrize("name", ["val", "validation", "valid", "test"])
def test_train_and_held_out_parts(tmp_path: Path, name: str) -> None:
    for part, count in (("train", 3), (name, 2)):
        for k, pet in enumerate(("cat", "dog")):
            fill(tmp_path / part / pet, count, k)
    train, held = data.folder(tmp_path)
    assert (len(train), len(held)) == (6, 4)
    assert held.files([0]) == [f"{name}/cat/0.png"] and train.name == tmp_path.name
    fill(tmp_path / name / "bird", 1)
    with pytest.raises(DataError, match=r"the folders \['bird'\] are not among the classes"):
        data.folder(tmp_path)


def test_a_train_folder_alone_is_split(tmp_path: Path) -> None:
    for pet in ("cat", "dog"):
        fill(tmp_path / "train" / pet, 5)
    train, held = data.folder(tmp_path)
    assert (len(train), len(held)) == (8, 2) and train.classes == ["cat", "dog"]


def test_what_counts_as_an_image(pets: Path) -> None:
    (pets / "cat" / ".hidden.png").write_text("no image")
    (pets / ".git").mkdir()
    fill(pets / "cat" / "deeper", 1, prefix="X")
    (pets / "cat" / "deeper" / "X0.png").rename(pets / "cat" / "deeper" / "X0.PNG")
    whole, _ = data.folder(pets, fraction=0)
    assert len(whole) == 31 and "cat/deeper/X0.PNG" in whole.files()
    (pets / "cat" / "notes.txt").touch()
    with pytest.warns(GlassnetWarning, match=r"1 files are not images .*: cat/notes\.txt"):
        assert len(data.folder(pets, fraction=0)[0]) == 31
    (pets / "cat" / "notes.txt").unlink()
    (pets / "bird").mkdir()
    with pytest.warns(GlassnetWarning, match="no images in bird; these classes are left out"):
        assert data.folder(pets)[0].classes == ["cat", "dog"]


def test_unreadable_images_are_listed_at_once(pets: Path) -> None:
    (pets / "cat" / "3.png").write_text("text")
    (pets / "dog" / "7.png").write_bytes((pets / "dog" / "7.png").read_bytes()[:45])
    with pytest.raises(DataError) as caught:
        data.folder(pets)
    message = str(caught.value)
    assert "2 of 30 images cannot be read" in message and "skip_unreadable=True" in message
    assert "cat/3.png: not an image" in message and "dog/7.png: cut short" in message
    with pytest.warns(GlassnetWarning, match="2 of 30 images cannot be read"):
        whole, _ = data.folder(pets, fraction=0, skip_unreadable=True)
    assert len(whole) == 28 and "cat/3.png" not in whole.files()
    whole.batch(np.arange(28))
    unchecked, _ = data.folder(pets, fraction=0, check=False)
    with pytest.raises(DataError, match=r"3\.png"):
        unchecked.batch([3])


def test_groups_stay_together(tmp_path: Path) -> None:
    for person in "abcdefgh":
        for sign in ("one", "two"):
            fill(tmp_path / sign, 3, prefix=f"{person}-")
    train, held = data.folder(tmp_path, groups=r"/(\w)-", fraction=0.25)
    people = [{f.split("/")[1][0] for f in part.files()} for part in (train, held)]
    assert people[0].isdisjoint(people[1]) and len(people[1]) == 2


def test_classes_and_preprocessing_of_a_run(pets: Path) -> None:
    pre = data.Preprocessing((4, 4), 1, (0.5,), (0.5,), crop=None)
    whole, _ = data.folder(pets, preprocessing=pre, classes=["bird", "cat", "dog"], fraction=0)
    assert whole.shape == (1, 4, 4) and set(whole.labels) == {1, 2}
    assert whole.preprocessing == pre
    assert data.Preprocessing.fit(whole).crop is None


def test_layouts_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        data.folder(tmp_path / "none")
    fill(tmp_path, 3)
    with pytest.raises(DataError, match="expected at least two folders with images"):
        data.folder(tmp_path)
    fill(tmp_path / "only", 3)
    with pytest.raises(DataError, match=r"found \['only'\]"):
        data.folder(tmp_path)


@pytest.mark.data
def test_real_photographs(shared_data: Path) -> None:
    train, val = data.folder(shared_data / "ants-bees", size=32)
    assert (len(train), len(val)) == (244, 153) and train.classes == ["ants", "bees"]
    images, _ = val.batch(np.arange(153))
    assert images.shape == (153, 3, 32, 32) and images.std(axis=(1, 2, 3)).min() > 1
