"""PyTorch's format before version 1.6: five pickles, then the storages one after another.

magic number | protocol 1001 | byte order | the object | keys of the storages
for each key, in that order: its length as int64, then its numbers
"""

from typing import Any

import numpy as np

from glassnet.errors import CheckpointError
from glassnet.io.torch_tensors import Storage, arrays_in, find, storage_from_id
from glassnet.io.unpickle import Bytes, Machine

MAGIC = 0x1950A86A20F9469CFC6C
START = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little")  # of every such file


def read_legacy(source: Bytes) -> Any:
    """The object, its tensors as arrays. Raises CheckpointError as `torch_file.load_torch`."""
    if Machine(source, find).run() != MAGIC or Machine(source, find).run() != 1001:
        raise CheckpointError("it does not begin as a PyTorch file of format 1001 does")
    system = Machine(source, find).run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError("its numbers are not little-endian; save it again on another machine")
    storages: dict[str, Storage] = {}
    views: list[tuple[Storage, Storage, int]] = []
    value = Machine(source, find, lambda description: _storage(description, storages, views)).run()
    _read(source, Machine(source, find).run(), storages)
    for part, whole, start in views:
        assert whole.numbers is not None
        part.numbers = whole.numbers[start : start + part.count]
    return arrays_in(value)


def _storage(
    description: Any, storages: dict[str, Storage], views: list[tuple[Storage, Storage, int]]
) -> Storage:
    """The storage, the same one for the same key; or a part of it that has a key of its own."""
    found = storage_from_id(description)
    whole = storages.setdefault(found.key, found)
    if (whole.kind, whole.count) != (found.kind, found.count):
        raise CheckpointError(f"storage '{found.key}' is described in two ways")
    part = description[5] if len(description) > 5 else None
    if part is None:
        return whole
    key, start, count = part
    if not 0 <= start <= start + count <= whole.count:
        raise CheckpointError(f"part '{key}' leaves storage '{whole.key}' of {whole.count:,}")
    views.append((Storage(whole.kind, str(key), count), whole, start))
    return views[-1][0]


def _read(source: Bytes, keys: Any, storages: dict[str, Storage]) -> None:
    """Fill the storages in the order of `keys`."""
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise CheckpointError("its list of storages is not that of its tensors")
    for key in map(str, keys):
        storage, count = storages[key], source.number("<q")
        if count != storage.count:
            raise CheckpointError(
                f"storage '{key}' has {count:,} numbers, its tensors expect {storage.count:,}"
            )
        storage.numbers = np.frombuffer(source.take(storage.nbytes), storage.kind.layout)
