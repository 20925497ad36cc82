"""Convolution over images and sequences.

    N batch, C channels, O outputs, G groups, H W height width, OH OW those of the output
    KH KW kernel, s stride, d dilation
    x (N, C, H, W), weight (O, C/G, KH, KW), y (N, O, OH, OW)
    M = N OH OW places where the window stands

It is called convolution and is, as everywhere in the field, cross-correlation: the filter is not
flipped. Inside, images are (N, H, W, C) and filters (KH, KW, C/G, O). Three sums make everything:
y from x and w (`correlate`), and its two gradients; the transposed convolutions on the next page
are made of the same three. Each runs over a few images at a time, so that what it writes down on
the way stays in the processor's cache, and memory does not grow with the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._image import (
    Padding,
    Pair,
    Size,
    Window,
    channel_sum,
    flat,
    flat_padding,
    flat_pair,
    nchw,
    nhwc,
)
from glassnet.ops._samples import normal
from glassnet.tape import Array

__all__ = ["conv1d", "conv2d"]

AT_ONCE = 8 * 2**20  # bytes of windows written out at a time
Gradients = tuple[Array | None, Array | None, Array | None]


def hwio(weight: Array) -> Array:
    """(O, C/G, KH, KW) -> (KH, KW, C/G, O), contiguous."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def oihw(w: Array) -> Array:
    """(KH, KW, C/G, O) -> (O, C/G, KH, KW), a view."""
    return w.transpose(3, 2, 0, 1)


# -- the three sums ------------------------------------------------------------------------------
# Depthwise, where each channel has a filter of its own, there is no matrix to multiply: each tap
# is one number a channel.
def correlate(x: Array, w: Array, window: Window, groups: int) -> Array:
    """y[n, oh, ow, o] = sum over i, j, c of x[n, oh s + i d, ow s + j d, c] w[i, j, c, o].

    x (N, HP, WP, C) padded, w (KH, KW, C/G, O) -> y (N, OH, OW, O). With each window written out
    as the row of a matrix the sum is a matrix product: (M, KH KW C) times (KH KW C, O).
    """
    oh, ow = window.places(*x.shape[1:3])
    y = np.zeros((len(x), oh, ow, w.shape[3]), np.result_type(x, w))
    matrix = _by_group(w.reshape(-1, w.shape[3]), groups)  # (G, KH KW C/G, O/G)
    for part in _parts(y, w, groups):
        if _depthwise(w, groups):
            for i, j, seen in window.taps(oh, ow):
                y[part] += x[part][seen] * w[i, j, 0]
        else:
            np.matmul(_rows(x[part], window, groups), matrix, out=_by_group(y[part], groups))
    return y


def correlate_dx(dy: Array, w: Array, window: Window, groups: int, size: Pair) -> Array:
    """dx[n, oh s + i d, ow s + j d, c] += sum over o of dy[n, oh, ow, o] w[i, j, c, o].

    dy (N, OH, OW, O), w (KH, KW, C/G, O) -> dx (N, H, W, C), size = (H, W). What a pixel receives
    for tap (i, j) is dy times one matrix, put where that tap looked.
    """
    (top, bottom), (left, right) = window.padding
    (n, oh, ow, _), channels = dy.shape, w.shape[2] * groups
    padded = (n, top + size[0] + bottom, left + size[1] + right, channels)
    dx = np.zeros(padded, np.result_type(dy, w))
    for part in _parts(dy, w, groups):
        for i, j, seen in window.taps(oh, ow):
            if _depthwise(w, groups):
                dx[part][seen] += dy[part] * w[i, j, 0]
            else:
                back = _by_group(w[i, j], groups).swapaxes(1, 2)  # (G, O/G, C/G)
                step = _by_group(dy[part], groups) @ back  # (G, M, C/G)
                dx[part][seen] += step.swapaxes(0, 1).reshape(-1, oh, ow, channels)
    return window.crop(dx, *size)


def correlate_dw(dy: Array, x: Array, window: Window, groups: int) -> Array:
    """dw[i, j, c, o] = sum over n, oh, ow of x[n, oh s + i d, ow s + j d, c] dy[n, oh, ow, o].

    dy (N, OH, OW, O), x (N, HP, WP, C) padded -> dw (KH, KW, C/G, O).
    """
    (_, oh, ow, outputs), channels = dy.shape, x.shape[3] // groups
    dw = np.zeros((*window.kernel, channels, outputs), np.result_type(dy, x))
    matrix = _by_group(dw.reshape(-1, outputs), groups)  # (G, KH KW C/G, O/G), a view of dw
    for part in _parts(dy, dw, groups):
        if _depthwise(dw, groups):
            for i, j, seen in window.taps(oh, ow):
                dw[i, j, 0] += channel_sum(x[part][seen] * dy[part])
        else:
            rows = _rows(x[part], window, groups)  # (G, M, KH KW C/G)
            matrix += rows.swapaxes(1, 2) @ _by_group(dy[part], groups)
    return dw


def _rows(x: Array, window: Window, groups: int) -> Array:
    """Every window as a row: (n, HP, WP, C) -> (G, M, KH KW C/G)."""
    high, wide = window.kernel
    windows = window.views(x)  # (n, OH, OW, KH, KW, C)
    split = windows.reshape(*windows.shape[:5], groups, -1) if groups > 1 else windows[..., None, :]
    rows = split.transpose(5, 0, 1, 2, 3, 4, 6)  # (G, n, OH, OW, KH, KW, C/G)
    return rows.reshape(groups, -1, high * wide * rows.shape[-1])


