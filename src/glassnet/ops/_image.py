"""Images inside a page: channels-last arrays, and the window that slides over them.

    N batch, C channels, H W height width, OH OW height width of the output
    KH KW kernel: the window's taps; its other numbers are pairs (along H, along W) too

An image is (N, C, H, W) to the user and (N, H, W, C) inside a page, where the channels of a pixel
lie side by side in memory. Here lives where a window stands; what is computed there is on the
pages of convolution and pooling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from glassnet.errors import ShapeError
from glassnet.tape import Array

Pair = tuple[int, int]
Size = int | tuple[int, ...]
Padding = int | str | tuple[int, ...] | tuple[Pair, ...]
Slices = tuple[slice, slice, slice]


def nhwc(x: Array) -> Array:
    """(N, C, H, W) -> (N, H, W, C), a view. Raises ShapeError for another number of axes."""
    if x.ndim != 4:
        raise ShapeError(
            f"expected images (N, C, H, W), got shape {x.shape}; "
            f"a single image needs a batch axis: x.reshape(1, ...)"
        )
    return x.transpose(0, 2, 3, 1)


def nchw(y: Array) -> Array:
    """(N, H, W, C) -> (N, C, H, W), a view: the channels still lie last in memory."""
    return y.transpose(0, 3, 1, 2)


def flat(x: Array) -> Array:
    """(N, C, L) -> (N, C, 1, L), a view: a sequence is an image of height 1."""
    if x.ndim != 3:
        raise ShapeError(f"expected sequences (N, C, L), got shape {x.shape}")
    return x[:, :, None]


def channel_sum(x: Array) -> Array:
    """(..., C) -> (C): the sum over all other axes.

    One axis at a time NumPy adds whole images, which is fast, and a number goes through
    N + H + W roundings, not N H W.
    """
    while x.ndim > 1:
        x = x.sum(axis=0)
    return x


def pair(value: Any, what: str, least: int = 1) -> Pair:
    """A number or two as (along H, along W). Raises ShapeError for anything else."""
    two = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(two) != 2 or not all(isinstance(n, (int, np.integer)) and n >= least for n in two):
        raise ShapeError(f"{what} is a whole number of at least {least}, or two; got {value!r}")
    return int(two[0]), int(two[1])


def flat_pair(value: Size, what: str, other: int = 1) -> Pair:
    """The number for a sequence, n or (n,), as that for an image of height 1: (other, n)."""
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise ShapeError(f"{what} of a sequence is one number, got {value!r}")
        value = value[0]
    return other, pair(value, what, other)[1]


def flat_padding(padding: Padding) -> Padding:
    """Padding for a sequence, n, (n,), (left, right), ((left, right),) or a word, for an image."""
    if isinstance(padding, str):
        return padding
    sides = padding if isinstance(padding, (tuple, list)) else (padding,)
    if len(sides) == 1:
        sides = sides[0] if isinstance(sides[0], (tuple, list)) else (sides[0], sides[0])
    return (0, 0), pair(sides, "padding", least=0)


class Window(NamedTuple):
    """A window that slides over an image: which pixel tap (i, j) sees at place (oh, ow).

    That pixel is (oh * stride + i * dilation, ow * stride + j * dilation) of the padded image.
    """

    kernel: Pair
    stride: Pair
    padding: tuple[Pair, Pair]  # (top, bottom), (left, right)
    dilation: Pair
    ceil_mode: bool = False

    @classmethod
    def make(
        cls,
        kernel: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> Window:
        """A window from numbers, pairs, "same", "valid" or ((top, bottom), (left, right)).

        "same" keeps H and W, the odd pixel of padding at the bottom and right. Raises ShapeError
        for sizes that are none.
        """
        kernel, stride = pair(kernel, "kernel_size"), pair(stride, "stride")
        dilation = pair(dilation, "dilation")
        if padding == "same":
            if stride != (1, 1):
                raise ShapeError(f'padding="same" needs stride 1, got {stride}; give numbers')
            spare = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
            sides = tuple((n // 2, n - n // 2) for n in spare)
        else:
            sides = _sides(padding)
        return cls(kernel, stride, (sides[0], sides[1]), dilation, ceil_mode)

    @property
    def reach(self) -> Pair:
        """The height and width that the window spans."""
        high, wide = self.kernel
        return self.dilation[0] * (high - 1) + 1, self.dilation[1] * (wide - 1) + 1

    def places(self, height: int, width: int) -> Pair:
        """(OH, OW) on a padded image. Raises ShapeError where not one window fits."""
        if height < self.reach[0] or width < self.reach[1]:
            raise ShapeError(
                f"a window of {self.reach[0]} x {self.reach[1]} (kernel {self.kernel}, dilation "
                f"{self.dilation}) is larger than the padded input of {height} x {width}; "
                f"use a smaller window, more padding or larger images"
            )
        (sh, sw), (rh, rw) = self.stride, self.reach
        return (height - rh) // sh + 1, (width - rw) // sw + 1

    def margins(self, height: int, width: int) -> tuple[Pair, Pair]:
        """The padding of an image of (height, width), with what `ceil_mode` adds at the end."""
        (top, bottom), (left, right) = self.padding
        if self.ceil_mode:
            bottom += self._short(height, 0)
            right += self._short(width, 1)
        return (top, bottom), (left, right)

    def _short(self, size: int, axis: int) -> int:
        """What the last window lacks; none where that window would begin in the padding."""
        before, after = self.padding[axis]
        stride, left_over = self.stride[axis], size + before + after - self.reach[axis]
        begin = -(-left_over // stride) * stride
        return max(begin - left_over, 0) if begin < size + before else 0

    def pad(self, x: Array, value: float = 0.0) -> Array:
        """x (N, H, W, C) -> (N, HP, WP, C), contiguous, `value` around it."""
        n, h, w, c = x.shape
        (top, bottom), (left, right) = self.margins(h, w)
        if not (top or bottom or left or right):
            return np.ascontiguousarray(x)
        padded = np.full((n, top + h + bottom, left + w + right, c), value, x.dtype)
        padded[:, top : top + h, left : left + w] = x
        return padded

    def crop(self, padded: Array, height: int, width: int) -> Array:
        """The (height, width) image inside the padding, a view: what `pad` put there."""
        (top, _), (left, _) = self.padding
        return padded[:, top : top + height, left : left + width]

    def taps(self, oh: int, ow: int) -> Iterator[tuple[int, int, Slices]]:
        """Each tap (i, j) with the slices of a padded image that it sees: (N, OH, OW, C)."""
        (sh, sw), (dh, dw) = self.stride, self.dilation
        for i in range(self.kernel[0]):
            rows = slice(i * dh, i * dh + sh * (oh - 1) + 1, sh)
            for j in range(self.kernel[1]):
                yield i, j, (slice(None), rows, slice(j * dw, j * dw + sw * (ow - 1) + 1, sw))

    def views(self, padded: Array) -> Array:
        """(N, HP, WP, C) -> (N, OH, OW, KH, KW, C): every window, a view to read from."""
        n, h, w, c = padded.shape
        (sh, sw), (dh, dw) = self.stride, self.dilation
        in_n, in_h, in_w, in_c = padded.strides
        return np.lib.stride_tricks.as_strided(
            padded,
            (n, *self.places(h, w), *self.kernel, c),
            (in_n, in_h * sh, in_w * sw, in_h * dh, in_w * dw, in_c),
            writeable=False,
        )


def _sides(padding: Padding) -> tuple[Pair, ...]:
    """Padding as ((top, bottom), (left, right))."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if isinstance(padding, str):
        raise ShapeError(
            f'padding is a number, a pair, "same", "valid" or ((top, bottom), (left, right)); '
            f"got {padding!r}"
        )
    if isinstance(padding, int) or not isinstance(padding[0], (tuple, list)):
        padding = tuple((n, n) for n in pair(padding, "padding", least=0))
    top_bottom, left_right = padding
    return pair(top_bottom, "padding", least=0), pair(left_right, "padding", least=0)
