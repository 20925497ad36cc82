"""What is learned from: pictures by class, clips by class, or pictures with yes/no attributes.

Every layout honours folders `train` and `val` (or `validation`, `valid`, `test`); otherwise a share
of every class is held out, chosen by a seed.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glassnet.data import Dataset, Preprocessing
from glassnet.data.folder import HELD_OUT, folder
from glassnet.data.split import stratified
from glassnet.errors import DataError

Kind = Literal["classes", "clips", "attributes"]
YES, NO, UNKNOWN = {"1", "yes", "true", "y"}, {"0", "no", "false", "n"}, {"", "?", "na", "nan"}


@dataclass(frozen=True)
class Examples:
    """N examples under `root`.

    names     a file, or the folder of a clip, relative to root
    frames    for each the files that it consists of: one, or the frames of a clip in their order
    labels    int64 (N,) for classes and clips; float64 (N, K) of 0, 1 and NaN for attributes
    outputs   the K classes or attributes
    held_out  bool (N,): judged on, not learned from
    split     how the two parts came about, in words
    """

    root: Path
    kind: Kind
    names: list[str]
    frames: list[list[str]]
    labels: NDArray[Any]
    outputs: list[str]
    held_out: NDArray[np.bool_]
    split: str

    def __len__(self) -> int:
        return len(self.names)

    @property
    def files(self) -> list[str]:
        """All files of all examples, in order."""
        return [file for frames in self.frames for file in frames]

    def without(self, broken: set[str]) -> Examples:
        """The examples that keep at least one frame without these files."""
        frames = [[file for file in frames if file not in broken] for frames in self.frames]
        kept = np.array([bool(left) for left in frames])
        return replace(
            self,
            names=[name for name, keep in zip(self.names, kept, strict=True) if keep],
            frames=[left for left in frames if left],
            labels=self.labels[kept],
            held_out=self.held_out[kept],
        )


def classes(path: Path, fraction: float = 0.2, seed: int = 0) -> Examples:
    """A folder of class folders; see `gn.data.folder`."""
    train, held = _listed(path, fraction, seed)
    files = [*train.files(), *held.files()]
    return Examples(
        root=path,
        kind="classes",
        names=files,
        frames=[[file] for file in files],
        labels=np.concatenate([train.labels, held.labels]),
        outputs=train.classes,
        held_out=np.arange(len(files)) >= len(train),
        split=_words(path, fraction, seed, "images"),
    )


def clips(path: Path, fraction: float = 0.2, seed: int = 0) -> Examples:
    """A folder of class folders that hold folders of frames: each of these is one example.

    Raises DataError where frames lie in a class folder itself.
    """
    train, held = _listed(path, 0.0, seed)
    frames: dict[str, list[str]] = {}
    labels: dict[str, int] = {}
    for part in (train, held):
        for file, label in zip(part.files(), part.labels.tolist(), strict=True):
            clip = str(Path(file).parent)
            frames.setdefault(clip, []).append(file)
            labels[clip] = label
    depth = 2 + bool(len(held))
    flat = [clip for clip in frames if len(Path(clip).parts) < depth]
    if flat:
        raise DataError(
            f"{path / flat[0]} holds images itself; with --clips each folder of frames is one "
            f"example and lies in the folder of its class, CLASS/CLIP/FRAME.jpg"
        )
    truth = np.array(list(labels.values()), np.int64)
    if len(held):
        held_names = set(held.files())
        mask = np.array([group[0] in held_names for group in frames.values()])
    else:
        mask = np.zeros(len(truth), bool)
        mask[stratified(truth, fraction, seed)[1]] = True
    return Examples(path, "clips", list(frames), list(frames.values()), truth, train.classes,
                    mask, _words(path, fraction, seed, "clips"))  # fmt: skip


def attributes(path: Path, table: Path, fraction: float = 0.2, seed: int = 0) -> Examples:
    """Images with several yes/no attributes, from a CSV: a column `file`, then one an attribute.

    Entries are 1/0, yes/no or true/false; empty is not known. A column `split` of "train" and "val"
    (or "test") says which are held out. Files are relative to the folder. Raises DataError where
    the table says otherwise.
    """
    rows, names = _table(table)
    files = [row["file"] for row in rows]
    absent = [file for file in files if not (path / file).is_file()]
    if absent:
        raise DataError(
            f"{table}: {len(absent)} files are not in {path}, among them {absent[:3]}; the column "
            f"'file' holds names relative to that folder"
        )
    labels = np.array([[_answer(table, row, name) for name in names] for row in rows])
    if "split" in rows[0]:
        held = np.array([row["split"].strip().lower() in HELD_OUT for row in rows])
        split = f"as the column 'split' of {table.name} says"
    else:
        patterns = np.unique(np.nan_to_num(labels, nan=2), axis=0, return_inverse=True)[1]
        held = np.zeros(len(rows), bool)
        held[_some(patterns.ravel(), fraction, seed)] = True
        split = _words(path, fraction, seed, "images", folders=False)
    return Examples(path, "attributes", files, [[file] for file in files], labels, names, held,
                    split)  # fmt: skip


def _some(patterns: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.intp]:
    """Held-out rows, spread over the patterns of attributes; rare patterns are taken together."""
    counts = np.bincount(patterns)
    together = np.where(counts[patterns] < 1 / max(fraction, 1e-9), -1, patterns)
    return stratified(together, fraction, seed)[1]


def _listed(path: Path, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """The files and their labels; nothing is decoded."""
    reading = Preprocessing(size=(1, 1))
    return folder(path, preprocessing=reading, fraction=fraction, seed=seed, check=False)


def _table(table: Path) -> tuple[list[dict[str, str]], list[str]]:
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), list(reader.fieldnames or [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not a CSV file in UTF-8 ({error})") from error
    names = [name for name in columns if name not in ("file", "split")]
    if "file" not in columns or not names or not rows:
        raise DataError(
            f"{table}: expected a column 'file' and at least one of an attribute, and rows; found "
            f"{len(rows)} rows with the columns {columns}"
        )
    return rows, names


def _answer(table: Path, row: dict[str, str], name: str) -> float:
    text = (row[name] or "").strip().lower()
    for words, value in ((YES, 1.0), (NO, 0.0), (UNKNOWN, np.nan)):
        if text in words:
            return value
    raise DataError(
        f"{table}: '{row[name]}' for '{name}' of {row['file']}; write 1 or 0, yes or no, true or "
        f"false, or leave it empty where it is not known"
    )


def _words(path: Path, fraction: float, seed: int, what: str, folders: bool = True) -> str:
    parts: Sequence[str] = [part for part in HELD_OUT if (path / part).is_dir()]
    if folders and (path / "train").is_dir() and parts:
        return f"the folders train/ and {parts[0]}/"
    share = f"{fraction:.0%}".replace("%", " %")
    return f"{share} of the {what} of every class held out, by seed {seed}"
