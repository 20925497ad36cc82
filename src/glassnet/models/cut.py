"""Networks cut at a layer: what one layer says of an image, and which layer gives the answer.

N batch, C channels, H W height width, D features.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from glassnet import nn, ops
from glassnet.errors import GlassnetError
from glassnet.nn import Module
from glassnet.tensor import Tensor

STAGES = {"layer{}": 1, "blocks.{}": 0, "stages.{}": 0}  # what families call their stages


class Features(Module):
    """y = the output of the layer `layer` of `net`, which is run no further than that.

    layer  dotted name, as `net.named_modules()` has it; "stage4" is the fourth stage of a network
           in stages, whatever its family calls them; None: what the last layer is shown
    grid   None: the output as it is; 1: its mean over all places, (N, C); 2: the means over the
           four quarters of the image, (N, 4 C), which keep where something is; and so on
    """

    steady = False  # it listens to layers of another network

    def __init__(self, net: Module, layer: str | None = None, grid: int | None = None) -> None:
        super().__init__()
        self.net, self.layer, self.grid = net, layer, grid
        find_layer(net, layer)

    def forward(self, x: Tensor) -> Tensor:
        (output,) = tap(self.net, x, [self.layer])
        return output if self.grid is None else pooled(output, self.grid)


def features(net: Module, layer: str | None = None, grid: int | None = None) -> Features:
    """The part of `net` up to a layer, as a network of its own that shares the weights.

    >>> from glassnet import models
    >>> net = models.build("digits")
    >>> models.features(net, "3")(gn.zeros(1, 1, 28, 28)).shape
    (1, 16, 14, 14)

    See `Features`; raises GlassnetError, with the names that are near, for a layer that is none.
    """
    return Features(net, layer, grid)


def tap(net: Module, x: Tensor, layers: Sequence[str | None]) -> list[Tensor]:
    """Outputs of several layers in one pass, which ends when the last of them has run.

    Raises GlassnetError for a layer that did not run.
    """
    seen: dict[int, Tensor] = {}

    def note(index: int, output: Tensor) -> None:
        seen[index] = output
        if len(seen) == len(layers):
            raise _Enough

    removals = [_hook(net, layer, partial(note, i)) for i, layer in enumerate(layers)]
    try:
        with suppress(_Enough):
            net(x)
    finally:
        for remove in removals:
            remove()
    idle = [str(layer) for i, layer in enumerate(layers) if i not in seen]
    if idle:
        raise GlassnetError(f"layer '{idle[0]}' did not run; name one that the network uses")
    return [seen[i] for i in range(len(layers))]


class _Enough(Exception):
    """All layers that were asked for have run: leaves the rest of the network out."""


def _hook(net: Module, layer: str | None, note: Callable[[Tensor], None]) -> Callable[[], None]:
    place = net.get_submodule(find_layer(net, layer))
    if layer is None:
        return place.register_forward_pre_hook(lambda module, args: note(args[0]))
    return place.register_forward_hook(lambda module, args, output: note(output))


def pooled(x: Tensor, grid: int = 1) -> Tensor:
    """Means over the cells of a grid x grid raster: (N, C, H, W) -> (N, grid^2 C).

    A sequence (N, T, D) becomes its mean (N, D); (N, D) stays.
    """
    if x.ndim == 4 and grid == 1:
        return x.mean(dim=(2, 3))
    if x.ndim == 4:
        return ops.flatten(ops.adaptive_avg_pool2d(x, grid), 1)
    return x.mean(dim=1) if x.ndim == 3 else x


def stages(net: Module) -> list[str]:
    """The names of the network's stages, from the first; [] for a network that is not in stages."""
    names = {name for name, _ in net.named_modules()}
    rows = ([pattern.format(i) for i in range(first, 100)] for pattern, first in STAGES.items())
    found = (list(itertools.takewhile(names.__contains__, row)) for row in rows)
    return next((row for row in found if row), [])


def find_layer(net: Module, name: str | None) -> str:
    """The dotted name that `name` means, the head's for None.

    Raises GlassnetError where there is no such layer.
    """
    if name is None:
        return head(net)
    names = [known for known, _ in net.named_modules() if known]
    if name in names:
        return name
    stage = re.fullmatch(r"stage(\d+)", name)
    if stage is not None and 1 <= int(stage[1]) <= len(stages(net)):
        return stages(net)[int(stage[1]) - 1]
    close = difflib.get_close_matches(name, names, n=5, cutoff=0.4)
    near = close or names[:: max(len(names) // 8, 1)]
    raise GlassnetError(
        f"{type(net).__name__} has no layer '{name}'; it has {len(names)}, such as "
        f"{', '.join(near)} (net.named_modules() lists them)"
    )


def head(net: Module) -> str:
    """The name of the linear layer that gives the answer: the last layer that has parameters.

    Raises GlassnetError for a network that ends otherwise.
    """
    last, layer = "", None
    for name, module in net.named_modules():
        if any(True for _ in module.own_parameters()):
            last, layer = name, module
    if not isinstance(layer, nn.Linear):
        raise GlassnetError(
            f"{type(net).__name__} does not end in a linear layer (its last is '{last}'), so there "
            f"is no head to take off; name a layer"
        )
    return last


def with_head(net: Module, layer: nn.Linear) -> Module:
    """Put `layer` in the place of the network's head, in place; the network."""
    owner, _, name = head(net).rpartition(".")
    setattr(net.get_submodule(owner), name, layer)
    return net
