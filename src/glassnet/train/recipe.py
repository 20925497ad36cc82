"""The recipe of a run: the arguments of `fit` as plain data, to compare and to make again."""

from __future__ import annotations

import json
import zlib
from typing import Any

from glassnet import optim
from glassnet.data import Dataset, Loader
from glassnet.errors import CheckpointError, TrainingError
from glassnet.nn import Module
from glassnet.optim import Optimizer

Recipe = dict[str, Any]


def plain(value: Any) -> Any:
    """`value` as it is after a way through JSON: tuples are lists."""
    return json.loads(json.dumps(value))


def describe(
    net: Module,
    optimizer: Optimizer,
    loader: Loader,
    validation: Dataset | None,
    **arguments: Any,
) -> Recipe:
    """The recipe of a run; `arguments` are those of `fit` that are plain data as they come."""
    augment, preprocessing = loader.augment, loader.preprocess
    return plain(
        {
            "optimizer": describe_optimizer(net, optimizer),
            "batch_size": loader.batch_size,
            "seed": loader.seed,
            "augment": augment.to_dict() if augment is not None else None,
            "preprocessing": preprocessing.to_dict(),
            "train": describe_data(loader.dataset),
            "validation": describe_data(validation),
        }
        | arguments
    )


def describe_optimizer(net: Module, optimizer: Optimizer) -> dict[str, Any]:
    """The class, and the options and parameters' names of each group, as it was made."""
    names = {id(p): name for name, p in net.named_parameters()}
    groups = [
        {name: value for name, value in group.items() if name in optimizer.defaults}
        | {"lr": group.get("initial_lr", group["lr"])}
        | {"params": [names.get(id(p), "?") for p in group["params"]]}
        for group in optimizer.param_groups
    ]
    return {"name": type(optimizer).__name__, "groups": groups}


def build_optimizer(net: Module, described: dict[str, Any]) -> Optimizer:
    """The optimiser that `describe_optimizer` described, for `net`; without its state.

    Raises CheckpointError for a class that is not in `glassnet.optim`, and for other parameters.
    """
    make = getattr(optim, described["name"], None)
    if not (isinstance(make, type) and issubclass(make, Optimizer)):
        raise CheckpointError(
            f"the run's optimizer, {described['name']}, is not one of glassnet.optim; "
            f"go on with fit(..., optimizer=..., out=..., resume=True)"
        )
    params = dict(net.named_parameters())
    groups = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in group.items()}
        | {"params": [params[name] for name in group["params"]]}
        for group in described["groups"]
        if params.keys() >= set(group["params"])
    ]
    if len(groups) != len(described["groups"]):
        raise CheckpointError(
            "the run's optimizer had parameters that were not the network's; "
            "go on with fit(..., optimizer=..., out=..., resume=True)"
        )
    return make(groups)  # type: ignore[call-arg]


def describe_data(dataset: Dataset | None) -> dict[str, Any] | None:
    """The name, the size and a checksum of the labels: enough to notice other data."""
    if dataset is None:
        return None
    crc = zlib.crc32(dataset.labels.tobytes())
    return {"name": dataset.name, "size": len(dataset), "labels": f"{crc:08x}"}


def require_same(saved: Recipe, now: Recipe) -> None:
    """Raise TrainingError where a run would go on with other settings than it began with.

    The length may differ while no schedule depends on it.
    """
    tied = saved["schedule"] in ("one-cycle", "cosine", "step") or saved["warmup"]
    free = {"time_limit"} if tied else {"epochs", "steps", "time_limit"}
    differ = [name for name in now if name not in free and saved.get(name) != now[name]]
    if differ:
        lines = [f"{name}: {_short(saved.get(name))}, now {_short(now[name])}" for name in differ]
        raise TrainingError(
            "a run goes on with the settings that it began with, and these differ:\n  "
            + "\n  ".join(lines)
            + "\nuse the old settings, or choose another out= for a new run"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:197] + "..."
