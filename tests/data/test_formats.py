"""IDX and CIFAR bytes: read exactly, and every kind of damage named."""

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from glassnet.data.formats import parse_idx, read_bytes, read_cifar
from glassnet.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx(array: np.ndarray, code: int = 0x08) -> bytes:
    sizes = b"".join(side.to_bytes(4, "big") for side in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.tobytes()


@given(st.sampled_from(sorted(CODES)).flatmap(lambda t: npst.arrays(t, npst.array_shapes())))
def test_idx_round_trip(array: np.ndarray) -> None:
    code = next(c for t, c in CODES.items() if np.dtype(t) == array.dtype)
    np.testing.assert_array_equal(parse_idx(idx(array, code), Path("x")), array)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_clear_error(data: bytes) -> None:
    with suppress(DataError):
        assert isinstance(parse_idx(data, Path("name")), np.ndarray)


def test_truncated_idx() -> None:
    whole = idx(np.zeros((3, 4, 5), np.uint8))
    for length in (0, 3, 10, len(whole) - 1):
        with pytest.raises(DataError, match=r"f-ubyte: (not an IDX file|.*promises)"):
            parse_idx(whole[:length], Path("f-ubyte"))


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    whole = gzip.compress(bytes(range(256)) * 40)
    path.write_bytes(whole)
    assert len(read_bytes(path)) == 256 * 40
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for data in (whole[:-9], bytes(damaged), b"no gzip"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"x\.gz: not a whole gzip file"):
            read_bytes(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_bytes(tmp_path / "nothing")


def test_cifar_records(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    images = np.arange(2 * 3 * 1024, dtype=np.uint32).astype(np.uint8).reshape(2, 3, 32, 32)
    records = [bytes([7, label]) + image.tobytes() for label, image in enumerate(images)]
    path.write_bytes(b"".join(records))
    found, labels = read_cifar(path, label_bytes=2, classes=100)
    np.testing.assert_array_equal(found, images.transpose(0, 2, 3, 1))
    assert labels.tolist() == [0, 1]
    with pytest.raises(DataError, match="whole records of 3073"):
        read_cifar(path, label_bytes=1, classes=10)
    path.write_bytes(bytes([10]) + bytes(3072))
    with pytest.raises(DataError, match="label 10 found, there are 10 classes"):
        read_cifar(path, label_bytes=1, classes=10)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="cut short"):
        read_cifar(path, label_bytes=1, classes=10)
