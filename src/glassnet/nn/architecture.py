"""architecture() and build(): a network as plain data, and back, without pickle.

A layer is described by its class and the arguments of its constructor, which `Described.__new__`
notes when the layer is made. `build` makes objects of known Module classes and of nothing else: a
description from a stranger can waste memory, it cannot run their code.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet import random
from glassnet.errors import CheckpointError, GlassnetError

if TYPE_CHECKING:
    from glassnet.nn.module import Module

Construction = tuple[tuple[Any, ...], dict[str, Any]]
Description = dict[str, Any]

_CLASSES: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()


class Described:
    """Notes the arguments that an object was made with, and registers its class by name."""

    _construction: Construction

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _CLASSES[class_name(cls)] = cls  # a class that is defined anew takes the old one's place

    def __new__(cls, *args: Any, **options: Any) -> Any:
        made = super().__new__(cls)
        made._construction = (args, options)
        return made

    def construction(self) -> Construction:
        """The arguments that would make this object again: (positional, by keyword)."""
        return self._construction


def class_name(cls: type) -> str:
    """'Linear' for a layer of glassnet.nn, 'package.module.Class' for others."""
    ours = cls.__module__.startswith("glassnet.nn.")
    return cls.__qualname__ if ours else f"{cls.__module__}.{cls.__qualname__}"


def architecture(net: Module) -> Description:
    """Describe `net` by dictionaries, lists, strings and numbers, so that it can go into JSON.

    Holds for every layer its class and its constructor's arguments (Sequential, ModuleList and
    ModuleDict: their present layers); at the top also what was changed since: layers exchanged
    (`net.fc = nn.Linear(512, 2)`), parameters tied together, frozen layers, another dtype. Not the
    weights: these are `net.state_dict()`. The description is tried: a copy is built and compared.

    Raises CheckpointError where an argument cannot go into JSON, naming it and the layer, and
    where the copy has other parameters than the network.
    """
    description = _Encoder(net).layer(net)
    twin = _copy(description)
    exchanged = {
        path: _Encoder(net).layer(net.get_submodule(path)) for path in _exchanged(net, twin)
    }
    if exchanged:
        description["exchanged"] = exchanged
        twin = _copy(description)
    _require_same_state(net, twin)
    return {**description, **_condition(net)}


def build(description: Mapping[str, Any]) -> Module:
    """Make the network that `architecture` described, newly initialised.

    Raises CheckpointError for a class that nobody has defined or imported, and for what is not a
    description.
    """
    net: Module = _layer(description)
    for path, layer in description.get("exchanged", {}).items():
        parent, _, name = path.rpartition(".")
        setattr(net.get_submodule(parent), name, _layer(layer))
    for first, *others in description.get("tied", []):
        for path in others:
            _set_tensor(net, path, _get_tensor(net, first))
    for path in description.get("frozen", []):
        net.get_submodule(path).frozen = True
    for path in description.get("fixed", []):
        _get_tensor(net, path).requires_grad_(False)
    return net.to(description["dtype"]) if "dtype" in description else net


# -- from a network to a description --------------------------------------------------------------
class _Encoder:
    """Turns layers and arguments into plain data; knows the layers' names for its errors."""

    def __init__(self, net: Module) -> None:
        self.names = {id(module): name for name, module in net.named_modules()}

    def layer(self, module: Described) -> Description:
        args, options = module.construction()
        described: Description = {"class": class_name(type(module))}
        if args:
            names = _positional_names(type(module), len(args))
            pairs = zip(args, names, strict=True)
            described["args"] = [self.value(a, module, name) for a, name in pairs]
        if options:
            described["kwargs"] = {k: self.value(v, module, k) for k, v in options.items()}
        return described

    def value(self, value: Any, owner: Described, argument: str) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, Described):
            return self.layer(value)
        if isinstance(value, list):
            return [self.value(v, owner, argument) for v in value]
        if isinstance(value, tuple):
            return {"tuple": [self.value(v, owner, argument) for v in value]}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": {k: self.value(v, owner, argument) for k, v in value.items()}}
        name = self.names.get(id(owner), "")
        raise CheckpointError(
            f"argument '{argument}' of layer '{name}' ({type(owner).__name__}) is of type "
            f"{type(value).__name__}, which cannot be written into a checkpoint; pass numbers, "
            f"strings, lists, dictionaries or layers, and make the rest inside the constructor"
        )


