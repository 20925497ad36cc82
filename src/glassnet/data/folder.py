"""A folder of class folders, one folder a class, as people keep their photographs.

What counts: files in a class folder, at any depth, whose name ends as an image's does. Hidden
files and folders (a leading dot) are passed over in silence; other files are passed over with a
warning; a class folder without images is left out with a warning. Classes and files stand in the
order of their names.
"""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from glassnet.data.dataset import Dataset, FileImages, in_threads
from glassnet.data.images import SUFFIXES
from glassnet.data.preprocess import Preprocessing
from glassnet.data.progress import progress
from glassnet.data.split import Groups, split
from glassnet.errors import DataError, GlassnetWarning

HELD_OUT = ("val", "validation", "valid", "test")


def folder(
    path: str | os.PathLike[str],
    size: int | tuple[int, int] = 64,
    channels: int = 3,
    *,
    preprocessing: Preprocessing | None = None,
    fraction: float = 0.2,
    seed: int = 0,
    groups: Groups | None = None,
    classes: Sequence[str] | None = None,
    check: bool = True,
    skip_unreadable: bool = False,
) -> tuple[Dataset, Dataset]:
    """(train, held out) from a folder of class folders.

    With folders `train` and one of `val`, `validation`, `valid`, `test` (the first there is), those
    are the two. Otherwise `fraction` of every class is held out, chosen by `seed`, and `groups`
    keeps what belongs together on one side (see `split`); 0 puts everything into the first.

    size, channels    of the images, (H, W) in pixels: shorter side to fit, then the centre
    preprocessing     in place of both: reads the files as that object says (a run's own, say)
    classes           the class names in order; by default the folders' names, sorted
    check             decode every file once now, on all cores, so that unreadable ones are listed
                      at once; otherwise each is an error when its batch is asked for
    skip_unreadable   leave unreadable files out, with a warning, in place of the error

    Raises DataError where the folder is not laid out so, and one that lists every unreadable file.
    """
    root = Path(path)
    train, held_out = _parts(root)
    reading = preprocessing or Preprocessing(size=pair(size), channels=channels)
    names = list(classes) if classes is not None else _class_names(train)
    files, labels = _list(root, train, names)
    whole = from_files(root, files, labels, names, reading, check, skip_unreadable)
    if held_out is None:
        return split(whole, fraction, seed, groups)
    files, labels = _list(root, held_out, names)
    return whole, from_files(root, files, labels, names, reading, check, skip_unreadable)


def from_files(
    root: Path,
    files: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
    preprocessing: Preprocessing,
    check: bool,
    skip_unreadable: bool,
) -> Dataset:
    """A data set of image files named relative to `root`; see `folder` for the last two."""
    images = FileImages(root, files, preprocessing)
    dataset = Dataset(images, labels, classes, root.name or str(root))
    if not check and not skip_unreadable:
        return dataset
    broken = _broken(images, len(files))
    if not broken:
        return dataset
    report = f"{len(broken)} of {len(files)} images cannot be read:\n  " + "\n  ".join(
        broken.values()
    )
    if not skip_unreadable:
        raise DataError(f"{report}\nmend or remove them, or pass skip_unreadable=True")
    warnings.warn(f"{report}\nthey are left out", GlassnetWarning, stacklevel=3)
    return dataset.subset(np.setdiff1d(np.arange(len(files)), list(broken)))


def _broken(images: FileImages, count: int) -> dict[int, str]:
    """Decodes every file: row -> what is wrong with it."""

    def problem(row: int) -> str | None:
        try:
            images.read(row)
        except DataError as error:
            return str(error)
        return None

    found = {}
    with progress("reading images", count) as advance:
        for row, message in enumerate(in_threads(problem, range(count))):
            advance(1)
            if message is not None:
                found[row] = message
    return found


def _parts(root: Path) -> tuple[Path, Path | None]:
    """The folder of the training classes, and that of the held-out ones if there is one."""
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; give a folder with one folder a class")
    train = root / "train"
    if not (train.is_dir() and _folders(train)):
        return root, None
    return train, next((root / part for part in HELD_OUT if (root / part).is_dir()), None)


def _class_names(part: Path) -> list[str]:
    """The names of the class folders that hold images; warns of the others."""
    found = {entry.name: any(True for _ in _images(entry)) for entry in _folders(part)}
    names = [name for name, filled in found.items() if filled]
    empty = [name for name, filled in found.items() if not filled]
    if len(names) < 2:
        raise DataError(
            f"{part}: expected at least two folders with images, one a class, found "
            f"{names or 'none'}; put the images of each class into a folder of its name"
        )
    if empty:
        warnings.warn(
            f"{part}: no images in {', '.join(empty)}; these classes are left out",
            GlassnetWarning,
            stacklevel=3,
        )
    return names


def _list(root: Path, part: Path, classes: Sequence[str]) -> tuple[list[str], list[int]]:
    """Files relative to `root`, and their labels; every filled folder must be a class."""
    strangers = {f.name for f in _folders(part) if any(True for _ in _images(f))} - set(classes)
    if strangers:
        raise DataError(
            f"{part}: the folders {sorted(strangers)} are not among the classes {list(classes)}; "
            "rename or remove them, or add the classes to the training folder"
        )
    files, labels, others = [], [], []
    for label, name in enumerate(classes):
        for file in _visible(part / name):
            if file.suffix.lower() in SUFFIXES:
                files.append(file.relative_to(root).as_posix())
                labels.append(label)
            else:
                others.append(file.relative_to(root).as_posix())
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        warnings.warn(
            f"{part}: {len(others)} files are not images by their names and are passed over: "
            f"{shown}",
            GlassnetWarning,
            stacklevel=3,
        )
    return files, labels


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and entry.name[0] != ".")


def _visible(path: Path) -> Iterable[Path]:
    """The files below `path`, sorted, without hidden ones."""
    for top, folders, files in os.walk(path, followlinks=True):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        yield from (Path(top, name) for name in sorted(files) if name[0] != ".")


def _images(path: Path) -> Iterable[Path]:
    return (file for file in _visible(path) if file.suffix.lower() in SUFFIXES)


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """A side, or (H, W), as (H, W)."""
    return (size, size) if isinstance(size, int) else size
