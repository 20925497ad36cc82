"""A pickle machine that can build plain data and what the caller's table names, nothing else.

A pickle is a program for a small stack machine. Python's own machine imports what a program names
and calls it; this one has the opcodes that PyTorch writes, looks every name up in a table, and
calls only the table's own `Builder`s. It imports nothing, sets no attribute, and never reserves
memory for a length that the file does not have.

    opcode  one byte; its argument follows it in the file
    stack   the values so far; a mark on it says where a tuple, list or dict begins
    memo    values kept by number, for a second use
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from glassnet.errors import CheckpointError

PROTOCOLS = range(2, 6)
_MARK = object()


@dataclass(frozen=True)
class Builder:
    """A function that a pickle may call: the only kind of thing that it can."""

    name: str
    make: Callable[..., Any]


class Bytes:
    """A file read front to back that knows where it ends. Raises CheckpointError beyond that."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        start = file.tell()
        self.size = file.seek(0, 2)
        file.seek(start)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        left = self.size - self.file.tell()
        if not 0 <= count <= left:
            raise CheckpointError(f"it declares {count:,} more bytes where {left:,} are left")
        return self.file.read(count)

    def line(self) -> str:
        """Text up to the end of the line."""
        text = self.file.readline(512)
        if not text.endswith(b"\n"):
            raise CheckpointError("it ends within a name")
        return text[:-1].decode()

    def number(self, layout: str) -> Any:
        """One number of a `struct` layout."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]


class Machine:
    """Runs one pickle. `find(module, name)` is the table, `persistent(id)` answers BINPERSID.

    Raises CheckpointError for an opcode, name or call that is not allowed, and for a program that
    is cut short or makes no sense.
    """

    def __init__(
        self,
        source: Bytes,
        find: Callable[[str, str], Any],
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self.source, self.find, self.persistent = source, find, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The value that the program builds."""
        while (opcode := self.source.take(1)) != b".":
            step = _OPCODES.get(opcode)
            if step is None:
                raise CheckpointError(
                    f"its pickle uses the opcode {opcode!r}, which no tensor needs; refused"
                )
            step(self)
        return self.pop()

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the top value off the stack."""
        if not self.stack or self.stack[-1] is _MARK:
            raise CheckpointError("its pickle takes a value that is not there")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take everything above the topmost mark off the stack, and the mark."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is _MARK:
                values = self.stack[at + 1 :]
                del self.stack[at:]
                return values
        raise CheckpointError("its pickle takes a mark that is not there")

    def top(self, kind: type) -> Any:
        """The value on top, which must be of this very type."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise CheckpointError(f"its pickle fills a {kind.__name__} that is not there")
        return self.stack[-1]

    # -- opcodes that need more than a line ------------------------------------------------------
    def protocol(self) -> None:
        """PROTO: the version of the format."""
        version = self.source.take(1)[0]
        if version not in PROTOCOLS:
            raise CheckpointError(f"its pickle has protocol {version}; 2 to 5 can be read")

    def get(self, number: int) -> None:
        """BINGET: a value from the memo."""
        if number not in self.memo:
            raise CheckpointError(f"its pickle uses value {number}, which it never kept")
        self.push(self.memo[number])

    def put(self, number: int) -> None:
        """BINPUT: keep the value on top."""
        value = self.pop()
        self.memo[number] = value
        self.push(value)

    def fill_dict(self, flat: list[Any]) -> None:
        """SETITEMS: key, value, key, value, ... into the dict on top."""
        target = self.top(dict)
        if len(flat) % 2:
            raise CheckpointError("its pickle has a key without a value")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, str | int | float | None):
                raise CheckpointError(f"its pickle has a {type(key).__name__} for a key")
            target[key] = value

    def set_one(self) -> None:
        """SETITEM: one key and value into the dict below them."""
        value = self.pop()
        self.fill_dict([self.pop(), value])

    def append(self, values: list[Any]) -> None:
        """APPENDS: values to the list on top."""
        self.top(list).extend(values)

    def name(self) -> None:
        """GLOBAL: what the table has under a module's and a name."""
        module = self.source.line()
        self.push(self.find(module, self.source.line()))

    def name_from_stack(self) -> None:
        """STACK_GLOBAL: as GLOBAL, both names from the stack."""
        name, module = self.pop(), self.pop()
        self.push(self.find(str(module), str(name)))

    def call(self) -> None:
        """REDUCE: call a Builder with a tuple of arguments."""
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Builder) or not isinstance(arguments, tuple):
            raise CheckpointError(f"its pickle calls {_shown(function)}, which is no constructor")
        try:
            self.push(function.make(*arguments))
        except (TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"its pickle calls {function.name} wrongly: {error}") from error

    def build(self) -> None:
        """BUILD: attributes of the value on top. A state_dict has some (versions); left out."""
        self.pop()
        self.top(dict)

    def persist(self) -> None:
        """BINPERSID: a storage, by its description."""
        if self.persistent is None:
            raise CheckpointError("its pickle asks for a storage where there is none")
        self.push(self.persistent(self.pop()))


def _shown(value: Any) -> str:
    return f"{value!r:.60}"


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _take(machine: Machine, layout: str) -> bytes:
    """As many bytes as the number in front of them says."""
    return machine.source.take(machine.source.number(layout))


_OPCODES: dict[bytes, Callable[[Machine], Any]] = {
    b"\x80": Machine.protocol,
    b"\x95": lambda m: m.source.take(8),  # FRAME: a hint for buffering
    b"(": lambda m: m.push(_MARK),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"J": lambda m: m.push(m.source.number("<i")),
    b"K": lambda m: m.push(m.source.number("<B")),
    b"M": lambda m: m.push(m.source.number("<H")),
    b"\x8a": lambda m: m.push(_integer(_take(m, "<B"))),
    b"\x8b": lambda m: m.push(_integer(_take(m, "<I"))),
    b"G": lambda m: m.push(m.source.number(">d")),
    b"X": lambda m: m.push(_take(m, "<I").decode()),
    b"\x8c": lambda m: m.push(_take(m, "<B").decode()),
    b"\x8d": lambda m: m.push(_take(m, "<Q").decode()),
    b"T": lambda m: m.push(_take(m, "<I").decode()),  # text of Python 2
    b"U": lambda m: m.push(_take(m, "<B").decode()),
    b"B": lambda m: m.push(_take(m, "<I")),
    b"C": lambda m: m.push(_take(m, "<B")),
    b"\x8e": lambda m: m.push(_take(m, "<Q")),
    b"]": lambda m: m.push([]),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.pop_to_mark()),
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"\x85": lambda m: m.push((m.pop(),)),
    b"\x86": lambda m: m.push((m.pop(), m.pop())[::-1]),
    b"\x87": lambda m: m.push((m.pop(), m.pop(), m.pop())[::-1]),
    b"}": lambda m: m.push({}),
    b"s": Machine.set_one,
    b"u": lambda m: m.fill_dict(m.pop_to_mark()),
    b"h": lambda m: m.get(m.source.number("<B")),
    b"j": lambda m: m.get(m.source.number("<I")),
    b"q": lambda m: m.put(m.source.number("<B")),
    b"r": lambda m: m.put(m.source.number("<I")),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"c": Machine.name,
    b"\x93": Machine.name_from_stack,
    b"R": Machine.call,
    b"b": Machine.build,
    b"Q": Machine.persist,
}
