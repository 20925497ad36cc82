"""CSV files: pixels in columns, image files in a column, and lines that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet import data
from glassnet.errors import DataError, GlassnetWarning


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_pixels_in_columns(tmp_path: Path) -> None:
    rows = [f"{k % 2 + 9},{k},2,3,255" for k in range(10)]
    path = write(tmp_path / "a.csv", "label,p0,p1,p2,p3", *rows)
    train, held = data.csv(path)
    assert (len(train), len(held)) == (8, 2) and train.shape == (1, 2, 2)
    assert train.classes == ["9", "10"] and train.name == "a"  # in order of value
    whole, _ = data.csv(path, fraction=0)
    images, labels = whole.batch([3])
    assert images.dtype == np.uint8 and images[0, 0].tolist() == [[3, 2], [3, 255]]
    assert labels.tolist() == [1]
    assert data.csv(path, shape=(2, 1, 2))[0].shape == (2, 1, 2)
    with pytest.raises(DataError, match="4 pixel columns cannot be images of shape"):
        data.csv(path, shape=(1, 3, 3))


def test_features_and_text_labels(tmp_path: Path) -> None:
    rows = ['"setosa",5.1,3.5', '"a, b",-1,1e3'] * 5
    whole, _ = data.csv(write(tmp_path / "a.csv", "kind,x,y", *rows), "kind", fraction=0)
    assert whole.shape == (2,) and whole.classes == ["a, b", "setosa"]
    np.testing.assert_allclose(whole.batch([0, 1])[0], [[5.1, 3.5], [-1, 1000]], rtol=1e-6)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rows = []
    for k in range(12):
        Image.new("L", (5, 5), 20 * k).save(tmp_path / f"{k}.png")
        rows.append(f"{k}.png,{'odd' if k % 2 else 'even'},p{k // 3}")
    return write(tmp_path / "list.csv", "file,class,person", *rows)


def test_a_column_of_files(pictures: Path) -> None:
    whole, _ = data.csv(pictures, "class", "file", size=4, channels=1, fraction=0)
    images, labels = whole.batch([5])
    assert images.shape == (1, 1, 4, 4) and images.max() == 100 and labels.tolist() == [1]
    assert whole.files([5]) == ["5.png"]


def test_a_column_of_groups_and_unreadable_files(pictures: Path) -> None:
    train, held = data.csv(pictures, "class", "file", groups="person", fraction=0.25)
    groups = [{int(f[:-4]) // 3 for f in part.files()} for part in (train, held)]
    assert groups[0].isdisjoint(groups[1]) and len(groups[1]) == 1
    (pictures.parent / "4.png").write_text("text")
    with pytest.raises(DataError, match=r"1 of 12 images.*\n.*4\.png"):
        data.csv(pictures, "class", "file")
    with pytest.warns(GlassnetWarning, match="left out"):
        train, held = data.csv(
            pictures, "class", "file", groups="person", fraction=0.25, skip_unreadable=True
        )
    assert len(train) + len(held) == 11


def test_groups_of_pixel_rows(tmp_path: Path) -> None:
    rows = [f"{k % 2},g{k // 4},{k}" for k in range(16)]
    path = write(tmp_path / "a.csv", "label,who,p", *rows)
    train, held = data.csv(path, groups="who", fraction=0.25)
    assert train.shape == (1,) and len(held) == 4


def test_lines_and_columns_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "label,p0", "1,2", "1,2,3")
    with pytest.raises(DataError, match=r"a\.csv, line 3: 3 values, .* 2 columns"):
        data.csv(path)
    with pytest.raises(DataError, match="no column 'kind'; the columns are label, p0"):
        data.csv(path, "kind")
    with pytest.raises(DataError, match=r"a\.csv: every column but the label must be a number"):
        data.csv(write(path, "label,p0", "1,x"))
    with pytest.raises(DataError, match="must name the columns, each once"):
        data.csv(write(path, "label,a,a", "1,2,3"))
    with pytest.raises(DataError, match="no such file"):
        data.csv(tmp_path / "none.csv")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file in UTF-8"):
        data.csv(path)
