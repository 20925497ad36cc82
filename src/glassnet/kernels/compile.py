"""From a kernel's source to a function that Python can call: compiled once, then kept on disk.

`@task` marks a kernel. Its first parameters `begin, end` say which part of the work a call does,
optionally `slot` which of the parts that is; the rest are arguments, the same for all parts, and
after `*` come constants, for each value of which there is machine code of its own:

    @task
    def scale(begin: int, end: int, x: Floats, factor: float, *, twice: bool) -> None: ...

    scale.compiled(twice=True)(units, parts, x, 0.5)

calls the code for the units of work 0 .. units - 1, cut into `parts` equal pieces that run on as
many threads (`launch.py`). Arrays pass their address, None the address 0: shapes, types and layout
are the caller's to check. The compiled code stands in a file of the user's cache directory, in a
folder named after all that it depends on, the sources of all kernels among it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from glassnet.kernels.target import Target, host, object_code

_LOCK = threading.RLock()
_KEEP: list[Any] = []  # what machine code refers to, for as long as the process lives
KINDS = ("int", "float", "Floats", "Doubles", "Longs", "Ints", "Bytes")
SOURCES = Path(__file__).parent
TASKS: dict[str, Task] = {}  # of this folder
Constants = tuple[tuple[str, Any], ...]
WATCHED: dict[tuple[str, Constants], Task] | None = None  # while `watched`: what runs


class Parameter(NamedTuple):
    """One argument of a task: its name and kind."""

    name: str
    kind: str


class Task:
    """A kernel: its source, and the machine code for each set of constants that was asked for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        self.function, self.__doc__, self.__name__ = function, function.__doc__, function.__name__
        self.place = tuple(name for name in names[:3] if name in ("begin", "end", "slot"))
        kinds = [(n, function.__annotations__[n]) for n in names[len(self.place) :]]
        assert all(kind in KINDS for _, kind in kinds), f"{self.__name__}: {kinds}"
        self.parameters = tuple(Parameter(*both) for both in kinds)
        self.origin = _origin(function)
        self._compiled: dict[Constants, Callable[..., None]] = {}

    def compiled(self, **constants: Any) -> Callable[..., None]:
        """The callable for these constants: f(units, parts, *arguments)."""
        said = tuple(constants.items())  # each caller says them in an order of its own
        found = self._compiled.get(said) if WATCHED is None else None
        if found is None:
            key = tuple(sorted(said))
            if WATCHED is not None:
                WATCHED[self.__name__, key] = self
            with _LOCK:
                found = self._compiled.get(key) or self._load(key)
                self._compiled[key] = self._compiled[said] = found
        return found

    def __call__(self, units: int, parts: int, *arguments: Any) -> None:
        """Run a task that has no constants."""
        found = self._compiled.get(()) if WATCHED is None else None
        (found or self.compiled())(units, parts, *arguments)

    def symbol(self, constants: Constants) -> str:
        """The name of the machine code, in object files and in what a debugger shows."""
        said = "".join(f"_{name}{value}" for name, value in constants)
        plain = "".join(c if c.isalnum() else "_" for c in said)
        unlike = f"_{zlib.crc32(said.encode()):08x}" if plain != said else ""
        return f"glassnet_{self.__name__}{self.origin}{plain}{unlike}"

    def _load(self, constants: Constants) -> Callable[..., None]:
        from glassnet.kernels import launch

        launch.pool()
        name = self.symbol(constants)
        load(name, lambda: self.code(constants, host()))
        return builtin(name, address(f"{name}_entry"))

    def code(self, constants: Constants, target: Target) -> str:
        """LLVM's text of the task and of its entry from Python."""
        from glassnet.kernels import entry

        return entry.module(self, constants, target)


def _origin(function: Callable[..., Any]) -> str:
    """What tells a kernel of another place from those of this folder: its name and its file."""
    file = Path(function.__code__.co_filename)
    if file.parent == SOURCES:
        return ""
    return "_" + hashlib.sha256(function.__qualname__.encode() + file.read_bytes()).hexdigest()[:12]


def task(function: Callable[..., Any]) -> Task:
    """Make a function of the kernels' language a task."""
    made = Task(function)
    if not made.origin:
        before = TASKS.setdefault(made.__name__, made)
        assert before.function.__module__ == function.__module__, f"two tasks '{made.__name__}'"
    return made


@contextmanager
def watched() -> Iterator[dict[tuple[str, Constants], Task]]:
    """Note which tasks run, with which constants: (name, constants) -> the task."""
    global WATCHED
    WATCHED = {}
    try:
        yield WATCHED
    finally:
        WATCHED = None


# -- machine code in this process ------------------------------------------------------------------
@cache
def _engine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), host().machine())
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))  # its code may run until the very end
    llvm.add_symbol("glassnet_array_type", id(np.ndarray))
    return engine


def load(name: str, code: Callable[[], str]) -> None:
    """Bring the object file `name` into the process; it is compiled from `code()` where missing."""
    with _LOCK:
        _engine().add_object_file(llvm.ObjectFileRef.from_data(_object(name, code)))
        _engine().finalize_object()


def address(symbol: str) -> int:
    """Where a function that was loaded lies."""
    return int(_engine().get_function_address(symbol))


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def builtin(name: str, address: int) -> Callable[..., None]:
    """Machine code as a built-in function of Python, called with METH_FASTCALL."""
    method = _Method(name.encode(), address, 0x80, None)
    _KEEP.append(method)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    made: Callable[..., None] = make(ctypes.addressof(method), None, None)
    return made


# -- object files on disk --------------------------------------------------------------------------
KEPT = 4  # folders of object files, of other versions and processors


@cache
def fingerprint() -> str:
    """A digest of all that object files depend on: kernels' sources, versions, processor, ABI."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    about = (llvmlite.__version__, llvm.llvm_version_info, host(), sys.version, np.__version__)
    digest.update(repr((*about, object.__basicsize__)).encode())
    return digest.hexdigest()[:20]


@cache
def cache_folder() -> Path:
    """Where object files of this version and processor are kept; `GLASSNET_KERNEL_CACHE` rules."""
    from platformdirs import user_cache_path

    given = os.environ.get("GLASSNET_KERNEL_CACHE")
    return (Path(given) if given else user_cache_path("glassnet") / "kernels") / fingerprint()


def _object(name: str, code: Callable[[], str]) -> bytes:
    """The object file `name` from disk, or compiled and put there."""
    path = cache_folder() / f"{name}.o"
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[32:]).digest() == data[:32]:  # else it is damaged
            return data[32:]
    except OSError:
        pass
    _say_once()
    begin = time.perf_counter()
    made = object_code(code(), host())
    COMPILED[name] = time.perf_counter() - begin
    _keep(path, hashlib.sha256(made).digest() + made)
    return made


COMPILED: dict[str, float] = {}  # what this process compiled, and in how many seconds


@cache
def _say_once() -> None:
    """The line that tells people what takes the time of a first run."""
    print(  # noqa: T201
        f"glassnet: compiling kernels for this processor ({host().cpu}), once; "
        f"`glassnet warm-up` does all at once",
        file=sys.stderr,
        flush=True,
    )


def _keep(path: Path, data: bytes) -> None:
    """Write in one step; a cache that cannot be written costs time and nothing else."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _forget_old(path.parent.parent)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        os.replace(file.name, path)
    except OSError:
        pass


def _forget_old(folder: Path) -> None:
    """Of the folders of other versions keep the KEPT newest."""
    import shutil

    found = sorted((f for f in folder.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
    for old in found[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
