"""Convolution, batch norm and activation as one operation, in evaluation.

    y = act(norm(conv(x)))     norm(z) = (z - mean) scale + bias, scale = weight / sqrt(var + eps)

With fixed statistics both are one linear map: the convolution with filters w scale and bias
(conv's bias - mean) scale + norm's bias [Jacob et al. 2018, section 3.2]. The filters are folded
once, in float64, and again only after somebody has changed one of the parameters or statistics:
tensors count their changes. `chain` uses it where no gradient is wanted.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from glassnet.nn.conv import Conv2d
from glassnet.nn.module import Module
from glassnet.nn.norm import BatchNorm2d
from glassnet.tape import Array
from glassnet.tensor import Tensor


class Folded(NamedTuple):
    """Filters and bias of a convolution with the norm behind it, and what they were made from."""

    weight: Tensor
    bias: Tensor | None
    norm: Module | None
    state: list[tuple[Array, int] | None]  # each source's memory, and when it was changed last


_FOLDED: WeakKeyDictionary[Module, Folded] = WeakKeyDictionary()


def folded(conv: Any, norm: Any | None) -> Folded:
    """The filters of `conv` with `norm` (None: without) folded in; nobody can write to them."""
    sources = [conv.weight, conv.bias]
    if norm is not None:
        sources += [norm.weight, norm.bias, norm.running_mean, norm.running_var]
    found = _FOLDED.get(conv)
    if found is None or found.norm is not norm or not all(map(_same, sources, found.state)):
        state = [None if t is None else (t.data, t._version.changed) for t in sources]
        found = _FOLDED[conv] = Folded(*_fold(conv, norm), norm, state)
    return found


def usual(*layers: Module) -> bool:
    """Whether nobody watches these layers, or has put a forward of their own in them."""
    for layer in layers:  # asked at each step of each network
        if layer._forward_hooks or layer._forward_pre_hooks or "forward" in layer.__dict__:
            return False
    return True


def plain_conv(layer: Any) -> bool:
    """Whether this is a Conv2d, or a subclass of it with the same forward, that nobody watches."""
    return isinstance(layer, Conv2d) and type(layer).forward is Conv2d.forward and usual(layer)


def fixed_norm(layer: Any, conv: Conv2d) -> bool:
    """Whether this is a batch norm of conv's channels whose statistics stay, and nobody watches."""
    if type(layer) is not BatchNorm2d or layer.running_mean is None or not usual(layer):
        return False
    return (layer.frozen or not layer.training) and layer.num_features == conv.out_channels


def _same(tensor: Tensor | None, state: tuple[Array, int] | None) -> bool:
    """Whether a source is what it was when its filters were folded."""
    if tensor is None or state is None:
        return tensor is None and state is None
    return tensor.data is state[0] and tensor._version.changed == state[1]


def _fold(conv: Any, norm: Any | None) -> tuple[Tensor, Tensor | None]:
    """(w scale, (b - mean) scale + bias), in float64, rounded to what the filters are."""
    w = conv.weight.data
    wide = w.transpose(2, 3, 1, 0).astype(np.float64)  # (KH, KW, C/G, O)
    b = None if conv.bias is None else conv.bias.data.astype(np.float64)
    if norm is not None:
        scale = 1 / np.sqrt(norm.running_var.data.astype(np.float64) + norm.eps)
        scale = scale if norm.weight is None else scale * norm.weight.data
        wide *= scale
        b = ((0 if b is None else b) - norm.running_mean.data) * scale
        b = b if norm.bias is None else b + norm.bias.data
    filters = _frozen(wide, w.dtype).transpose(3, 2, 0, 1)
    return Tensor(filters), None if b is None else Tensor(_frozen(b, w.dtype))


def _frozen(array: Array, dtype: Any) -> Array:
    """A C-contiguous copy that nobody can write to."""
    made = np.array(array, dtype, order="C")
    made.flags.writeable = False
    return made
