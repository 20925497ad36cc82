"""Convolutions over sequences and images, and their transposes.

N batch, C in_channels, O out_channels, L length, H W height and width, K kernel. Weights are
logically (O, C / groups, *K) and lie channels-last in memory, (*K, C / groups, O), as the kernels
read them.
"""

from __future__ import annotations

import numpy as np

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.nn import init
from glassnet.nn.module import Module, Parameter
from glassnet.tensor import Tensor

Size = int | tuple[int, ...]
Padding = int | str | tuple[int, ...] | tuple[tuple[int, int], ...]


def _filters(first: int, second: int, kernel: tuple[int, ...]) -> Parameter:
    """Uninitialised filters (first, second, *kernel) in memory (*kernel, second, first)."""
    memory = np.empty((*kernel, second, first), np.float32)
    axes = (memory.ndim - 1, memory.ndim - 2, *range(len(kernel)))
    return Parameter(memory.transpose(axes))


class _Conv(Module):
    """What the four layers share: their sizes and parameters."""

    axes = 2  # of the kernel
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"{type(self).__name__}: {in_channels} input and {out_channels} output channels "
                f"cannot be split into {groups} equal groups; both must be multiples of groups"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = self._per_axis(kernel_size)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        first, second = out_channels, in_channels // groups
        if self.transposed:
            first, second = in_channels, out_channels // groups
        self.weight = _filters(first, second, self.kernel_size)
        self.bias = Parameter(np.empty(out_channels, np.float32)) if bias else None
        self.reset_parameters()

    def _per_axis(self, size: Size) -> tuple[int, ...]:
        sizes = (size,) * self.axes if isinstance(size, int) else tuple(size)
        if len(sizes) != self.axes or min(sizes) < 1:
            raise ShapeError(
                f"{type(self).__name__}: kernel_size is a positive number or {self.axes} of them, "
                f"not {size}"
            )
        return sizes

    def reset_parameters(self) -> None:
        """Draw the initial values again: U(-k, k), k = 1 / sqrt(fan_in), as in PyTorch."""
        init.default_(self.weight, self.bias)


class Conv2d(_Conv):
    """y[n, o] = b[o] + sum over c, i, j of x[n, c, .. + i, .. + j] weight[o, c, i, j].

    x (N, C, H, W) -> (N, O, H', W'), H' = floor((H + padding - dilation (K - 1) - 1) / stride) + 1
    with the padding of both sides; weight (O, C / groups, K, K), bias (O,) or None. Sizes are a
    number or a pair; padding also "same" or ((top, bottom), (left, right)).
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv2d(x, self.weight, self.bias, *self.window(x))

    def window(self, x: Tensor) -> tuple[Size, Padding, Size, int]:
        """Stride, padding, dilation and groups for these images; a subclass may let x decide."""
        return self.stride, self.padding, self.dilation, self.groups


class Conv1d(_Conv):
    """As Conv2d, over sequences: x (N, C, L) -> (N, O, L'), weight (O, C / groups, K)."""

    axes = 1

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.dilation, self.groups)
        return ops.conv1d(x, self.weight, self.bias, *options)


class ConvTranspose2d(_Conv):
    """The gradient of Conv2d with respect to its input, used as a layer.

    x (N, C, H, W) -> (N, O, H', W'), H' = (H - 1) stride - 2 padding + dilation (K - 1) +
    output_padding + 1; weight (C, O / groups, K, K), bias (O,) or None [Dumoulin & Visin 2016,
    "A guide to convolution arithmetic for deep learning", chapter 4].
    """

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )
        self.output_padding = output_padding

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return ops.conv_transpose2d(x, self.weight, self.bias, *options)


class ConvTranspose1d(ConvTranspose2d):
    """As ConvTranspose2d, over sequences: x (N, C, L) -> (N, O, L'), weight (C, O / groups, K)."""

    axes = 1

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return ops.conv_transpose1d(x, self.weight, self.bias, *options)
