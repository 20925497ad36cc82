"""Pooling: the largest or the mean of what a window sees, channel by channel.

    N batch, C channels, H W height width, OH OW those of the output
    KH KW kernel_size, s stride (the kernel's size unless given), d dilation
    x (N, C, H, W), y (N, C, OH, OW), OH = floor((H + 2 padding - d (KH - 1) - 1) / s) + 1

With `ceil_mode` that floor is a ceiling, but no window begins in the padding behind the image.
Inside, images are (N, H, W, C), and a tap of the window is a strided slice of them all at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._image import (
    Padding,
    Pair,
    Size,
    Window,
    flat,
    flat_padding,
    flat_pair,
    nchw,
    nhwc,
    pair,
)
from glassnet.ops._samples import distinct, normal
from glassnet.tape import Array

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool2d",
]

OutputSize = int | tuple[int | None, int | None]


# -- max_pool2d ----------------------------------------------------------------------------------
def max_pool2d_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Any]:
    """y[n, c, h, w] = max over i, j of x[n, c, h s + i d, w s + j d], outside the image -inf.

    x (N, C, H, W) -> y (N, C, OH, OW). Of equal entries the first, row by row, counts as the
    maximum. Raises ShapeError for a window larger than the image, or padding of over half of it.
    """
    window = _window(kernel_size, stride, padding, dilation, ceil_mode)
    padded = window.pad(nhwc(x), -np.inf)
    places = window.places(*padded.shape[1:3])
    high, wide = window.kernel
    y = winner = np.empty(0)  # (N, OH, OW, C): the largest so far, and which tap i KW + j saw it
    for i, j, seen in window.taps(*places):
        value = np.ascontiguousarray(padded[seen])
        if i == j == 0:
            y, winner = value.copy(), np.zeros(value.shape, np.min_scalar_type(high * wide - 1))
        else:
            better = np.multiply(value > y, i * wide + j, dtype=winner.dtype)
            np.maximum(winner, better, out=winner)  # a later tap has a larger number
            np.maximum(y, value, out=y)
    return nchw(y), (winner, window, padded.shape, x.shape[2:])


def max_pool2d_backward(dy: Array, cache: Any) -> Array:
    """dx[n, c, h s + i d, w s + j d] += dy[n, c, h, w] for the tap (i, j) that saw the maximum."""
    winner, window, padded, size = cache
    dy = np.ascontiguousarray(nhwc(dy))
    dx = np.zeros(padded, dy.dtype)
    for i, j, seen in window.taps(*dy.shape[1:3]):
        dx[seen] += dy * (winner == i * window.kernel[1] + j)
    return nchw(window.crop(dx, *size))


def _window(
    kernel: Size, stride: Size | None, padding: Padding, dilation: Size, ceil_mode: bool
) -> Window:
    """The window; its stride is its size unless given. Raises ShapeError for too much padding."""
    stride = kernel if stride is None else stride
    window = Window.make(kernel, stride, padding, dilation, ceil_mode)
    for sides, reach in zip(window.padding, window.reach, strict=True):
        if max(sides) > reach // 2:
            raise ShapeError(
                f"padding {padding} is more than half of the window {window.reach}: some windows "
                f"would see little but padding; use at most {tuple(n // 2 for n in window.reach)}"
            )
    return window


def _max_examples() -> list[Example]:
    x = distinct(2, 3, 6, 5)
    return [
        example(x, 2),
        example(x, 3, stride=2, padding=1),
        example(x, (2, 3), stride=(2, 1), dilation=(2, 1)),
        example(x, 2, ceil_mode=True),
        example(distinct(0, 3, 6, 5), 2),
    ]


max_pool2d = operation(max_pool2d_forward, max_pool2d_backward, examples=_max_examples)


# -- avg_pool2d ----------------------------------------------------------------------------------
def avg_pool2d_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Any]:
    """y[n, c, h, w] = sum over i, j of x[n, c, h s + i, w s + j] / count[h, w].

    x (N, C, H, W) -> y (N, C, OH, OW). The count is of the window's entries in the padded image,
    or without `count_include_pad` in the image itself. Raises ShapeError as max_pool2d does.
    """
    window = _window(kernel_size, stride, padding, 1, ceil_mode)
    padded = window.pad(nhwc(x))
    count = _counts(window, padded.shape[1:3], x.shape[2:], count_include_pad).astype(x.dtype)
    return nchw(_sums(padded, window) / count), (count, window, padded.shape, x.shape[2:])


def avg_pool2d_backward(dy: Array, cache: Any) -> Array:
    """dx[n, c, h s + i, w s + j] += dy[n, c, h, w] / count[h, w]: each entry gets its share."""
    count, window, padded, size = cache
    share = np.ascontiguousarray(nhwc(dy)) / count
    dx = np.zeros(padded, dy.dtype)
    for _, _, seen in window.taps(*share.shape[1:3]):
        dx[seen] += share
    return nchw(window.crop(dx, *size))


def _sums(padded: Array, window: Window) -> Array:
    """The sum of what each window sees: (N, HP, WP, C) -> (N, OH, OW, C)."""
    places = window.places(*padded.shape[1:3])
    total = np.zeros((len(padded), *places, padded.shape[3]), padded.dtype)
    for _, _, seen in window.taps(*places):
        total += padded[seen]
    return total


def _counts(window: Window, padded: Pair, size: Pair, include_padding: bool) -> Array:
    """How many entries each window averages, found by summing ones: (1, OH, OW, 1)."""
    counted = np.zeros((1, *padded, 1))
    if include_padding:  # but not what ceil_mode adds
        high, wide = (n + sum(sides) for n, sides in zip(size, window.padding, strict=True))
        counted[:, :high, :wide] = 1
    else:
        window.crop(counted, *size)[...] = 1
    return _sums(counted, window)


def _avg_examples() -> list[Example]:
    x = normal(2, 3, 6, 5)
    return [
        example(x, 2),
        example(x, 3, stride=2, padding=1),
        example(x, (3, 2), stride=2, padding=1, count_include_pad=False),
        example(x, 2, ceil_mode=True),
        example(normal(0, 3, 6, 5), 2),
    ]


avg_pool2d = operation(avg_pool2d_forward, avg_pool2d_backward, examples=_avg_examples)


# -- height 1 ------------------------------------------------------------------------------------
def max_pool1d_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Any]:
    """y[n, c, l] = max over i of x[n, c, l s + i d]: max_pool2d of images of height 1.

    x (N, C, L) -> y (N, C, OL). Raises ShapeError as max_pool2d does.
    """
    kernel, step = _flat_sizes(kernel_size, stride)
    dilation = flat_pair(dilation, "dilation")
    y, cache = max_pool2d_forward(flat(x), kernel, step, flat_padding(padding), dilation, ceil_mode)
    return y[:, :, 0], cache


def max_pool1d_backward(dy: Array, cache: Any) -> Array:
    """dx of max_pool2d, without the height."""
    return max_pool2d_backward(flat(dy), cache)[:, :, 0]


def _flat_sizes(kernel: Size, stride: Size | None) -> tuple[Pair, Pair]:
    kernel = flat_pair(kernel, "kernel_size")
    return kernel, kernel if stride is None else flat_pair(stride, "stride")


max_pool1d = operation(
    max_pool1d_forward,
    max_pool1d_backward,
    examples=lambda: [
        example(distinct(2, 3, 7), 2),
        example(distinct(2, 3, 7), 3, stride=2, padding=1, ceil_mode=True),
    ],
)


def avg_pool1d_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Any]:
    """y[n, c, l] = sum over i of x[n, c, l s + i] / count[l]: avg_pool2d of images of height 1.

    x (N, C, L) -> y (N, C, OL). Raises ShapeError as avg_pool2d does.
    """
    kernel, step = _flat_sizes(kernel_size, stride)
    y, cache = avg_pool2d_forward(
        flat(x), kernel, step, flat_padding(padding), ceil_mode, count_include_pad
    )
    return y[:, :, 0], cache


def avg_pool1d_backward(dy: Array, cache: Any) -> Array:
    """dx of avg_pool2d, without the height."""
    return avg_pool2d_backward(flat(dy), cache)[:, :, 0]


avg_pool1d = operation(
    avg_pool1d_forward,
    avg_pool1d_backward,
    examples=lambda: [
        example(normal(2, 3, 7), 2),
        example(normal(2, 3, 7), 3, stride=2, padding=1, count_include_pad=False),
    ],
)


# -- adaptive: the output's size is given, and bin h is the rows floor(h H / OH) to ----------------
# -- ceil((h + 1) H / OH) - 1, so that the bins cover the image and may overlap by a row -----------
def adaptive_avg_pool2d_forward(x: Array, output_size: OutputSize) -> tuple[Array, Any]:
    """y[n, c, h, w] = mean of x[n, c] over bin (h, w) = A_H x[n, c] A_W^T.

    x (N, C, H, W) -> y (N, C, OH, OW); row h of A_H (OH, H) is 1 / (its rows) in bin h, else 0.
    output_size is a number, a pair, None for the input's own; 1 is global average pooling.
    Raises ShapeError for an image without pixels.
    """
    high, wide = _output_size(output_size, x.shape)
    rows = _averages(x.shape[2], high, x.dtype)
    columns = _averages(x.shape[3], wide, x.dtype)
    return nchw(_sandwich(rows, nhwc(x), columns)), (rows, columns)


def adaptive_avg_pool2d_backward(dy: Array, cache: Any) -> Array:
    """dx[n, c] = A_H^T dy[n, c] A_W."""
    rows, columns = cache
    return nchw(_sandwich(rows.T, nhwc(dy), columns.T))


def _sandwich(rows: Array, x: Array, columns: Array) -> Array:
    """rows x[n, :, :, c] columns^T: (P, H), (N, H, W, C), (Q, W) -> (N, P, Q, C)."""
    n, h, w, c = x.shape
    first = rows @ np.ascontiguousarray(x).reshape(n, h, w * c)  # (N, P, W C)
    return columns @ first.reshape(n, len(rows), w, c)


def _averages(size: int, bins: int, dtype: Any) -> Array:
    """(bins, size): row h averages bin h."""
    matrix = np.zeros((bins, size), dtype)
    for h, (start, end) in enumerate(_bins(size, bins)):
        matrix[h, start:end] = 1 / (end - start)
    return matrix


def _bins(size: int, bins: int) -> list[Pair]:
    """(first, last + 1) of each bin."""
    return [(h * size // bins, -(-(h + 1) * size // bins)) for h in range(bins)]


def _output_size(output_size: OutputSize, shape: tuple[int, ...]) -> Pair:
    if len(shape) != 4 or 0 in shape[2:]:
        raise ShapeError(f"expected images (N, C, H, W) with at least a pixel, got shape {shape}")
    if isinstance(output_size, (tuple, list)) and len(output_size) == 2:
        own = zip(output_size, shape[2:], strict=True)
        return pair(tuple(n if want is None else want for want, n in own), "output_size")
    return pair(output_size, "output_size")


def _adaptive_examples() -> list[Example]:
    x = distinct(2, 3, 6, 5)
    return [example(x, 1), example(x, (4, 3)), example(x, (None, 7)), example(x[:0], 2)]


adaptive_avg_pool2d = operation(
    adaptive_avg_pool2d_forward, adaptive_avg_pool2d_backward, examples=_adaptive_examples
)


def adaptive_avg_pool1d_forward(x: Array, output_size: Size) -> tuple[Array, Any]:
    """y[n, c, l] = mean of x[n, c] over bin l. x (N, C, L) -> y (N, C, OL). Raises ShapeError."""
    y, cache = adaptive_avg_pool2d_forward(flat(x), flat_pair(output_size, "output_size"))
    return y[:, :, 0], cache


def adaptive_avg_pool1d_backward(dy: Array, cache: Any) -> Array:
    """dx of adaptive_avg_pool2d, without the height."""
    return adaptive_avg_pool2d_backward(flat(dy), cache)[:, :, 0]


adaptive_avg_pool1d = operation(
    adaptive_avg_pool1d_forward,
    adaptive_avg_pool1d_backward,
    examples=lambda: [example(normal(2, 3, 7), 1), example(normal(2, 3, 7), 3)],
)


def adaptive_max_pool2d_forward(x: Array, output_size: OutputSize) -> tuple[Array, Any]:
    """y[n, c, h, w] = max of x[n, c] over bin (h, w); of equal entries the first.

    x (N, C, H, W) -> y (N, C, OH, OW). Raises ShapeError for an image without pixels.
    """
    high, wide = _output_size(output_size, x.shape)
    n, h, w, c = nhwc(x).shape
    y = np.empty((n, high, wide, c), x.dtype)
    winner = np.empty(y.shape, np.intp)  # its place in the image, row * W + column
    for p, (top, bottom) in enumerate(_bins(h, high)):
        for q, (left, right) in enumerate(_bins(w, wide)):
            seen = nhwc(x)[:, top:bottom, left:right]
            seen = seen.reshape(n, (bottom - top) * (right - left), c)
            y[:, p, q], best = seen.max(axis=1), seen.argmax(axis=1)  # (N, C)
            row, column = np.divmod(best, right - left)
            winner[:, p, q] = (row + top) * w + column + left
    return nchw(y), (winner, (n, h, w, c))


def adaptive_max_pool2d_backward(dy: Array, cache: Any) -> Array:
    """dx[n, c] += dy[n, c, h, w] at the maximum of bin (h, w)."""
    winner, (n, h, w, c) = cache
    dx = np.zeros((n, h * w, c), dy.dtype)
    batch, channel = np.arange(n)[:, None, None, None], np.arange(c)
    np.add.at(dx, (batch, winner, channel), nhwc(dy))  # bins that overlap may share a maximum
    return nchw(dx.reshape(n, h, w, c))


adaptive_max_pool2d = operation(
    adaptive_max_pool2d_forward, adaptive_max_pool2d_backward, examples=_adaptive_examples
)
