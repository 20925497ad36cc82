"""The two binary formats of the classic data sets: IDX, and CIFAR's binary version.

IDX [LeCun, Cortes, Burges, "The MNIST database"]: two zero bytes, a type byte, the number of axes,
each axis' length as a big-endian 32-bit integer, then the values, big-endian, C order.
CIFAR [Krizhevsky 2009]: records of one label byte (CIFAR-100: coarse, then fine) and 3072 bytes,
the red, green and blue planes of 32 x 32 pixels, row by row.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIXELS = 3 * 32 * 32


def read_bytes(path: Path) -> bytes:
    """A file's bytes, unzipped where the name ends in .gz. Raises DataError naming the file."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: not a whole gzip file ({error}); remove it and get it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def parse_idx(data: bytes, path: Path) -> NDArray[Any]:
    """The array of an IDX file's bytes; `path` is for the errors. Raises DataError."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError(f"{path}: not an IDX file (it begins with {data[:4].hex(' ')})")
    start = 4 + 4 * data[3]
    shape = [int.from_bytes(data[i : i + 4], "big") for i in range(4, min(start, len(data)), 4)]
    dtype = np.dtype(_TYPES[data[2]])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise DataError(
            f"{path}: {len(data):,} bytes, but its header promises {expected:,}; it was cut short "
            "or damaged; remove it and get it again"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape)


def read_cifar(
    path: Path, label_bytes: int, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 32, 32, 3) and labels (N,) of one file; the last label byte counts.

    Raises DataError for a file that is not of whole records or has a label beyond `classes`.
    """
    data = np.frombuffer(read_bytes(path), np.uint8)
    width = label_bytes + _PIXELS
    if not len(data) or len(data) % width:
        raise DataError(
            f"{path}: {len(data):,} bytes are not whole records of {width}; it was cut short or is "
            "not of CIFAR's binary version; remove it and get it again"
        )
    records = data.reshape(-1, width)
    labels = records[:, label_bytes - 1]
    if labels.max() >= classes:
        raise DataError(f"{path}: label {labels.max()} found, there are {classes} classes")
    planes = records[:, label_bytes:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
