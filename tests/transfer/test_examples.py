import numpy as np
import pytest

from glassnet import transfer
from glassnet.errors import DataError


def test_classes_by_seed(photos):
    examples = transfer.classes(photos, 0.25, seed=1)
    assert examples.outputs == ["red", "sky"] and len(examples) == 24
    held = examples.labels[examples.held_out]
    assert np.bincount(held).tolist() == [3, 3]
    assert examples.split == "25 % of the images of every class held out, by seed 1"
    other = transfer.classes(photos, 0.25, seed=2)
    assert set(np.array(other.names)[other.held_out]) != set(
        np.array(examples.names)[examples.held_out]
    )


def test_folders_are_honoured(tmp_path, paint):
    for part, count in (("train", 5), ("val", 2)):
        for name in ("red", "sky"):
            for i in range(count):
                paint(tmp_path / part / name / f"{i}.png", name, i)
    examples = transfer.classes(tmp_path)
    assert examples.split == "the folders train/ and val/"
    assert all(
        n.startswith("val/") == h for n, h in zip(examples.names, examples.held_out, strict=True)
    )
    assert examples.held_out.sum() == 4


@pytest.fixture
def clips(tmp_path, paint):
    for name in ("run", "sit"):
        for clip in range(5):
            for frame in range(3 + clip % 2):
                paint(tmp_path / name / f"clip{clip}" / f"{frame}.png", name, 10 * clip + frame)
    return tmp_path


def test_a_folder_of_frames_is_one_example(clips):
    examples = transfer.clips(clips, 0.2)
    assert len(examples) == 10 and examples.held_out.sum() == 2
    assert examples.names[0] == "run/clip0"
    assert examples.frames[1] == [f"run/clip1/{i}.png" for i in range(4)]
    assert "clips of every class" in examples.split


def test_frames_that_lie_loose(clips, paint):
    paint(clips / "run" / "loose.png", "run", 99)
    with pytest.raises(DataError, match="run holds images itself; with --clips each folder"):
        transfer.clips(clips)


def test_what_cannot_be_read_falls_out(clips):
    examples = transfer.clips(clips)
    broken = {"run/clip0/1.png", *examples.frames[2]}
    left = examples.without(broken)
    assert len(left) == 9 and left.frames[0] == ["run/clip0/0.png", "run/clip0/2.png"]
    assert len(left.labels) == len(left.held_out) == 9


@pytest.fixture
def table(photos):
    rows = ["file,water,indoor"]
    rows += [f"sky/{i:02}.png,{'yes' if i % 2 else 'no'},{'' if i == 3 else 1}" for i in range(12)]
    (photos / "labels.csv").write_text("\n".join(rows))
    return photos / "labels.csv"


def test_attributes(photos, table):
    examples = transfer.attributes(photos, table, 0.25)
    assert examples.outputs == ["water", "indoor"] and examples.labels.shape == (12, 2)
    assert examples.labels[:4, 0].tolist() == [0, 1, 0, 1] and np.isnan(examples.labels[3, 1])
    assert 2 <= examples.held_out.sum() <= 4


def test_a_column_says_what_is_held_out(photos, table):
    lines = table.read_text().splitlines()
    parts = ["split", *["val" if i < 4 else "train" for i in range(12)]]
    table.write_text("\n".join(f"{line},{part}" for line, part in zip(lines, parts, strict=True)))
    examples = transfer.attributes(photos, table)
    assert np.flatnonzero(examples.held_out).tolist() == [0, 1, 2, 3]
    assert examples.outputs == ["water", "indoor"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("yes", "maybe", 1), "'maybe' for 'water' of sky/01.png; write 1 or 0"),
        (lambda t: t.replace("sky/00", "sky/77"), "1 files are not in"),
        (lambda t: t.replace("file,", "name,"), "expected a column 'file'"),
    ],
)
def test_tables_that_say_something_else(photos, table, change, message):
    table.write_text(change(table.read_text()))
    with pytest.raises(DataError, match=message):
        transfer.attributes(photos, table)
