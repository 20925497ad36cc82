"""What a PyTorch file may hold: tensors over storages, and plain data around them.

A storage is a run of numbers in the file; a tensor is a view of one: offset, sizes and strides, in
elements. The names in `TABLE` are all that such a file may mention. Nothing here is PyTorch's code
and nothing is imported by name.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import CheckpointError
from glassnet.io.unpickle import Builder

Array = NDArray[Any]
MAX_AXES = 32
MAX_REPEATED = 1 << 20  # entries of a tensor whose strides of 0 show numbers more than once


@dataclass(frozen=True)
class Kind:
    """The numbers of a storage: their PyTorch name and how they lie in the file."""

    name: str
    layout: np.dtype[Any]

    def decode(self, numbers: Array) -> Array:
        """As NumPy has them: bfloat16 becomes the float32 whose upper half it is, exactly."""
        if self.name == "bfloat16":
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        return numbers != 0 if self.name == "bool" else numbers


def _kind(name: str, layout: str) -> Kind:
    return Kind(name, np.dtype(layout))


KINDS = {
    "Float": _kind("float32", "<f4"),
    "Double": _kind("float64", "<f8"),
    "Half": _kind("float16", "<f2"),
    "BFloat16": _kind("bfloat16", "<u2"),
    "Long": _kind("int64", "<i8"),
    "Int": _kind("int32", "<i4"),
    "Short": _kind("int16", "<i2"),
    "Char": _kind("int8", "<i1"),
    "Byte": _kind("uint8", "<u1"),
    "Bool": _kind("bool", "<u1"),
    "ComplexFloat": _kind("complex64", "<c8"),
    "ComplexDouble": _kind("complex128", "<c16"),
}
UNTYPED = _kind("bytes", "<u1")
UNSIGNED = [_kind("uint16", "<u2"), _kind("uint32", "<u4"), _kind("uint64", "<u8")]


@dataclass
class Storage:
    """`count` numbers of one kind; `numbers` (count,) once they are read."""

    kind: Kind
    key: str
    count: int
    numbers: Array | None = None
    decoded: dict[str, Array] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Its length in the file."""
        return self.count * self.kind.layout.itemsize

    def read_as(self, kind: Kind) -> Array:
        """Its numbers as NumPy has them, converted once."""
        assert self.numbers is not None
        if kind.name not in self.decoded:
            self.decoded[kind.name] = kind.decode(self.numbers.view(kind.layout))
        return self.decoded[kind.name]


@dataclass(frozen=True)
class View:
    """A tensor before its storage is read. `kind` is that of its numbers."""

    storage: Storage
    kind: Kind
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> Array:
        """The tensor as a read-only array that shares the storage's memory, strides and all.

        Raises CheckpointError for a view that leaves its storage.
        """
        numbers = self.storage.read_as(self.kind)
        self._check(len(numbers))
        step = numbers.itemsize
        return np.lib.stride_tricks.as_strided(
            numbers[self.offset :] if len(numbers) else numbers,
            self.size,
            tuple(step * n for n in self.stride),
            writeable=False,
        )

    def _check(self, length: int) -> None:
        empty = 0 in self.size
        last = self.offset + sum((n - 1) * s for n, s in zip(self.size, self.stride, strict=True))
        if not empty and last >= length:
            raise CheckpointError(
                f"a tensor of size {self.size} with strides {self.stride} from place "
                f"{self.offset:,} reaches place {last:,} of storage '{self.storage.key}', which "
                f"has {length:,}"
            )
        if math.prod(self.size) > max(length, MAX_REPEATED):
            raise CheckpointError(
                f"a tensor of size {self.size} repeats the {length:,} numbers of storage "
                f"'{self.storage.key}' too often"
            )


def storage_from_id(description: Any) -> Storage:
    """The storage that ('storage', type, key, location, count, ...) describes, not yet read."""
    if not isinstance(description, tuple) or len(description) < 5 or description[0] != "storage":
        raise CheckpointError(f"its pickle asks for {description!r:.60}, which is no storage")
    _, kind, key, _, count = description[:5]
    if not isinstance(kind, Kind) or not _is_count(count):
        raise CheckpointError(f"storage '{key}' has kind {kind!r:.60} and length {count!r:.60}")
    return Storage(kind, str(key), count)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _view(storage: Any, offset: Any, size: Any, stride: Any, kind: Kind | None = None) -> View:
    numbers = (*size, *stride)
    fits = isinstance(storage, Storage) and len(size) == len(stride) <= MAX_AXES
    if not fits or not all(map(_is_count, (offset, *numbers))):
        raise CheckpointError(
            f"a tensor has offset {offset!r:.40}, size {size!r:.80} and strides {stride!r:.80}"
        )
    return View(storage, kind or storage.kind, offset, tuple(size), tuple(stride))


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *others: Any) -> View:
    """`others`: requires_grad, hooks and metadata, which weights do not need."""
    return _view(storage, offset, size, stride)


def _rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, kind: Any, *_: Any
) -> View:
    """Over a storage of bytes, with the kind of its numbers."""
    if not isinstance(kind, Kind) or not isinstance(storage, Storage):
        raise CheckpointError(f"a tensor has kind {kind!r:.60}")
    if storage.nbytes % kind.layout.itemsize:
        raise CheckpointError(f"storage '{storage.key}' holds no whole number of {kind.name}")
    return _view(storage, offset, size, stride, kind)


TABLE: dict[str, Any] = {
    "collections.OrderedDict": Builder("OrderedDict", lambda pairs=(): dict(pairs)),
    "torch._utils._rebuild_tensor": Builder("_rebuild_tensor", _rebuild_tensor),
    "torch._utils._rebuild_tensor_v2": Builder("_rebuild_tensor_v2", _rebuild_tensor),
    "torch._utils._rebuild_tensor_v3": Builder("_rebuild_tensor_v3", _rebuild_tensor_v3),
    "torch._utils._rebuild_parameter": Builder("_rebuild_parameter", lambda data, *_: data),
    "torch.Size": Builder("Size", tuple),
    "torch.device": Builder("device", lambda *where: ":".join(map(str, where))),
    "torch.storage.UntypedStorage": UNTYPED,
    "torch.UntypedStorage": UNTYPED,
    **{f"torch.{name}Storage": kind for name, kind in KINDS.items()},
    **{f"torch.{kind.name}": kind for kind in (*KINDS.values(), *UNSIGNED)},
}


def find(module: str, name: str) -> Any:
    """The entry of TABLE. Raises CheckpointError, saying what to do, for every other name."""
    full = f"{module}.{name}"
    if full in TABLE:
        return TABLE[full]
    raise CheckpointError(
        f"it asks for {full!r}, which is not on the list of what weights need; nothing was run. A "
        "whole pickled network, or a file that means harm, looks like this: save "
        "net.state_dict() with PyTorch instead"
    )


def arrays_in(value: Any, done: dict[int, Any] | None = None) -> Any:
    """`value` with every View made an array, through dicts, lists and tuples."""
    done = {} if done is None else done
    if id(value) in done:
        return done[id(value)]
    result = value
    if isinstance(value, View):
        result = value.array()
    elif isinstance(value, Kind):
        result = value.name
    elif isinstance(value, dict):
        result = {key: arrays_in(item, done) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        result = type(value)(arrays_in(item, done) for item in value)
    done[id(value)] = result
    return result
