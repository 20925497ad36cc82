"""Networks cut at a layer: what one layer says of an image, and which layer gives the answer.

N batch, C channels, H W height width, D features.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from glassnet import nn
from glassnet.errors import GlassnetError
from glassnet.nn import Module
from glassnet.tensor import Tensor

STAGES = ("layer{}", "blocks.{}", "stages.{}", "features.{}")  # what families call their stages


class Features(Module):
    """y = the output of the layer `layer` of `net`, which is run no further than that.

    layer  dotted name, as `net.named_modules()` has it; "stage4" is the fourth stage of a network
           in stages, whatever its family calls them; None: what the last layer is shown
    pool   the mean over all places of an image (N, C, H, W), or of a sequence (N, T, D): (N, D)
    """

    def __init__(self, net: Module, layer: str | None = None, pool: bool = False) -> None:
        super().__init__()
        self.net, self.layer, self.pool = net, layer, pool
        self._place = head(net) if layer is None else find_layer(net, layer)

    def forward(self, x: Tensor) -> Tensor:
        layer = self.net.get_submodule(self._place)
        if self.layer is None:
            remove = layer.register_forward_pre_hook(lambda module, args: _stop(args[0]))
        else:
            remove = layer.register_forward_hook(lambda module, args, output: _stop(output))
        try:
            self.net(x)
        except _Reached as reached:
            return pooled(reached.output) if self.pool else reached.output
        finally:
            remove()
        raise GlassnetError(f"layer '{self._place}' did not run; name one that the network uses")


class _Reached(Exception):
    """Carries the output of the layer past the rest of the network."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


def _stop(output: Any) -> None:
    raise _Reached(output)


def features(net: Module, layer: str | None = None, pool: bool = False) -> Features:
    """The part of `net` up to a layer, as a network of its own that shares the weights.

    >>> from glassnet import models
    >>> net = models.build("digits")
    >>> models.features(net, "3")(gn.zeros(1, 1, 28, 28)).shape
    (1, 16, 14, 14)

    See `Features`; raises GlassnetError, with the names that are near, for a layer that is none.
    """
    return Features(net, layer, pool)


def pooled(x: Tensor) -> Tensor:
    """The mean over places: (N, C, H, W) or (N, T, D) -> (N, C) or (N, D); (N, D) stays."""
    if x.ndim == 4:
        return x.mean(dim=(2, 3))
    return x.mean(dim=1) if x.ndim == 3 else x


def find_layer(net: Module, name: str) -> str:
    """The dotted name that `name` means. Raises GlassnetError where there is no such layer."""
    names = [known for known, _ in net.named_modules() if known]
    if name in names:
        return name
    stage = re.fullmatch(r"stage(\d+)", name)
    if stage is not None:
        for pattern in STAGES:
            first = 1 if pattern == "layer{}" else 0  # ResNet counts from 1
            place = pattern.format(int(stage[1]) - 1 + first)
            if place in names:
                return place
    near = (
        difflib.get_close_matches(name, names, n=5, cutoff=0.4) or names[:: max(len(names) // 8, 1)]
    )
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
