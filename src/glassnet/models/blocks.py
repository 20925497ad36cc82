"""What the blocks of several families share.

N batch, C channels, O outputs, H W height width; x (N, C, H, W).
"""

from __future__ import annotations

from glassnet.nn import Conv2d, Module
from glassnet.tensor import Tensor


def conv_norm_act(x: Tensor, conv: Module, norm: Module, act: Module | None = None) -> Tensor:
    """y = act(norm(conv(x))): the three that belong together, wherever names keep them apart.

    x (N, C, H, W) -> (N, O, H', W').
    """
    y: Tensor = norm(conv(x))
    return y if act is None else act(y)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> Conv2d:
    """A convolution before a normalisation: centred padding, no bias (the normalisation has it)."""
    return Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def rounded(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at least one, and not under 90 % of `channels`.

    [Sandler et al. 2018, in the published code of MobileNetV2]
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest
