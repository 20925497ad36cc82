"""Sample arrays for the examples of the pages: float64, the same on every call."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _generator(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def normal(*shape: int, key: int = 0) -> NDArray[np.float64]:
    """Standard normal numbers of the given shape; another `key` gives others."""
    return _generator("normal", shape, key).standard_normal(shape)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, key: int = 0) -> NDArray[np.float64]:
    """Numbers spread evenly over [low, high)."""
    return _generator("uniform", shape, key).uniform(low, high, shape)


def integers(*shape: int, high: int, key: int = 0) -> NDArray[np.int64]:
    """Whole numbers of 0 to high - 1."""
    return _generator("integers", shape, key).integers(high, size=shape)


def distinct(*shape: int, key: int = 0) -> NDArray[np.float64]:
    """Numbers without ties and none near another, in random order: for max, median and pooling."""
    count: Any = int(np.prod(shape))
    return (
        _generator("distinct", shape, key).permutation(count).reshape(shape) / 4 - count / 8 + 0.1
    )
