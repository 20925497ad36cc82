"""Where the images of a bench come from: data sets, folders, CSV files, archives, runs.

A source gives pictures to test on and, where it has them apart, other pictures that examples and
the training phase are taken from. Nothing is decoded before a picture is chosen.
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.errors import DataError
from glassnet.humans import images
from glassnet.humans.manifest import Class

if TYPE_CHECKING:
    from PIL.Image import Image

    from glassnet.data import Dataset

SETS = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "mnist": "mnist",
    "fashion-mnist": "fashion_mnist",
    "digits": "demo_digits",
    "demo-digits": "demo_digits",
}
_PATHS = ("path", "image", "file", "filename", "imagename")
_LABELS = ("label", "labels", "class", "category")


@dataclass(frozen=True)
class Picture:
    """One picture of a source; `open` decodes it."""

    name: str
    truth: tuple[str, ...]
    open: Callable[[], "Image"]
    condition: str | None = None


@dataclass(frozen=True)
class Source:
    """What a bench can be made of.

    about    where it comes from, in words
    classes  in their order
    test     pictures that people may be tested on
    rest     other pictures; empty where the source has no other part: then examples are taken
             from what the test does not use
    """

    name: str
    about: str
    classes: tuple[Class, ...]
    test: Sequence[Picture]
    rest: Sequence[Picture] = field(default=())


def find(name: str, folder: Path | None = None) -> Source:
    """The source that `name` means: a data set's name, a folder, a CSV, a .zip, a run's folder.

    folder  where an archive is unpacked; needed for one. Raises DataError for what is nothing.
    """
    if name in SETS:
        return from_set(name)
    path = Path(name)
    if path.suffix.lower() == ".zip" and path.is_file():
        from glassnet.humans.archive import unpack

        if folder is None:
            raise DataError(f"{path}: no folder was named to unpack it into")
        return _inside(unpack(path, folder), path.stem)
    if path.suffix.lower() == ".csv" and path.is_file():
        return from_csv(path)
    if (path / "last.safetensors").is_file():
        return from_run(path)
    if path.is_dir():
        return from_folder(path)
    raise DataError(
        f"{name}: neither one of the data sets {', '.join(SETS)}, nor a folder of class folders, "
        f"a .csv or .zip file, or the folder of a run"
    )


def from_set(name: str) -> Source:
    """A published data set: tested on its test part; `digits` on what no demo is trained on."""
    from glassnet import data

    rest, test = getattr(data, SETS[name])()
    return _from_datasets(test.name, f"the test images of {name}", test, rest)


def from_run(path: Path) -> Source:
    """What a run was judged on: its held-out images, and those it learned from as the rest."""
    from glassnet import data
    from glassnet.train import load

    run = load(path)
    own = run.config.get("source")
    if own is None:
        raise DataError(f"{path}: this run does not say what it was trained on; name the images")
    about = f"the held-out images of the run {path.name}, from {own['data']}"
    if own["data"] in SETS:
        rest, test = getattr(data, SETS[own["data"]])()
        return _from_datasets(path.name, about, test, rest)
    chosen: dict[str, Any] = {"fraction": own["fraction"], "seed": own["seed"]}
    if Path(own["data"]).suffix.lower() == ".csv":
        rest, test = data.csv(own["data"], **chosen)
        return _from_datasets(path.name, about, test, rest)
    rest, test = data.folder(own["data"], check=False, classes=run.classes, **chosen)
    return _from_files(path.name, about, Path(own["data"]), test, rest)


def from_folder(path: Path) -> Source:
    """Class folders; where there are `train` and `val` or `test`, these are rest and test."""
    from glassnet import data

    first, second = data.folder(path, fraction=0.0, check=False)
    test, rest = (second, first) if len(second) else (first, second)
    return _from_files(path.resolve().name, f"the image folder {path.name}", path, test, rest)


def from_csv(path: Path) -> Source:
    """A CSV of image files and their classes, several joined by "|".

    Columns: path (relative to the CSV's folder, and below it) and label; if wanted, condition, and
    split, where rows that say "train" are the rest. Raises DataError naming the line.
    """
    folder = path.parent.resolve()
    classes: dict[str, None] = {}
    parts: dict[bool, list[Picture]] = {True: [], False: []}
    for number, row in _rows(path):
        file, label = _column(path, row, _PATHS), _column(path, row, _LABELS)
        truth = tuple(filter(None, (part.strip() for part in row[label].split("|"))))
        if not truth:
            raise DataError(f"{path}, line {number}: no class is given")
        classes |= dict.fromkeys(truth)
        picture = Picture(
            row[file], truth, _opener(_below(folder, row[file])), row.get("condition") or None
        )
        parts[(row.get("split") or "").lower().startswith("train")].append(picture)
    names = tuple(Class(name) for name in sorted(classes))
    return Source(path.stem, f"the list {path.name}", names, parts[False], parts[True])


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    for number, row in rows:
        if None in row or None in row.values():
            raise DataError(f"{path}, line {number}: not as many values as the first line names")
    return rows


def _column(path: Path, row: dict[str, str], names: Sequence[str]) -> str:
    for name in row:
        if name.strip().lower() in names:
            return name
    raise DataError(f"{path}: a column '{names[0]}' is expected; there are {', '.join(row)}")


def _below(folder: Path, name: str) -> Path:
    """The file `name` below `folder`. Raises DataError for one that lies elsewhere."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise DataError(f"{name}: lies outside {folder}; put the images beside the CSV")
    return path


def _inside(folder: Path, name: str) -> Source:
    """What an archive held: a CSV at its top, or class folders, perhaps within one folder."""
    tables = sorted(folder.glob("*.csv"))
    if tables:
        return from_csv(tables[0])
    inner = [entry for entry in folder.iterdir() if entry.is_dir()]
    if len(inner) == 1 and not any(inner[0].glob("*.*")):
        return _inside(inner[0], name)
    return from_folder(folder)


def _from_datasets(name: str, about: str, test: "Dataset", rest: "Dataset") -> Source:
    """Data sets in memory."""
    if len(test.shape) != 3 or test.shape[0] not in (1, 3):
        raise DataError(f"{test.name}: these are no images, but values of shape {test.shape}")

    def pictures(part: "Dataset") -> list[Picture]:
        names = part.files()
        return [
            Picture(names[i], (part.classes[label],), _taker(part, i))
            for i, label in enumerate(part.labels.tolist())
        ]

    classes = tuple(Class(c) for c in test.classes)
    return Source(name, about, classes, pictures(test), pictures(rest))


def _taker(part: "Dataset", row: int) -> Callable[[], "Image"]:
    from glassnet.data.images import from_array

    return lambda: from_array(part.batch([row])[0][0]).convert("RGB")


def _from_files(name: str, about: str, root: Path, test: "Dataset", rest: "Dataset") -> Source:
    """Image files: listed as data sets are, but read by the bench's own, stricter rule."""

    def pictures(part: "Dataset") -> list[Picture]:
        labels = part.labels.tolist()
        return [
            Picture(file, (part.classes[label],), _opener(root / file))
            for file, label in zip(part.files(), labels, strict=True)
        ]

    classes = tuple(Class(c) for c in test.classes)
    return Source(name, about, classes, pictures(test), pictures(rest))


def _opener(path: Path) -> Callable[[], "Image"]:
    return lambda: images.read(path)


def safe_name(text: str) -> str:
    """A name for a bench from any text: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "bench"
