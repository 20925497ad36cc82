"""Sequential, ModuleList, ModuleDict: layers in a row, in a list, by name."""

from __future__ import annotations

import itertools
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Any, TypeVar, overload

from glassnet.errors import GlassnetError
from glassnet.nn.architecture import Construction
from glassnet.nn.chain import chain
from glassnet.nn.module import Module

R = TypeVar("R", bound="_Row")


class _Container(Module):
    """What the containers share: named layers, of which each is checked when it comes in."""

    def named_layers(self) -> dict[str, Module]:
        """The layers by name, in their order; one that stands twice is there twice."""
        return {n: m for n, m in vars(self).items() if isinstance(m, Module)}

    def __len__(self) -> int:
        return len(self.named_layers())

    def _put(self, name: str, layer: Module) -> None:
        """Take in a layer. Raises TypeError for what is none, GlassnetError for a name taken."""
        kind = type(self).__name__
        if isinstance(layer, type):
            raise TypeError(f"{kind} holds layers; did you mean {layer.__name__}(...), with ()?")
        if not isinstance(layer, Module):
            raise TypeError(
                f"{kind} holds layers, not {type(layer).__name__}; a function becomes a layer as "
                f"the forward of a class that inherits nn.Module"
            )
        if not name or "." in name or hasattr(type(self), name):
            raise GlassnetError(
                f"'{name}' cannot be the name of a layer in {kind}: it is empty, has a dot in it "
                f"or is the name of a method; choose another"
            )
        setattr(self, name, layer)

    def construction(self) -> Construction:
        """The layers that are there now, unless a subclass has a constructor of its own."""
        own = type(self).__init__.__module__ != __name__
        return super().construction() if own else self._present()

    def _present(self) -> Construction:
        return (self.named_layers(),), {}


class _Row(_Container):
    """Layers in an order, under the names '0', '1', ... or under names of their own."""

    def __init__(self, layers: Iterable[Module] | Mapping[str, Module]) -> None:
        super().__init__()
        named = layers.items() if isinstance(layers, Mapping) else enumerate(layers)
        for name, layer in named:
            self._put(str(name), layer)

    def append(self: R, layer: Module) -> R:
        """Add a layer at the end; returns the container."""
        names = map(str, itertools.count(len(self)))
        self._put(next(name for name in names if name not in vars(self)), layer)
        return self

    def __iter__(self) -> Iterator[Module]:
        return iter(self.named_layers().values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self: R, index: slice) -> R: ...
    def __getitem__(self, index: int | slice) -> Any:
        """A layer, or for a slice a container that shares the layers and their names."""
        if isinstance(index, slice):
            kind = Sequential if isinstance(self, Sequential) else ModuleList
            return kind(dict(list(self.named_layers().items())[index]))
        return self.named_layers()[self._name(index)]

    def __setitem__(self, index: int, layer: Module) -> None:
        self._put(self._name(index), layer)

    def __delitem__(self, index: int) -> None:
        """Take a layer out; those after it keep their names."""
        delattr(self, self._name(index))

    def _name(self, index: int) -> str:
        names = list(self.named_layers())
        if not -len(names) <= index < len(names):
            raise IndexError(f"{type(self).__name__} of {len(names)} layers has no layer {index}")
        return names[index]

    def _present(self) -> Construction:
        """One after another where the names are '0', '1', ..., else by name."""
        layers = self.named_layers()
        if list(layers) != [str(i) for i in range(len(layers))]:
            return (layers,), {}
        return (tuple(self) if isinstance(self, Sequential) else (list(self),)), {}


class Sequential(_Row):
    """y = layer_n(... layer_1(layer_0(x))).

    `Sequential(layer, layer, ...)` or `Sequential({"name": layer, ...})`. Indexing gives a layer,
    slicing a Sequential of the same layers. Neighbours that can compute together do; see `chain`.
    """

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        by_name = len(layers) == 1 and isinstance(layers[0], Mapping)
        super().__init__(layers[0] if by_name else layers)  # type: ignore[arg-type]

    def forward(self, x: Any) -> Any:
        return chain(x, *self)


class ModuleList(_Row):
    """A list of layers for a forward of your own to go through; it has no forward itself."""

    def __init__(self, layers: Iterable[Module] | Mapping[str, Module] = ()) -> None:
        super().__init__(layers)

    def extend(self, layers: Iterable[Module]) -> ModuleList:
        """Add layers at the end; returns the list."""
        for layer in layers:
            self.append(layer)
        return self


class ModuleDict(_Container):
    """Layers by name, for a forward of your own."""

    def __init__(self, layers: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, layer in (layers or {}).items():
            self._put(name, layer)

    def __getitem__(self, name: str) -> Module:
        return self.named_layers()[name]

    def __setitem__(self, name: str, layer: Module) -> None:
        self._put(name, layer)

    def __iter__(self) -> Iterator[str]:
        return iter(self.named_layers())

    def __contains__(self, name: object) -> bool:
        return name in self.named_layers()

    def items(self) -> ItemsView[str, Module]:
        """(name, layer), in the order of assignment."""
        return self.named_layers().items()
