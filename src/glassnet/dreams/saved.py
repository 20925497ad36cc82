"""How every machine goes into one safetensors file: its parameters, its kind, its sizes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from glassnet import io
from glassnet.errors import CheckpointError

FORMAT = 1
Arrays = Mapping[str, NDArray[Any]]


class Machine(Protocol):
    """What has parameters, name -> array, the machine's own."""

    @property
    def parameters(self) -> dict[str, NDArray[np.float32]]: ...


M = TypeVar("M", bound=Machine)


def write(path: str | os.PathLike[str], kind: str, machine: Machine, **sizes: Any) -> Path:
    """Write a machine to one file, atomically, with what its constructor needs."""
    return io.save(path, machine.parameters, {"kind": kind, "format": FORMAT, **sizes})


def read(path: str | os.PathLike[str], kind: str, name: str, make: Callable[[Arrays, Any], M]) -> M:
    """The machine that `write` wrote, filled into make(arrays, sizes).

    name  what people call the kind; raises CheckpointError for another kind of file.
    """
    arrays, about = io.load(path)
    if about.get("kind") != kind or about.get("format") != FORMAT:
        raise CheckpointError(f"{path} holds no {name} of format {FORMAT}")
    made = make(arrays, about)
    for key, own in made.parameters.items():
        own[...] = arrays[key]
    return made
