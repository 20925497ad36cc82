"""The table of operators, and what a node is when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from glassnet.io.onnx.values import integers


class Call(NamedTuple):
    """One node at the moment when it runs."""

    inputs: list[Any]
    attributes: dict[str, Any]
    version: int
    batch: int | None  # the fixed number of images that the file was written for, or None

    def input(self, place: int) -> Any:
        """An input, or None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def option(self, name: str, place: int | None = None, otherwise: Any = None) -> Any:
        """An attribute, or, as newer versions have it, an input of whole numbers."""
        if place is not None and self.input(place) is not None:
            return integers(self.input(place))
        return self.attributes.get(name, otherwise)


Operator = Callable[[Call], Any]
OPERATORS: dict[str, Operator] = {}


def operator(*kinds: str) -> Callable[[Operator], Operator]:
    """Enter a function as the meaning of the operators with these names."""

    def enter(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(kinds, function))
        return function

    return enter


def enter(kind: str, apply: Callable[..., Any]) -> None:
    """Enter a function of the inputs alone."""
    OPERATORS[kind] = lambda call: apply(*call.inputs)