def _by_group(rows: Array, groups: int) -> Array:
    """(..., O) -> (G, rows, O/G), a view."""
    return rows.reshape(-1, groups, rows.shape[-1] // groups).swapaxes(0, 1)


def _depthwise(w: Array, groups: int) -> bool:
    return groups == w.shape[3] > 1 and w.shape[2] == 1


def _parts(y: Array, w: Array, groups: int) -> Iterator[slice]:
    """The batch in slices of as many images as have AT_ONCE bytes of windows."""
    windows = y.shape[1] * y.shape[2] * w[..., 0].size * groups * w.itemsize  # of one image
    step = max(1, AT_ONCE // windows)
    return (slice(i, i + step) for i in range(0, len(y), step))


# -- conv2d --------------------------------------------------------------------------------------
def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Any]:
    """y[n, o, h, w] = bias[o] + sum_cij x[n, c, h s + i d, w s + j d] weight[o, c, i, j].

    x (N, C, H, W), weight (O, C/G, KH, KW), bias (O) or None -> y (N, O, OH, OW),
    OH = floor((H + top + bottom - d (KH - 1) - 1) / s) + 1. Sizes are a number or (along H, along
    W); padding, with zeros, is also "same", "valid" or ((top, bottom), (left, right)). Of G groups,
    output group g sees input group g alone. Raises ShapeError for sizes that do not fit together.
    """
    check_filters(x, weight, bias, weight.shape[1:2], weight.shape[:1], groups)
    window = Window.make(weight.shape[2:], stride, padding, dilation)
    padded, w = window.pad(nhwc(x)), hwio(weight)
    y = correlate(padded, w, window, groups)
    if bias is not None:
        y += bias
    return nchw(y), (padded, w, window, groups, x.shape[2:], bias is not None)


def conv2d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> Gradients:
    """dx and dweight as `correlate_dx` and `correlate_dw` state them; dbias[o] = sum of dy[:, o].

    x[n, c, p, q] moves y[n, o, h, w] by weight[o, c, i, j] wherever p = h s + i d, q = w s + j d.
    """
    padded, w, window, groups, size, has_bias = cache
    dy = np.ascontiguousarray(nhwc(dy))
    dx = nchw(correlate_dx(dy, w, window, groups, size)) if needs[0] else None
    dw = oihw(correlate_dw(dy, padded, window, groups)) if needs[1] else None
    return dx, dw, channel_sum(dy) if has_bias and needs[2] else None


def check_filters(
    x: Array,
    weight: Array,
    bias: Array | None,
    per_group: tuple[int, ...],
    outputs: tuple[int, ...],
    groups: int,
) -> None:
    """Raise ShapeError where images, filters and bias do not fit together.

    per_group: the channels that a group of the filters reads; outputs: the channels they make.
    """
    if x.ndim != 4 or weight.ndim != 4:
        raise ShapeError(
            f"expected images (N, C, H, W) and filters (O, C / groups, KH, KW), got shapes "
            f"{x.shape} and {weight.shape}"
        )
    if x.shape[1] != per_group[0] * groups:
        split = f", groups={groups}" if groups != 1 else ""
        raise ShapeError(
            f"expected {per_group[0] * groups} input channels (weight {weight.shape}{split}), "
            f"got input {x.shape}; the layer's in_channels must be the input's channels"
        )
    if groups < 1 or outputs[0] % groups:
        raise ShapeError(
            f"{outputs[0]} output channels (weight {weight.shape}) cannot be split into {groups} "
            f"equal groups"
        )
    if bias is not None and bias.shape != outputs:
        raise ShapeError(f"expected a bias of shape {outputs}, got {bias.shape}")


def _examples_2d() -> list[Example]:
    x, odd = normal(2, 4, 6, 5), ((1, 0), (0, 2))
    return [
        example(normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(4), padding=1),
        example(x, normal(3, 4, 3, 2), None, stride=2),
        example(x, normal(6, 2, 2, 3), normal(6), padding="same", dilation=2, groups=2),
        example(x, normal(4, 1, 3, 3), normal(4), stride=(2, 1), padding=odd, groups=4),
        example(x, normal(8, 1, 2, 2), normal(8), groups=4),
        example(x, normal(3, 4, 1, 1), normal(3)),
        example(normal(0, 4, 6, 5), normal(3, 4, 3, 3), normal(3)),
    ]


conv2d = operation(conv2d_forward, conv2d_backward, examples=_examples_2d)


# -- conv1d: height 1 ----------------------------------------------------------------------------
def conv1d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Any]:
    """y[n, o, l] = bias[o] + sum over c, i of x[n, c, l s + i d] weight[o, c, i].

    x (N, C, L), weight (O, C/G, K), bias (O) or None -> y (N, O, OL): conv2d of images of height 1.
    Padding is a number, (left, right), "same" or "valid". Raises ShapeError as conv2d does.
    """
    y, cache = conv2d_forward(
        flat(x),
        flat(weight),
        bias,
        flat_pair(stride, "stride"),
        flat_padding(padding),
        flat_pair(dilation, "dilation"),
        groups,
    )
    return y[:, :, 0], cache


def conv1d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> Gradients:
    """dx, dweight and dbias of conv2d, without the height."""
    dx, dw, db = conv2d_backward(flat(dy), cache, needs)
    return None if dx is None else dx[:, :, 0], None if dw is None else dw[:, :, 0], db


def _examples_1d() -> list[Example]:
    x = normal(2, 4, 7)
    return [
        example(x, normal(3, 4, 3), normal(3), padding=1),
        example(x, normal(4, 2, 2), None, stride=2, groups=2),
        example(x, normal(4, 1, 3), normal(4), padding=(4, 0), dilation=2, groups=4),
    ]


conv1d = operation(conv1d_forward, conv1d_backward, examples=_examples_1d)
