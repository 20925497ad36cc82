"""PyTorch files made by hand, opcode by opcode, so that they can also be wrong."""

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {
    "f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage",
    "i4": "IntStorage", "i2": "ShortStorage", "i1": "CharStorage", "u1": "ByteStorage",
    "b1": "BoolStorage", "c8": "ComplexFloatStorage", "c16": "ComplexDoubleStorage",
}  # fmt: skip
MAGIC = 0x1950A86A20F9469CFC6C
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def list_of(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def dict_of(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tuple_of(*arguments) + b"R"


def program(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def storage(key: str, kind: str, count: int, *more: bytes) -> bytes:
    described = (text("storage"), name("torch", kind), text(key), text("cpu"), integer(count))
    return tuple_of(*described, *more) + b"Q"


def numbers(values: Any) -> bytes:
    return tuple_of(*(integer(int(v)) for v in values))


def tensor(
    source: bytes, size: Any, stride: Any, offset: int = 0, how: str = "_rebuild_tensor_v2"
) -> bytes:
    hooks = call(name("collections", "OrderedDict"))
    return call(
        name("torch._utils", how),
        source,
        integer(offset),
        numbers(size),
        numbers(stride),
        FALSE,
        hooks,
    )


def described(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A state_dict of arrays, each with its own storage and its own strides."""
    entries = {}
    for number, (key, array) in enumerate(arrays.items()):
        stride = [s // array.itemsize for s in array.strides]
        kind = KINDS[array.dtype.str[1:]]
        entries[key] = tensor(storage(str(number), kind, array.size), array.shape, stride)
    return dict_of(entries)


def contents(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """The storages: what lies in memory, in the order of memory."""
    return {str(i): array.ravel(order="K").tobytes() for i, array in enumerate(arrays.values())}


def zip_file(path: Path, value: bytes, storages: Mapping[str, bytes], **parts: bytes) -> Path:
    """The new format; further `parts` by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("net/data.pkl", program(value))
        for key, content in storages.items():
            archive.writestr(f"net/data/{key}", content)
        for part, content in parts.items():
            archive.writestr(f"net/{part}", content)
    return path


def legacy_file(path: Path, value: bytes, storages: Mapping[str, tuple[int, bytes]]) -> Path:
    """The old format; a storage is (its declared length, its bytes)."""
    system = dict_of({"protocol_version": integer(1001), "little_endian": TRUE})
    parts = [integer(MAGIC), integer(1001), system, value, list_of(*map(text, storages))]
    rows = [struct.pack("<q", count) + content for count, content in storages.values()]
    path.write_bytes(b"".join([*map(program, parts), *rows]))
    return path
