"""What the blocks of several families share."""

from __future__ import annotations

import math
from typing import TypeVar

from glassnet.nn import Conv2d, Linear, Module, init

M = TypeVar("M", bound=Module)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> Conv2d:
    """A convolution before a normalisation: centred padding, no bias (the normalisation has it)."""
    return Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def rounded(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at least one, and not under 90 % of `channels`.

    [Sandler et al. 2018, in the published code of MobileNetV2]
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def he_(net: M) -> M:
    """Draw the weights anew for rectified units; returns `net`.

    Convolutions N(0, 2 / fan_out), fan_out = K K O / groups [He et al. 2015, section 2.2]; linear
    layers N(0, 0.01^2) [Simonyan & Zisserman 2015, section 3.1]; biases 0.
    """
    for layer in net.modules():
        if isinstance(layer, Conv2d):
            fan_out = math.prod(layer.kernel_size) * layer.out_channels // layer.groups
            init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
        elif isinstance(layer, Linear):
            init.normal_(layer.weight, std=0.01)
        if isinstance(layer, Conv2d | Linear) and layer.bias is not None:
            init.zeros_(layer.bias)
    return net
