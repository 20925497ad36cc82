"""A data set: labelled images that are asked for in batches, whatever lies behind them.

Two things can lie behind it: arrays in memory, and image files that are decoded when asked for and
then kept. A subset shares them with the whole and copies nothing.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.data.preprocess import Preprocessing
from glassnet.errors import DataError

Array = NDArray[Any]
Labels = NDArray[np.int64]
Batch = tuple[Array, Labels]
Found = tuple[Array, NDArray[np.intp]]  # images (M, *shape), and the rows (n,) that are meant

MEMORY = 2**30  # bytes of decoded images of one folder that are kept


class Images(Protocol):
    """What lies behind a data set: rows that can be found in any order, from any thread."""

    shape: tuple[int, ...]  # of one image, (C, H, W), or (D,)
    preprocessing: Preprocessing  # how its files were read; mean 0 and std 1

    def find(self, rows: NDArray[np.intp]) -> Found: ...  # in memory, channels last

    def name(self, row: int) -> str: ...


class Dataset:
    """Labelled images; `len(dataset)` is their number N.

    labels   int64 (N,), indices into `classes`
    classes  the K class names
    name     of the whole, for reports
    shape    of one image: (C, H, W), or (D,) for plain features
    preprocessing  how the images were read (size, channels, crop), without normalisation
    """

    def __init__(
        self,
        images: Images,
        labels: ArrayLike,
        classes: Sequence[str],
        name: str,
        rows: NDArray[np.intp] | None = None,
    ) -> None:
        self.labels: Labels = np.asarray(labels, dtype=np.int64)
        self.classes = list(classes)
        self.name = name
        self._images = images
        self._rows = np.arange(len(self.labels)) if rows is None else rows

    def __init_subclass__(cls) -> None:
        if "batch" in vars(cls) and "find" not in vars(cls):
            cls.find = _find_by_batch  # type: ignore[method-assign]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        return f"<{self.name}: {len(self):,} images {shape}, {len(self.classes)} classes>"

    @property
    def shape(self) -> tuple[int, ...]:
        return self._images.shape

    @property
    def preprocessing(self) -> Preprocessing:
        return self._images.preprocessing

    def batch(self, indices: ArrayLike) -> Batch:
        """indices (n,) -> images (n, *shape) as they are stored, labels int64 (n,).

        Images are uint8 0..255 (or float32 where the data came as floats), channels-last in
        memory. Raises IndexError outside 0..N-1 and DataError for a file that cannot be read.
        """
        images, rows, labels = Dataset.find(self, indices)  # a subclass's may ask for a batch
        return gathered(images, rows), labels

    def find(self, indices: ArrayLike) -> tuple[Array, NDArray[np.intp], Labels]:
        """The same without a copy: images (M, *shape) in memory, the rows (n,) of them, labels.

        Of a subclass that says anew what a batch is, that batch.
        """
        chosen = np.asarray(indices, dtype=np.intp)
        return *self._images.find(self._rows[chosen]), self.labels[chosen]

    def subset(self, indices: ArrayLike) -> "Dataset":
        """The data set of these samples, in this order; a boolean mask (N,) works too."""
        chosen = np.arange(len(self))[np.asarray(indices)] if np.size(indices) else _NOTHING
        return Dataset(
            self._images, self.labels[chosen], self.classes, self.name, self._rows[chosen]
        )

    def files(self, indices: ArrayLike | None = None) -> list[str]:
        """A name for each sample (all by default): its file, or "mnist/test/123"."""
        rows = self._rows if indices is None else self._rows[np.asarray(indices, dtype=np.intp)]
        return [self._images.name(int(row)) for row in rows]


_NOTHING = np.empty(0, dtype=np.intp)


def _find_by_batch(self: Dataset, indices: ArrayLike) -> tuple[Array, NDArray[np.intp], Labels]:
    images, labels = self.batch(indices)
    return images, np.arange(len(images)), labels


def gathered(images: Array, rows: NDArray[np.intp]) -> Array:
    """images (M, C, H, W) or (M, D) -> those of the rows, (n, ...), channels last in memory."""
    return np.moveaxis(np.moveaxis(images, 1, -1)[rows], -1, 1)


class ArrayImages:
    """Images in memory: (N, H, W, C) contiguous, handed out as logical (n, C, H, W); or (N, D)."""

    def __init__(self, channels_last: Array, prefix: str) -> None:
        self._array = channels_last
        self._prefix = prefix
        *size, channels = channels_last.shape[1:]
        self.shape = (channels, *size)
        self.preprocessing = Preprocessing(
            size=cast(tuple[int, int], tuple(size)) if size else None, channels=channels
        )

    def find(self, rows: NDArray[np.intp]) -> Found:
        return np.moveaxis(self._array, -1, 1), rows

    def name(self, row: int) -> str:
        return f"{self._prefix}/{row}"


class FileImages:
    """Image files under `root`, decoded by `preprocessing` when asked for.

    Decoded images are kept while all of them together stay under 1 GiB.
    """

    def __init__(self, root: Path, files: Sequence[str], preprocessing: Preprocessing) -> None:
        if preprocessing.size is None:
            raise DataError("images of a batch need one size; give size=(height, width)")
        self._root = root
        self._files = list(files)
        self.preprocessing = preprocessing
        self.shape: tuple[int, ...] = (preprocessing.channels, *preprocessing.size)
        size = len(self._files) * int(np.prod(self.shape))
        self._kept: Array | None = None
        if size <= MEMORY:
            self._kept = np.empty((len(files), *preprocessing.size, self.shape[0]), np.uint8)
        self._done = np.zeros(len(self._files), dtype=bool)
        self._lock = threading.Lock()

    def name(self, row: int) -> str:
        return self._files[row]

    def read(self, row: int) -> Array:
        """One image (C, H, W) from its file, kept if there is room. Raises DataError."""
        image = self.preprocessing.read(self._root / self._files[row])
        if self._kept is not None:
            with self._lock:
                self._kept[row] = image.transpose(1, 2, 0)
                self._done[row] = True
        return image

    def find(self, rows: NDArray[np.intp]) -> Found:
        if self._kept is not None:
            for _ in in_threads(self.read, np.unique(rows[~self._done[rows]]).tolist()):
                pass
            return np.moveaxis(self._kept, -1, 1), rows
        out = np.empty((len(rows), *self.shape[1:], self.shape[0]), np.uint8)
        for i, image in enumerate(in_threads(self.read, rows.tolist())):
            out[i] = image.transpose(1, 2, 0)
        return np.moveaxis(out, -1, 1), np.arange(len(rows))


def in_threads(function: Any, items: Sequence[Any]) -> Iterator[Any]:
    """`map`, on as many threads as the machine has cores: decoding frees Python's lock."""
    if len(items) < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, items)


def arrays(
    images: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str] | None = None,
    name: str = "arrays",
) -> Dataset:
    """A data set from arrays in memory.

    images  (N, C, H, W), (N, H, W) grey, or (N, D) plain features; uint8 0..255, other integers in
            that range, or floats, which are taken as they are (float32)
    labels  (N,) integers 0..K-1, or texts, whose sorted set is then the classes
    classes the K names; by default "0" to the largest label

    Raises DataError where lengths, shapes, values or labels do not fit.
    """
    pixels = _channels_last(_values(np.asarray(images)))
    names, indices = index_labels(np.asarray(labels), classes)
    if len(pixels) != len(indices):
        raise DataError(
            f"{len(pixels)} images but {len(indices)} labels; give one label for each image"
        )
    return Dataset(ArrayImages(pixels, name), indices, names, name)


def index_labels(labels: Array, classes: Sequence[str] | None) -> tuple[list[str], Labels]:
    """Labels as (class names, int64 indices (N,)); raises DataError for what is neither."""
    if labels.ndim != 1:
        raise DataError(f"labels must have shape (N,), got {labels.shape}")
    if labels.dtype.kind in "US":
        return _index_names(labels.astype(str), classes)
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < 0):
        raise DataError("labels must be integers from 0, or texts; got " + _some(labels))
    count = int(labels.max()) + 1 if labels.size else 0
    names = [str(k) for k in range(count)] if classes is None else list(classes)
    if count > len(names):
        raise DataError(f"label {count - 1} has no name, there are {len(names)} classes")
    return names, labels.astype(np.int64)


def _index_names(labels: NDArray[np.str_], classes: Sequence[str] | None) -> Any:
    names = sorted(set(labels.tolist())) if classes is None else list(classes)
    index = {label: k for k, label in enumerate(names)}
    unknown = sorted(set(labels.tolist()) - set(names))
    if unknown:
        raise DataError(f"labels {unknown[:5]} are not among the classes {names[:20]}")
    return names, np.array([index[label] for label in labels.tolist()], dtype=np.int64)


def _values(images: Array) -> Array:
    """uint8 or float32; raises DataError for integers beyond 0..255 and for other kinds."""
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind == "f":
        return images.astype(np.float32)
    if images.dtype.kind in "iu" and (
        not images.size or (images.min() >= 0 and images.max() <= 255)
    ):
        return images.astype(np.uint8)
    raise DataError(
        f"images of dtype {images.dtype} with values {_some(images)}; give uint8 0..255, or floats"
    )


def _channels_last(images: Array) -> Array:
    if images.ndim == 2:
        return np.ascontiguousarray(images)
    if images.ndim == 3:
        return np.ascontiguousarray(images)[..., None]
    if images.ndim != 4:
        raise DataError(f"images must be (N, C, H, W), (N, H, W) or (N, D), got {images.shape}")
    if images.shape[1] > 4 and images.shape[3] in (1, 3, 4):
        raise DataError(
            f"images {images.shape} look like (N, H, W, C), expected (N, C, H, W); "
            "use images.transpose(0, 3, 1, 2)"
        )
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _some(array: Array) -> str:
    return ", ".join(str(v) for v in array.ravel()[:5])