def _positional_names(cls: type, count: int) -> list[str]:
    parameters = list(inspect.signature(cls).parameters.values())
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    return [names[i] if i < len(names) else f"number {i}" for i in range(count)]


def _copy(description: Description) -> Module:
    """Build for comparison; the randomness of the user's program goes on as if nothing were."""
    with random.using(random.derive(0)):
        return build(description)


def _exchanged(net: Module, twin: Module) -> list[str]:
    """Names of the topmost layers of `net` that its constructor would make otherwise."""
    found: list[str] = []
    theirs = dict(twin.named_modules())
    for path, module in net.named_modules():
        within = any(path.startswith(f"{done}.") for done in found)
        if path and not within and not _alike(module, theirs.get(path)):
            found.append(path)
    return found


def _alike(a: Module, b: Module | None) -> bool:
    if b is None or type(a) is not type(b):
        return False
    if _own_shapes(a) != _own_shapes(b):
        return False
    try:
        return _Encoder(a).layer(a) == _Encoder(b).layer(b)
    except CheckpointError:  # made inside a constructor, from what need not go into JSON
        return True


def _own_shapes(module: Module) -> dict[str, tuple[int, ...]]:
    own = (*module.own_parameters(), *module.own_buffers())
    return {name: tensor.shape for name, tensor in own}


def _require_same_state(net: Module, twin: Module) -> None:
    mine, theirs = ({n: t.shape for n, t in m.named_state()} for m in (net, twin))
    differ = sorted(n for n in {*mine, *theirs} if mine.get(n) != theirs.get(n))
    if differ:
        lines = "; ".join(f"'{n}': {mine.get(n)}, rebuilt {theirs.get(n)}" for n in differ)
        raise CheckpointError(
            f"{type(net).__name__} cannot be rebuilt from its constructor's arguments: its "
            f"parameters and buffers would differ ({lines}); make all of them inside __init__"
        )


def _condition(net: Module) -> Description:
    """What a constructor does not know: ties, frozen layers, fixed parameters, the dtype."""
    groups: dict[int, list[str]] = {}
    for name, tensor in net.named_state():
        groups.setdefault(id(tensor), []).append(name)
    dtypes = {p.dtype.name for p in net.parameters()}
    found = {
        "tied": [names for names in groups.values() if len(names) > 1],
        "frozen": [name for name, module in net.named_modules() if module.frozen],
        "fixed": [name for name, p in net.named_parameters() if not p.requires_grad],
        "dtype": dtypes.pop() if len(dtypes) == 1 else "float32",
    }
    return {k: v for k, v in found.items() if v and v != "float32"}


# -- from a description to a network --------------------------------------------------------------
def _layer(described: Mapping[str, Any]) -> Any:
    try:
        name, cls = described["class"], _CLASSES.get(described["class"])
        args = [_value(v) for v in described.get("args", [])]
        options = {k: _value(v) for k, v in described.get("kwargs", {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"this is not a description of a layer, as nn.architecture makes it: {described!r:.200}"
        ) from error
    if cls is None:
        home = str(name).rpartition(".")[0]
        todo = f"import {home}, or define it," if home else "update glassnet"
        raise CheckpointError(
            f"the layer class '{name}' is not known here: {todo} before loading this network "
            f"(a checkpoint cannot import code by itself)"
        )
    try:
        return cls(*args, **options)
    except (TypeError, GlassnetError) as error:
        raise CheckpointError(
            f"the class '{name}' does not accept the arguments in the description "
            f"({described!r:.200}): {error}"
        ) from error


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    if "tuple" in value:
        return tuple(_value(v) for v in value["tuple"])
    if "dict" in value:
        return {k: _value(v) for k, v in value["dict"].items()}
    return _layer(value)


def _get_tensor(net: Module, path: str) -> Any:
    owner, _, name = path.rpartition(".")
    return getattr(net.get_submodule(owner), name)


def _set_tensor(net: Module, path: str, tensor: Any) -> None:
    owner, _, name = path.rpartition(".")
    setattr(net.get_submodule(owner), name, tensor)
