"""What is looked at before and during training so that nothing goes wrong in silence.

K classes, n samples of a batch.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from glassnet import random
from glassnet.data import Dataset, Preprocessing
from glassnet.errors import DataError, GlassnetWarning, TrainingError
from glassnet.nn import Module, evaluating
from glassnet.optim import Optimizer
from glassnet.tensor import Tensor


def warn(message: str) -> None:
    """A GlassnetWarning that points at the user's line, the first one outside of glassnet."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("glassnet."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, GlassnetWarning, stacklevel=level)


# -- before the first step ------------------------------------------------------------------------
def check_network(
    net: Module, optimizer: Optimizer, train: Dataset, preprocessing: Preprocessing
) -> None:
    """What `check_optimizer`, `check_frozen` and `check_output` find."""
    check_optimizer(net, optimizer)
    check_frozen(net)
    with random.using(random.derive(0)):  # the randomness of the user's program stays as it is
        check_output(net, train, preprocessing)


def check_optimizer(net: Module, optimizer: Optimizer) -> None:
    """Every trainable parameter belongs to the optimiser, and the optimiser to this network.

    Warns of parameters that nothing would update; raises TrainingError where the optimiser has
    none of the network's parameters.
    """
    updated = {id(p) for group in optimizer.param_groups for p in group["params"]}
    mine = dict(net.named_parameters())
    if updated.isdisjoint(map(id, mine.values())):
        raise TrainingError(
            "the optimizer has no parameter of this network, so nothing would be learned; "
            "make it with net.parameters() of the network that you hand to fit"
        )
    left = [name for name, p in mine.items() if p.requires_grad and id(p) not in updated]
    if left:
        warn(
            f"no optimizer has {named(left)}, so they stay as they are; hand them to the "
            f"optimizer, or freeze their layers with .freeze()"
        )
    foreign = len(updated - set(map(id, mine.values())))
    if foreign:
        warn(
            f"{foreign} of the optimizer's parameters are not the network's, so nothing trains "
            f"them; make the optimizer with net.parameters()"
        )


def check_frozen(net: Module) -> None:
    """Warn of layers whose parameters are fixed while their batch statistics would move."""
    for name, module in net.named_modules():
        weights = [parameter for _, parameter in module.own_parameters()]
        fixed = bool(weights) and not any(p.requires_grad for p in weights)
        if fixed and not module.frozen and "running_mean" in dict(module.own_buffers()):
            warn(
                f"the parameters of layer '{name}' ({type(module).__name__}) are fixed, but its "
                f"batch statistics would still move; freeze it with net.get_submodule('{name}')"
                f".freeze(), which fixes both"
            )


def preprocessing_for(net: Module, train: Dataset, given: Preprocessing | None) -> Preprocessing:
    """The preprocessing that was given, else the pretrained network's own, else the data's.

    Warns where a pretrained network (`net.preprocessing`) would be shown something else.
    """
    own: Preprocessing | None = getattr(net, "preprocessing", None)
    if own is None:
        return given or Preprocessing.fit(train)
    if given is not None and given != own:
        warn(
            f"the network was pretrained on images prepared so: {own}; it is now shown images "
            f"prepared so: {given}; leave preprocess= away to prepare them as it expects"
        )
    return given or own


def check_data(train: Dataset, validation: Dataset | None) -> None:
    """Raise DataError where there is nothing to learn from, or the two sets do not fit."""
    for dataset in (train, validation):
        if dataset is not None and not len(dataset):
            raise DataError(f"'{dataset.name}' has no samples; there is nothing to learn from")
    if validation is not None and validation.classes != train.classes:
        raise DataError(
            f"the training data have the classes {named(train.classes)}, the validation data "
            f"{named(validation.classes)}; read both with the same list of classes"
        )


def check_output(net: Module, train: Dataset, preprocessing: Preprocessing) -> None:
    """Show the network one image: raises TrainingError where it does not answer K logits."""
    images, _ = train.batch(np.arange(min(2, len(train))))
    with evaluating(net):
        logits = net(Tensor(preprocessing(images)))
    count = len(train.classes)
    shape = getattr(logits, "shape", None)
    if shape != (len(images), count):
        raise TrainingError(
            f"the data have {count} classes ({named(train.classes)}), so for {len(images)} images "
            f"the network has to answer ({len(images)}, {count}), and it answers {shape}; "
            f"give its last layer {count} outputs"
        )


def check_gradients(net: Module, optimizer: Optimizer) -> None:
    """After the first backward: warn of parameters that the loss does not depend on."""
    updated = {id(p) for group in optimizer.param_groups for p in group["params"]}
    idle = [
        name
        for name, p in net.named_parameters()
        if p.requires_grad and p.grad is None and id(p) in updated
    ]
    if idle:
        warn(
            f"the loss does not depend on {named(idle)}, so they got no gradient and stay as they "
            f"are; use their layers in forward(), or take them out"
        )


# -- during training ------------------------------------------------------------------------------
def finite(array: Any) -> bool:
    """Whether no entry is NaN or infinite."""
    return bool(np.isfinite(array).all())


def bad_gradients(net: Module) -> list[str]:
    """Names of the parameters whose gradient holds NaN or infinity."""
    with_gradient = ((n, p.grad) for n, p in net.named_parameters() if p.grad is not None)
    return [name for name, gradient in with_gradient if not finite(gradient.data)]


def first_bad_place(net: Module, x: Tensor) -> str:
    """Where a non-finite value first appears on the way from the input to the loss, in words.

    Runs forward once more, with a hook on every layer. Batch statistics move by that, so this is
    for a run that stops.
    """
    if not finite(x.data):
        bad = np.flatnonzero(~np.isfinite(x.data.reshape(len(x.data), -1)).all(axis=1))
        return f"the input: {len(bad)} of {len(x.data)} images hold NaN or infinity"
    broken = [name for name, tensor in net.named_state() if not finite(tensor.data)]
    if broken:
        return f"{named(broken)}, after the update before"
    found: list[str] = []
    removals = list(_watch(net, found))
    with suppress(Exception):  # what it was is known already; this only says where
        net(x)
    for remove in removals:
        remove()
    return found[0] if found else "the loss itself: the outputs of all layers are finite"


def _watch(net: Module, found: list[str]) -> Iterator[Any]:
    """Hooks that note the first layer whose output is not finite; inner layers come first."""
    for name, module in net.named_modules():

        def note(module: Module, args: tuple[Any, ...], output: Any, name: str = name) -> None:
            if not found and isinstance(output, Tensor) and not finite(output.data):
                found.append(f"the output of layer '{name}' ({type(module).__name__})")

        yield module.register_forward_hook(note)


def named(names: list[str], most: int = 6) -> str:
    """Some of the names, quoted, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
