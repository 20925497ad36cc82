"""Inverted bottlenecks among layers in a row, in evaluation: found, to be computed as one.

    1 x 1 convolution, norm, f; a filter for each channel, norm, f; 1 x 1 convolution, norm

Norms may be missing; f is ReLU or ReLU6. Each of the three may be in a Sequential of its own, as
the blocks of MobileNet are written. What lies between the convolutions is several times as large as
the rest, and `ops.bottleneck` does not write it down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from glassnet.nn.activation import ReLU, ReLU6
from glassnet.nn.fold import fixed_norm, plain_conv, usual
from glassnet.nn.module import Module

CURVES: dict[type[Module], str] = {ReLU: "relu", ReLU6: "relu6"}
NOWHERE = (0, (0, 0), ((0, 0), (0, 0)), "same", "valid")  # paddings of a 1 x 1 filter that add none
STEP = 3  # layers of a Sequential that is looked into: a convolution, a norm, an activation
Leaf = tuple[Any, int]  # a layer, and the number in the row of the layer that it is, or is in


class Bottleneck(NamedTuple):
    """Three convolutions, the norm behind each or None, f, and how many layers of a row it is."""

    convs: list[Any]
    norms: list[Any]
    curve: str
    length: int


def bottleneck(x: Any, layers: Sequence[Module]) -> Bottleneck | None:
    """The bottleneck that `layers`, to be shown x, begin with; None where they begin otherwise."""
    leaves = _leaves(layers)
    found, curves = Bottleneck([], [], "", 0), []
    conv, place = next(leaves, END)
    for kind in (_is_product, _is_each, _is_product):
        if not plain_conv(conv) or not kind(conv, x):
            return None
        found.convs.append(conv)
        layer, after = next(leaves, END)
        found.norms.append(layer if fixed_norm(layer, conv) else None)
        if found.norms[-1] is not None:
            place = after
            layer, after = next(leaves, END)
        if len(found.convs) < 3:
            if type(layer) not in CURVES or not usual(layer):
                return None
            curves.append(CURVES[type(layer)])
            conv, place = next(leaves, END)
    if curves[0] != curves[1] or after == place:
        return None
    return found._replace(curve=curves[0], length=place + 1)


END: Leaf = (None, -1)


def _leaves(layers: Sequence[Module]) -> Iterator[Leaf]:
    """The layers in their order, those of a short Sequential that nobody watches in its place."""
    from glassnet.nn.container import Sequential  # which is built on this

    for place, layer in enumerate(layers):
        if type(layer) is Sequential and len(layer) <= STEP and usual(layer):
            yield from ((leaf, place) for leaf, _ in _leaves(list(layer)))
        else:
            yield layer, place


def _is_product(conv: Any, x: Any) -> bool:
    """Whether it is a product of matrices, a 1 x 1 filter at every pixel."""
    if conv.kernel_size != (1, 1):
        return False
    stride, padding, _, groups = conv.window(x)
    return stride in (1, (1, 1)) and padding in NOWHERE and groups == 1


def _is_each(conv: Any, x: Any) -> bool:
    """Whether each channel has a filter of its own."""
    return bool(conv.groups == conv.in_channels == conv.out_channels)
