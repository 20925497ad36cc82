"""The machines of a folder: found by what their files say, opened when somebody wants to dream."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from glassnet.dreams.files import KINDS, load
from glassnet.errors import DataError, NotFound

MACHINE = "machine"  # a file of this name is called by its folder's


@dataclass(frozen=True)
class Found:
    """A file that holds a machine: its name within the folder, its kind, when it was written."""

    name: str
    path: Path
    kind: str
    written: float

    def open(self) -> Any:
        """The machine. The last few are kept, each until its file changes."""
        return _opened(self.path, _stamp(self.path))


def machines(folder: Path) -> list[Found]:
    """Those in the folder and the folders in it, the newest first; only headers are read."""
    paths = [*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")]
    found = [
        Found(_name(folder, path), path, kind, path.stat().st_mtime)
        for path in paths
        if (kind := _kind(path, _stamp(path))) in KINDS
    ]
    return sorted(found, key=lambda each: -each.written)


def machine(folder: Path, name: str) -> Found:
    """The machine of a name. Raises NotFound."""
    for each in machines(folder):
        if each.name == name:
            return each
    raise NotFound(f"there is no machine '{name}' in {folder}")


def picture_shape(visible: int) -> tuple[int, int]:
    """(height, width) of the square picture of so many pixels. Raises DataError for no square."""
    side = math.isqrt(visible)
    if side * side != visible:
        raise DataError(f"{visible} visible units are no square picture, so they cannot be drawn")
    return side, side


def _name(folder: Path, path: Path) -> str:
    inside = path.relative_to(folder).with_suffix("")
    alone = inside.name == MACHINE and inside.parent != Path()
    return (inside.parent if alone else inside).as_posix()


@lru_cache(maxsize=1000)
def _kind(path: Path, stamp: int) -> str | None:
    """What kind of machine a file says it holds; None for other files and damaged ones."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {}).get("glassnet", "{}")).get("kind")
    except (SafetensorError, OSError, ValueError, AttributeError):
        return None


@lru_cache(maxsize=4)
def _opened(path: Path, stamp: int) -> Any:
    return load(path)


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns
