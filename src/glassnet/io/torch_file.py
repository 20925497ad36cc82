"""Weights out of PyTorch's `.pth` and `.pt` files, old format and new, without PyTorch.

The new format (since 1.6) is a zip archive: `NAME/data.pkl` describes the object, `NAME/data/KEY`
holds the numbers of each storage, uncompressed. The old one is in `torch_legacy.py`. Both are
pickles underneath, read by a machine that can build tensors and plain data and nothing else.
"""

import io
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from glassnet.errors import CheckpointError
from glassnet.io.torch_legacy import START, read_legacy
from glassnet.io.torch_tensors import Array, Storage, arrays_in, find, storage_from_id
from glassnet.io.unpickle import Bytes, Machine

ZIP = b"PK\x03\x04"
# Where training programs put the weights among their other notes, in order of preference.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights", "params")

# What zipfile and struct raise on files that make no sense. OSError: a place before the start;
# RuntimeError: encrypted, or too deep.
_DAMAGE = (
    zipfile.BadZipFile, struct.error, EOFError, OSError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip


def is_torch(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as one of PyTorch's two formats does."""
    with open(path, "rb") as file:
        start = file.read(len(START))
    return start.startswith(ZIP) or start == START


def load_torch(path: str | os.PathLike[str]) -> dict[str, Array]:
    """name -> array, read-only, with the strides that the file has; float16 stays, bfloat16 widens.

    Takes a state_dict as it is or inside a training program's checkpoint (under 'state_dict',
    'model', ...), and drops the 'module.' that DataParallel puts in front. Raises CheckpointError
    where the file is missing, cut short, damaged, declares more than it holds, or mentions anything
    but tensors and plain data; nothing in it is run, whatever it says.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: there is no such file; check the path")
    with open(path, "rb") as file:
        try:
            value = _read_zip(file) if file.read(4) == ZIP else _read_old(file)
            return _without_prefix(_weights(value))
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        except _DAMAGE as error:
            reason = str(error) or type(error).__name__
            raise CheckpointError(
                f"{path}: cut short or damaged ({reason}); copy or download it again"
            ) from error


def _read_old(file: Any) -> Any:
    file.seek(0)
    if file.read(len(START)) != START:
        raise CheckpointError(
            "not a PyTorch file: it begins neither as a zip nor as the old format"
        )
    file.seek(0)
    return read_legacy(Bytes(file))


def _read_zip(file: Any) -> Any:
    """The object in `data.pkl`, its tensors as arrays."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.split("/")[1:] == ["data.pkl"]]
        if any(name.endswith("/constants.pkl") for name in names):
            raise CheckpointError(
                "it is a TorchScript program, not weights: save net.state_dict() with PyTorch"
            )
        if len(pickles) != 1:
            raise CheckpointError("a zip archive without a NAME/data.pkl is not a PyTorch file")
        records = _Records(archive, pickles[0].removesuffix("data.pkl"), _size(file))
        source = Bytes(io.BytesIO(records.read("data.pkl")))
        return arrays_in(Machine(source, find, records.storage).run())


def _size(file: Any) -> int:
    return os.fstat(file.fileno()).st_size


class _Records:
    """The parts of the archive. Each is read once, and all together never exceed the file."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, budget: int) -> None:
        self.archive, self.folder, self.budget = archive, folder, budget
        self.storages: dict[str, Storage] = {}
        self.order: Literal["<", ">"] = "<"
        if f"{folder}byteorder" in archive.NameToInfo:
            self.order = ">" if self.read("byteorder") == b"big" else "<"

    def read(self, name: str) -> bytes:
        """The bytes of one part. Raises CheckpointError where it is not there or not plain."""
        info = self.archive.NameToInfo.get(self.folder + name)
        if info is None:
            raise CheckpointError(f"its part '{name}' is missing")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise CheckpointError(f"its part '{name}' is compressed, which PyTorch never does")
        if info.file_size > self.budget:
            raise CheckpointError(f"its parts declare more bytes than it has, at '{name}'")
        self.budget -= info.file_size
        return self.archive.read(info)

    def storage(self, description: Any) -> Storage:
        """The storage that a pickle asks for, with its numbers."""
        asked = storage_from_id(description)
        known = self.storages.get(asked.key)
        if known is not None:
            if (known.kind, known.count) != (asked.kind, asked.count):
                raise CheckpointError(f"storage '{asked.key}' is described in two ways")
            return known
        content = self.read(f"data/{asked.key}")
        if len(content) != asked.nbytes:
            raise CheckpointError(
                f"storage '{asked.key}' holds {len(content):,} bytes, declared are "
                f"{asked.count:,} {asked.kind.name}, {asked.nbytes:,} bytes"
            )
        layout = asked.kind.layout
        numbers = np.frombuffer(content, layout.newbyteorder(self.order))
        asked.numbers = numbers.astype(layout, copy=False)
        return self.storages.setdefault(asked.key, asked)


def _weights(value: Any) -> dict[str, Array]:
    """The state_dict in what a file held. Raises CheckpointError where there is none."""
    if not isinstance(value, Mapping):
        raise CheckpointError(f"it holds a {type(value).__name__}, a state_dict was expected")
    arrays = {str(k): v for k, v in value.items() if isinstance(v, np.ndarray)}
    for name in WRAPPERS:
        if isinstance(value.get(name), Mapping) and not arrays:
            return _weights(value[name])
    if not arrays:
        raise CheckpointError(f"no tensors by name in it, only {', '.join(map(str, value))!r:.200}")
    return arrays


def _without_prefix(arrays: dict[str, Array]) -> dict[str, Array]:
    if all(name.startswith("module.") for name in arrays):
        return {name.removeprefix("module."): array for name, array in arrays.items()}
    return arrays
