"""Dataset and arrays: batches, subsets, names, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glassnet import data
from glassnet.data import dataset as module
from glassnet.data.dataset import FileImages
from glassnet.errors import DataError

PIXELS = np.arange(5 * 3 * 4 * 2, dtype=np.uint8).reshape(5, 3, 4, 2)


def test_batches_are_the_rows_asked_for() -> None:
    ds = data.arrays(PIXELS, [0, 1, 2, 1, 0], classes=["a", "b", "c"], name="mine")
    images, labels = ds.batch([3, 0, 3])
    np.testing.assert_array_equal(images, PIXELS[[3, 0, 3]])
    assert images.transpose(0, 2, 3, 1).flags.c_contiguous
    assert labels.tolist() == [1, 0, 1] and labels.dtype == np.int64
    assert repr(ds) == "<mine: 5 images 3 x 4 x 2, 3 classes>"
    assert ds.files([4]) == ["mine/4"] and len(ds.files()) == 5
    assert ds.preprocessing.size == (4, 2) and ds.preprocessing.channels == 3
    with pytest.raises(IndexError):
        ds.batch([5])


def test_what_is_found_is_not_copied() -> None:
    ds = data.arrays(PIXELS, [0, 1, 2, 1, 0]).subset([4, 2, 0])
    images, rows, labels = ds.find([2, 0, 2])
    assert np.shares_memory(images, ds.find([1])[0])
    np.testing.assert_array_equal(images[rows], PIXELS[[0, 4, 0]])
    assert rows.tolist() == [0, 4, 0] and labels.tolist() == [0, 0, 0]


def test_who_says_anew_what_a_batch_is_is_asked() -> None:
    class Inverted(data.Dataset):
        def batch(self, indices):  # type: ignore[no-untyped-def]
            images, labels = super().batch(indices)
            return 255 - images, labels

    whole = data.arrays(PIXELS, [0, 1, 2, 1, 0])
    ds = Inverted(whole._images, whole.labels, whole.classes, "inverted")
    images, rows, labels = ds.find([3, 1])
    np.testing.assert_array_equal(images[rows], 255 - PIXELS[[3, 1]])
    assert labels.tolist() == [1, 1]


@given(st.lists(st.integers(0, 4)), st.data())
def test_a_subset_of_a_subset(first: list[int], draws: st.DataObject) -> None:
    ds = data.arrays(PIXELS, [0, 1, 2, 1, 0])
    sub = ds.subset(first)
    assert len(sub) == len(first) and sub.classes == ds.classes
    second = draws.draw(st.lists(st.integers(0, len(first) - 1))) if first else []
    again = sub.subset(second)
    rows = np.array(first, dtype=int)[np.array(second, dtype=int)]
    np.testing.assert_array_equal(again.batch(np.arange(len(again)))[0], PIXELS[rows])
    assert again.labels.tolist() == ds.labels[rows].tolist()
    assert again.files() == [f"arrays/{row}" for row in rows]


def test_a_mask_selects() -> None:
    ds = data.arrays(PIXELS, [0, 1, 2, 1, 0])
    assert ds.subset(ds.labels == 1).files() == ["arrays/1", "arrays/3"]


def test_shapes_and_kinds_that_are_understood() -> None:
    grey = data.arrays(np.zeros((2, 4, 4), np.int64), [0, 1])
    assert grey.shape == (1, 4, 4) and grey.batch([0])[0].dtype == np.uint8
    flat = data.arrays(np.ones((2, 9)), ["dog", "cat"])
    assert flat.shape == (9,) and flat.batch([1])[0].dtype == np.float32
    assert flat.classes == ["cat", "dog"] and flat.labels.tolist() == [1, 0]
    assert repr(flat) == "<arrays: 2 images 9, 2 classes>"
    assert data.arrays(np.zeros((2, 3)), [2, 0]).classes == ["0", "1", "2"]
    assert len(data.arrays(np.zeros((0, 3)), [])) == 0


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 2, 2)), [0, 1], "3 images but 2 labels"),
        (np.zeros((2, 28, 28, 3)), [0, 1], r"look like \(N, H, W, C\)"),
        (np.zeros(2), [0, 1], r"got \(2,\)"),
        (np.full((2, 2), 300), [0, 1], "dtype int64 with values 300"),
        (np.array([["a"], ["b"]]), [0, 1], "dtype <U1"),
        (np.zeros((2, 2)), [0.5, 1], "labels must be integers from 0"),
        (np.zeros((2, 2)), [-1, 1], "labels must be integers from 0"),
        (np.zeros((2, 2)), [[0], [1]], r"shape \(N,\)"),
    ],
)
def test_what_is_refused(images: np.ndarray, labels: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        data.arrays(images, labels)


def test_labels_beyond_the_classes() -> None:
    with pytest.raises(DataError, match="label 2 has no name, there are 2 classes"):
        data.arrays(np.zeros((2, 2)), [0, 2], classes=["a", "b"])
    with pytest.raises(DataError, match=r"labels \['z'\] are not among the classes"):
        data.arrays(np.zeros((2, 2)), ["a", "z"], classes=["a", "b"])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for k in range(6):
        Image.new("RGB", (8, 6), (k, 10 * k, 20 * k)).save(tmp_path / f"{k}.png")
    return tmp_path


@pytest.mark.parametrize("memory", [2**30, 0])
def test_files_are_decoded_when_asked_for(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    monkeypatch.setattr(module, "MEMORY", memory)
    files = [f"{k}.png" for k in range(6)]
    ds = data.Dataset(
        FileImages(pictures, files, data.Preprocessing((4, 4))), [0] * 6, ["x"], "files"
    )
    (pictures / "5.png").unlink()
    for _ in range(2):
        images, _ = ds.batch([3, 1, 3])
        assert images.shape == (3, 3, 4, 4) and images.transpose(0, 2, 3, 1).flags.c_contiguous
        assert images[:, :, 0, 0].tolist() == [[3, 30, 60], [1, 10, 20], [3, 30, 60]]
    assert ds.batch([])[0].shape == (0, 3, 4, 4)
    with pytest.raises(DataError, match=r"5\.png: there is no such file"):
        ds.batch([0, 5])
    (pictures / "3.png").unlink()
    if memory:
        assert ds.batch([3])[0][0, 1, 0, 0] == 30  # kept
    assert ds.files([4]) == ["4.png"]


def test_files_need_one_size(pictures: Path) -> None:
    with pytest.raises(DataError, match="need one size"):
        FileImages(pictures, ["0.png"], data.Preprocessing())
