"""The table of architectures: each name with the function that builds it and where it is from."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glassnet.errors import GlassnetError
from glassnet.models.weights import Weights
from glassnet.nn import Module

Size = int | tuple[int, int]


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture before it is built.

    name    what `build` calls it
    make    the function that builds it; its keyword arguments are the options
    input   (C, H, W) of the images that it is made for by default
    source  the paper or page that describes it
    parameters, multiply_adds  of the network as it is made by default, for one image
    weights the published ones that it can be had with (`pretrained=True`), or None
    """

    name: str
    make: Callable[..., Module]
    input: tuple[int, int, int]
    source: str
    parameters: int
    multiply_adds: int
    weights: Weights | None = None

    @property
    def summary(self) -> str:
        """One line on what it is: the first of its function's docstring."""
        return (inspect.getdoc(self.make) or "").split("\n", 1)[0]

    @property
    def options(self) -> dict[str, Any]:
        """Each option that `build` takes, with its default."""
        return {p.name: p.default for p in inspect.signature(self.make).parameters.values()}


_ARCHITECTURES: dict[str, Architecture] = {}


def architecture(
    name: str,
    input: tuple[int, int, int],
    source: str,
    parameters: int,
    multiply_adds: int,
    weights: Weights | None = None,
) -> Callable[[Callable[..., Module]], Callable[..., Module]]:
    """Enter a function that builds a network into the table (a decorator)."""

    def enter(make: Callable[..., Module]) -> Callable[..., Module]:
        _ARCHITECTURES[name] = Architecture(
            name, make, input, source, parameters, multiply_adds, weights
        )
        return make

    return enter


def names() -> list[str]:
    """The names of all architectures, sorted."""
    return sorted(_ARCHITECTURES)


def describe(name: str) -> Architecture:
    """What is known of one architecture. Raises GlassnetError for a name that is none."""
    if name not in _ARCHITECTURES:
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise GlassnetError(f"there is no model '{name}'; there are {', '.join(names())}{hint}")
    return _ARCHITECTURES[name]


def build(name: str, **options: Any) -> Module:
    """A new network of the architecture, with fresh weights from the current generator.

    All take `in_channels` C, `classes` K and `size` (H, W) or one side, so that any folder of
    images fits; `describe(name).options` lists them. Raises GlassnetError for an unknown name or
    option, and for images that are too small for the network.
    """
    known = describe(name)
    unknown = sorted(set(options) - set(known.options))
    if unknown:
        raise GlassnetError(
            f"model '{name}' has no option {', '.join(unknown)}; it has {', '.join(known.options)}"
        )
    return known.make(**options)


def at_least(side: int, size: Size, name: str) -> tuple[int, int]:
    """(H, W) of images. Raises GlassnetError where a side is shorter than `side` pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < side:
        raise GlassnetError(
            f"model '{name}' needs images of at least {side} x {side} pixels, "
            f"got {height} x {width}; resize them or choose another model"
        )
    return height, width


def shrunk(size: Size, factor: int, name: str) -> tuple[int, int]:
    """(H, W) of images after poolings that divide each side by `factor` altogether.

    Raises GlassnetError where nothing would be left of them.
    """
    height, width = at_least(factor, size, name)
    return height // factor, width // factor
