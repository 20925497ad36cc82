"""Fine-tuning from the top: the last layers learn on, the lower the slower, the rest stays.

It begins with the probe in place as the head, so that the first steps do not tear down what the
layers below know [Kumar et al. 2022, "Fine-tuning can distort pretrained features"]. What is frozen
is frozen whole: no gradients, and batch normalisation keeps the statistics that it came with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassnet import nn, optim
from glassnet.data import Augmentation, Dataset
from glassnet.errors import DataError, GlassnetError
from glassnet.models.cut import Features, find_layer, head
from glassnet.nn import Module
from glassnet.train import Run, fit
from glassnet.transfer.learn import Learned, images

LOWER = 0.7  # the learning rate of a unit, as a share of that of the unit above
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def fine_tune(
    learned: Learned,
    count: int,
    *,
    epochs: int = 10,
    lr: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
    augment: Augmentation | None = None,
    out: Path | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[Run, Dataset]:
    """Train the head and the `count` units below it; the run, and the images to judge it on.

    lr is the head's; each unit below learns at 0.7 of the rate of the one above it. Raises
    DataError for clips and attributes, which are learned by a probe alone, and GlassnetError where
    the network has fewer units.
    """
    examples = learned.examples
    if examples.kind != "classes":
        raise DataError(f"fine-tuning is for folders of classes; {examples.kind} take a probe")
    train, held = (images(learned, held_out) for held_out in (False, True))
    net = learned.network()
    run = fit(
        net,
        train,
        held if len(held) else None,
        optim.AdamW(thaw(net, count, lr), weight_decay=0.01),
        schedule="one-cycle",
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        augment=augment,
        preprocess=learned.source.preprocessing,
        out=out,
        about={
            "model": learned.source.name,
            "task": examples.kind,
            "split": examples.split,
            "finetune": count,
            "units": unit_names(net)[-count:],
        }
        | dict(about or {}),
    )
    return run, held


def thaw(net: Module, count: int, lr: float) -> list[dict[str, Any]]:
    """Freeze `net` but for its head and the `count` units below; the optimiser's groups.

    Raises GlassnetError where there are fewer units.
    """
    below = units(net)
    if not 0 <= count <= len(below):
        raise GlassnetError(
            f"{count} units below the head cannot be unfrozen, the network has {len(below)}"
        )
    net.freeze()
    groups = [{"params": _thawed([net.get_submodule(head(net))]), "lr": lr}]
    for depth, unit in enumerate(reversed(below[len(below) - count :]), 1):
        groups.append({"params": _thawed(unit), "lr": lr * LOWER**depth})
    return groups


def units(net: Module) -> list[list[Module]]:
    """What lies below the head, from the first: layers and blocks, each with its normalisation.

    A block (anything that is no plain row of layers) is one unit. Of a network that is cut at a
    layer, what runs up to there.
    """
    found: list[list[Module]] = []
    for module in _below(net):
        if isinstance(module, _NORMS) and found:
            found[-1].append(module)
        else:
            found.append([module])
    return found


def unit_names(net: Module) -> list[str]:
    """The dotted names of the units, as `units` orders them."""
    names = {id(module): name for name, module in net.named_modules()}
    return [names[id(unit[0])] for unit in units(net)]


def _below(net: Module) -> list[Module]:
    """The layers and blocks below the head, in order; of a cut network those up to the cut."""
    first, *rest = net.children()
    if not (isinstance(first, Features) and len(rest) == 1):
        return [module for _, module in _parts(net, "")][:-1]
    parts, place = list(_parts(first.net, "")), find_layer(first.net, first.layer)
    within = [
        i
        for i, (name, _) in enumerate(parts)
        if f"{name}.".startswith(f"{place}.") or f"{place}.".startswith(f"{name}.")
    ]
    end = within[-1] + (first.layer is not None)  # the head itself is not below the head
    return [module for _, module in parts[:end]]


def _parts(module: Module, prefix: str) -> Iterator[tuple[str, Module]]:
    """Layers and blocks with parameters, in the order of definition; rows are gone into."""
    for name, child in module.named_children():
        if isinstance(child, _CONTAINERS):
            yield from _parts(child, f"{prefix}{name}.")
        elif any(True for _ in child.parameters()):
            yield f"{prefix}{name}", child


def _thawed(modules: Sequence[Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.unfreeze().parameters()]
