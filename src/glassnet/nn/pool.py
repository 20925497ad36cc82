"""Pooling: one number for each window of a sequence or an image, channel by channel.

N batch, C channels, L length, H W height and width, K kernel. Output sizes are
floor((H + 2 padding - dilation (K - 1) - 1) / stride) + 1, or rounded up with `ceil_mode`;
`stride=None` means the kernel size, windows side by side.
"""

from __future__ import annotations

from glassnet import ops
from glassnet.nn.module import Module
from glassnet.tensor import Tensor

Size = int | tuple[int, ...]


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode


class MaxPool2d(_MaxPool):
    """The largest entry of each window: x (N, C, H, W) -> (N, C, H', W').

    Padding counts as minus infinity; of equal entries the first gets the gradient.
    """

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.dilation, self.ceil_mode)
        return ops.max_pool2d(x, self.kernel_size, *options)


class MaxPool1d(_MaxPool):
    """As MaxPool2d, over sequences: x (N, C, L) -> (N, C, L')."""

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.dilation, self.ceil_mode)
        return ops.max_pool1d(x, self.kernel_size, *options)


class _AvgPool(Module):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad


class AvgPool2d(_AvgPool):
    """The mean of each window: x (N, C, H, W) -> (N, C, H', W').

    Zeros of the padding count as entries unless `count_include_pad=False`.
    """

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return ops.avg_pool2d(x, self.kernel_size, *options)


class AvgPool1d(_AvgPool):
    """As AvgPool2d, over sequences: x (N, C, L) -> (N, C, L')."""

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return ops.avg_pool1d(x, self.kernel_size, *options)


class AdaptiveAvgPool2d(Module):
    """The means of windows chosen so that the output has a given size.

    x (N, C, H, W) -> (N, C, h, w), (h, w) = output_size; row i averages x from floor(i H / h) to
    ceil((i + 1) H / h).
    """

    def __init__(self, output_size: Size) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return ops.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool2d(Module):
    """As AdaptiveAvgPool2d, with the largest entry of each window."""

    def __init__(self, output_size: Size) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return ops.adaptive_max_pool2d(x, self.output_size)


class GlobalAvgPool2d(Module):
    """The mean of each channel: x (N, C, H, W) -> (N, C) [Lin, Chen, Yan 2014, section 3.2]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.mean(x, dim=(2, 3))
