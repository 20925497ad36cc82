"""A CSV file as a data set: pixels in columns, or a column of image files."""

import csv as reader
import math
import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.data.dataset import Dataset, arrays, index_labels
from glassnet.data.folder import from_files, pair
from glassnet.data.preprocess import Preprocessing
from glassnet.data.split import Groups, split
from glassnet.errors import DataError


def csv(
    path: str | os.PathLike[str],
    label: str = "label",
    image: str | None = None,
    *,
    shape: tuple[int, ...] | None = None,
    size: int | tuple[int, int] = 64,
    channels: int = 3,
    fraction: float = 0.2,
    seed: int = 0,
    groups: Groups | None = None,
    check: bool = True,
    skip_unreadable: bool = False,
) -> tuple[Dataset, Dataset]:
    """(train, held out) from a comma-separated UTF-8 file whose first line names the columns.

    label    the column of classes: their sorted set (by value where all are whole numbers)
    image    a column of image files, relative to the CSV's folder, read as `folder` reads them
             with `size`, `channels`, `check`, `skip_unreadable`. Without it all other columns are
             the pixels of an image, row by row
    shape    of an image in pixel columns, (C, H, W); by default (1, S, S) for S * S whole numbers
             0..255, and plain features (D,) otherwise
    groups   the name of a column that says what belongs together, or as in `split`
    fraction, seed   as in `split`

    Raises DataError naming the file and the line or column.
    """
    table = _Table(Path(path))
    named = isinstance(groups, str) and groups in table.header
    keys = table.texts(groups) if named and isinstance(groups, str) else groups
    texts = table.texts(label)
    names, labels = index_labels(np.array(texts, dtype=str), _in_order(texts))
    if image is None:
        used = {label, groups} if named else {label}
        pixels = table.numbers([name for name in table.header if name not in used])
        whole = arrays(_shaped(path, pixels, shape), labels, names, Path(path).stem)
        return split(whole, fraction, seed, keys)
    files = table.texts(image)
    if keys is not None and not callable(keys) and not isinstance(keys, str):
        keys = _by_file(files, keys)  # rows may be left out below, names stay
    reading = Preprocessing(size=pair(size), channels=channels)
    folder = Path(path).parent
    whole = from_files(folder, files, labels.tolist(), names, reading, check, skip_unreadable)
    return split(whole, fraction, seed, keys)


class _Table:
    """Columns of a CSV file by name."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; check the path")
        self.path = path
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                self.header = next(reader.reader(file), [])
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not a text file in UTF-8; save it as CSV UTF-8") from error
        if len(set(self.header)) < len(self.header):
            raise DataError(f"{path}: the first line must name the columns, each once")

    def texts(self, name: str) -> list[str]:
        """One column as texts."""
        column = self._column(name)
        texts = []
        with open(self.path, encoding="utf-8-sig", newline="") as file:
            lines = reader.reader(file)
            next(lines)
            for row in filter(None, lines):
                if len(row) != len(self.header):
                    raise DataError(
                        f"{self.path}, line {lines.line_num}: {len(row)} values, but the first "
                        f"line names {len(self.header)} columns"
                    )
                texts.append(row[column])
        return texts

    def numbers(self, names: Sequence[str]) -> NDArray[np.float32]:
        """The columns `names` as float32 (rows, columns)."""
        try:
            return np.loadtxt(
                self.path,
                np.float32,
                comments=None,
                delimiter=",",
                skiprows=1,
                usecols=[self._column(name) for name in names],
                ndmin=2,
                encoding="utf-8-sig",
                quotechar='"',
            )
        except ValueError as error:
            raise DataError(
                f"{self.path}: every column but the label must be a number: {error}; name the "
                "column of image files, or remove columns that are no pixels"
            ) from error

    def _column(self, name: str) -> int:
        if name not in self.header:
            shown = ", ".join(self.header[:8]) + (", ..." if len(self.header) > 8 else "")
            raise DataError(f"{self.path}: there is no column '{name}'; the columns are {shown}")
        return self.header.index(name)


def _in_order(labels: Sequence[str]) -> list[str]:
    """The set of labels: by value if all are whole numbers, by name otherwise."""
    distinct = set(labels)
    numeric = all(text.lstrip("-").isdecimal() for text in distinct)
    return sorted(distinct, key=lambda text: (int(text) if numeric else 0, text))


def _shaped(
    path: str | os.PathLike[str], pixels: NDArray[np.float32], shape: tuple[int, ...] | None
) -> NDArray[Any]:
    """(N, D) -> (N, *shape), uint8 where all values are whole numbers 0..255."""
    count, width = pixels.shape
    whole = bool(((pixels >= 0) & (pixels <= 255) & (pixels == np.rint(pixels))).all())
    side = math.isqrt(width)
    if shape is None:
        shape = (1, side, side) if whole and side > 1 and side * side == width else (width,)
    if math.prod(shape) != width:
        raise DataError(f"{path}: {width} pixel columns cannot be images of shape {shape}")
    return (pixels.astype(np.uint8) if whole else pixels).reshape(count, *shape)


def _by_file(files: Sequence[str], keys: Any) -> Any:
    key_of: dict[str, Hashable] = dict(zip(files, keys, strict=True))
    return key_of.__getitem__
