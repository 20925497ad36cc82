"""Named arrays and what is known about them, in one safetensors file.

The format is a JSON header with names, dtypes and shapes, then the arrays' bytes in C order: it
can hold arrays and text and nothing that runs. The metadata stand in the header as one JSON text
under the key "glassnet", the arrays' CRC-32 under "crc32", so that a flipped bit is noticed.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import CheckpointError
from glassnet.io.atomic import atomic_write

Array = NDArray[Any]


def save(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write `arrays` and the JSON-able `metadata` to one safetensors file, atomically.

    Shapes and values are kept, memory order is not: files are C order. NaN and infinity are
    allowed in arrays and metadata. Raises CheckpointError for an array of objects or text and for
    metadata that JSON cannot hold; nothing is written then.
    """
    from safetensors.numpy import save as to_bytes

    plain = {name: _plain(path, name, array) for name, array in arrays.items()}
    try:
        text = json.dumps(dict(metadata or {}))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the metadata cannot be written as JSON: {error}") from error
    header = {"glassnet": text, "crc32": f"{_checksum(plain):08x}"}
    return atomic_write(path, to_bytes(plain, metadata=header))


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `save` wrote: (arrays by name, metadata).

    A safetensors file of another program reads too, with empty metadata; its bfloat16 arrays come
    as float32, its float16 as they are. Raises CheckpointError,
    naming the file and what to do, where it is missing, cut short, damaged or something else.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise CheckpointError(f"{path}: there is no such file; check the path")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: _array(path, file, name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError, AttributeError, OSError) as error:
        raise CheckpointError(_damaged(path, str(error))) from error
    if "crc32" in header and header["crc32"] != f"{_checksum(arrays):08x}":
        raise CheckpointError(_damaged(path, "the arrays' checksum is wrong"))
    try:
        return arrays, json.loads(header.get("glassnet", "{}"))
    except ValueError as error:
        raise CheckpointError(_damaged(path, f"its metadata are not JSON: {error}")) from error


def _array(path: str | os.PathLike[str], file: Any, name: str) -> Array:
    """One array of an open file; NumPy has no bfloat16, which is the upper half of a float32."""
    part = file.get_slice(name)
    if part.get_dtype() != "BF16":
        return file.get_tensor(name)
    with open(path, "rb") as raw:
        size = int.from_bytes(raw.read(8), "little")
        start, end = json.loads(raw.read(size))[name]["data_offsets"]
        raw.seek(8 + size + start)
        upper = np.frombuffer(raw.read(end - start), "<u2")
    return (upper.astype(np.uint32) << 16).view(np.float32).reshape(part.get_shape())


def _plain(path: str | os.PathLike[str], name: str, array: Array) -> Array:
    """`array` in C order and little-endian; booleans, integers and floats only."""
    array = np.asarray(array, order="C")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise CheckpointError(
            f"{path}: '{name}' has dtype {array.dtype}; a weight file holds booleans, integers "
            "and floats of up to 64 bits; convert it, or put it into the metadata"
        )
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _checksum(arrays: Mapping[str, Array]) -> int:
    """CRC-32 of all bytes, by sorted name."""
    crc = 0
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, crc)
    return crc


def _damaged(path: str | os.PathLike[str], reason: str) -> str:
    size = Path(path).stat().st_size
    return (
        f"{path} ({size:,} bytes) is not a whole safetensors file: {reason}. It was cut short, "
        "damaged, or is of another kind; use another checkpoint or copy it again"
    )
