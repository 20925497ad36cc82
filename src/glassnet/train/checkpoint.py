"""A run's whole state in one safetensors file: all that predicting and going on depend on.

Arrays: "net.<name>" the weights and buffers, "average.<name>" their moving average where the run
has one, "optimizer.<index>.<name>" the optimiser's. Everything else is in the metadata, under the
number of the format. The file is written in one step (`io.save`), so there is always a whole one.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import glassnet
from glassnet import io, nn
from glassnet.errors import CheckpointError
from glassnet.nn import Module
from glassnet.train.history import Row

Array = NDArray[Any]
Arrays = dict[str, Array]

FORMAT = 1
LAST, BEST, HISTORY = "last.safetensors", "best.safetensors", "history.jsonl"


@dataclass
class Checkpoint:
    """What stands in the file.

    config, classes, preprocessing, history, best   as in `Run`
    architecture   of the network, for `nn.build`
    net            name -> array, `net.state_dict()`
    optimizer      `optimizer.state_dict()`
    average        `EMA.state_dict()`, or None
    schedule       its state_dict, or None
    progress       where the run stands: the step, the sums of the epoch in hand
    recipe         the arguments of `fit` that can be written down, for `train.resume`
    stopped        why the run ended, or None where it has not
    """

    config: dict[str, Any]
    classes: list[str]
    preprocessing: dict[str, Any]
    architecture: dict[str, Any]
    net: Arrays
    optimizer: dict[str, Any]
    average: dict[str, Any] | None
    schedule: dict[str, Any] | None
    progress: dict[str, Any]
    recipe: dict[str, Any]
    history: list[Row] = field(default_factory=list)
    best: Row | None = None
    stopped: str | None = None

    def save(self, path: Path) -> None:
        """Write it, atomically. Raises CheckpointError for what a file cannot hold."""
        arrays = _prefixed("net.", self.net)
        numbers: dict[str, dict[str, Any]] = {}
        for index, state in self.optimizer["state"].items():
            kept = {k: v for k, v in state.items() if isinstance(v, np.ndarray)}
            arrays |= _prefixed(f"optimizer.{index}.", kept)
            numbers[str(index)] = {k: v for k, v in state.items() if k not in kept}
        if self.average is not None:
            arrays |= _prefixed("average.", self.average["average"])
        named = {name: getattr(self, name) for name in _PLAIN}
        metadata = named | {
            "format": FORMAT,
            "optimizer": {"param_groups": self.optimizer["param_groups"], "numbers": numbers},
            "average": None if self.average is None else self.average["updates"],
        }
        io.save(path, arrays, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read one. Raises CheckpointError for a damaged file, no checkpoint, another format."""
        arrays, metadata = io.load(path)
        _check_format(path, metadata)
        try:
            optimizer = metadata["optimizer"]
            state: dict[str, dict[str, Any]] = optimizer["numbers"]
            for name, array in _within("optimizer.", arrays).items():
                index, _, key = name.partition(".")
                state[index][key] = array
            updates = metadata["average"]
            average = {"updates": updates, "average": _within("average.", arrays)}
            return cls(
                net=_within("net.", arrays),
                optimizer={"param_groups": optimizer["param_groups"], "state": state},
                average=None if updates is None else average,
                **{name: metadata[name] for name in _PLAIN},
            )
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is not a whole checkpoint of format {FORMAT} ({error!r}); "
                f"use another one or train again"
            ) from error

    def build(self) -> Module:
        """The network, with `write_into`'s weights.

        Raises CheckpointError where a class of layers is not known here.
        """
        import glassnet.models  # noqa: F401  (the classes of its layers are known then)

        net = nn.build(self.architecture)
        self.write_into(net)
        return net

    def write_into(self, net: Module) -> None:
        """Give `net` the weights that the run is judged by: their average, if it has one."""
        net.load_state_dict(self.net)
        if self.average is not None:
            net.load_state_dict(self.average["average"], strict=False)


_PLAIN = (
    "config", "classes", "preprocessing", "architecture", "schedule", "progress", "recipe",
    "history", "best", "stopped",
)  # fmt: skip


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {
        "glassnet": glassnet.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def find(path: str | os.PathLike[str], which: str = "best") -> Path:
    """The checkpoint that `path` means: a file, or of a run's folder the best or the last one.

    A run without validation data has no best one: then it is the last. Raises CheckpointError
    where there is none.
    """
    if which not in ("best", "last"):
        raise CheckpointError(f"which is '{which}'; expected 'best' or 'last'")
    path = Path(path)
    if not path.is_dir():
        return path
    wanted = [path / BEST, path / LAST] if which == "best" else [path / LAST]
    for candidate in wanted:
        if candidate.is_file():
            return candidate
    raise CheckpointError(
        f"{path} holds no checkpoint ({' or '.join(c.name for c in wanted)}); "
        f"give the folder that fit(out=...) wrote, or a checkpoint file"
    )


def _check_format(path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
    number = metadata.get("format")
    if number is None or "architecture" not in metadata:
        raise CheckpointError(
            f"{path} is not a checkpoint of a run: it holds arrays alone; read it with "
            f"glassnet.io.load and hand the arrays to net.load_state_dict"
        )
    if number != FORMAT:
        raise CheckpointError(
            f"{path} is a checkpoint of format {number}, this glassnet ({glassnet.__version__}) "
            f"reads format {FORMAT}; "
            + ("update glassnet" if number > FORMAT else "read it with the glassnet that wrote it")
        )


def _prefixed(prefix: str, arrays: Arrays) -> Arrays:
    return {prefix + name: array for name, array in arrays.items()}


def _within(prefix: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
