"""Transposed convolution: the gradient of a convolution with respect to its input, run forward.

    N batch, C channels in, O outputs, G groups, H W height width, OH OW those of the output
    KH KW kernel, s stride, d dilation
    x (N, C, H, W), weight (C, O/G, KH, KW), y (N, O, OH, OW)

A convolution with this weight would make the C channels of x from the O of y: the roles are
swapped, and so are the three sums of `conv.py`.
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
    channel_sum,
    flat,
    flat_padding,
    flat_pair,
    nchw,
    nhwc,
    pair,
)
from glassnet.ops._samples import normal
from glassnet.ops.conv import (
    Gradients,
    check_filters,
    correlate,
    correlate_dw,
    correlate_dx,
    hwio,
    oihw,
)
from glassnet.tape import Array

__all__ = ["conv_transpose1d", "conv_transpose2d"]


def conv_transpose2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> tuple[Array, Any]:
    """y[n, o, h s + i d, w s + j d] += x[n, c, h, w] weight[c, o, i, j] over c, i, j; + bias[o].

    x (N, C, H, W), weight (C, O/G, KH, KW), bias (O) or None -> y (N, O, OH, OW),
    OH = (H - 1) s - top - bottom + d (KH - 1) + 1 + output_padding: padding is cut off. As a
    convolution with stride s maps s heights to one, output_padding, smaller than s or d, says which
    is meant [Dumoulin & Visin 2016, "A guide to convolution arithmetic", 4]. Raises ShapeError.
    """
    check_filters(x, weight, bias, (len(weight) // groups,), (weight.shape[1] * groups,), groups)
    window = Window.make(weight.shape[2:], stride, padding, dilation)
    extra = pair(output_padding, "output_padding", least=0)
    size = _size(x, window, extra)
    rows, w = np.ascontiguousarray(nhwc(x)), hwio(weight)
    y = correlate_dx(rows, w, window, groups, size)
    if bias is not None:
        y = y + bias
    return nchw(np.ascontiguousarray(y)), (rows, w, window, groups, bias is not None)


def conv_transpose2d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> Gradients:
    """dx is the convolution of dy; in dweight x has the part of an output's gradient.

    y depends on x as a convolution's dx on its dy, and that map's transpose is the convolution.
    """
    rows, w, window, groups, has_bias = cache
    dy = nhwc(dy)
    (sh, sw), (rh, rw) = window.stride, window.reach
    padded = window.pad(dy)[:, : (rows.shape[1] - 1) * sh + rh, : (rows.shape[2] - 1) * sw + rw]
    dx = nchw(correlate(padded, w, window, groups)) if needs[0] else None
    dw = oihw(correlate_dw(rows, padded, window, groups)) if needs[1] else None
    return dx, dw, channel_sum(dy) if has_bias and needs[2] else None


def _size(x: Array, window: Window, extra: Pair) -> Pair:
    """(OH, OW). Raises ShapeError where nothing remains, or for too much output padding."""
    sizes = []
    for axis, more in enumerate(extra):
        stride, dilation = window.stride[axis], window.dilation[axis]
        if more >= max(stride, dilation):
            raise ShapeError(
                f"output_padding {extra} must be smaller than the stride {window.stride} or the "
                f"dilation {window.dilation}"
            )
        full = (x.shape[2 + axis] - 1) * stride + window.reach[axis] + more
        sizes.append(full - sum(window.padding[axis]))
    if min(sizes) < 1:
        raise ShapeError(
            f"padding {window.padding} cuts off the whole output of input {x.shape}: "
            f"{sizes[0]} x {sizes[1]} would remain; use less padding"
        )
    return sizes[0], sizes[1]


def _examples_2d() -> list[Example]:
    x = normal(2, 4, 3, 4)
    return [
        example(x, normal(4, 3, 3, 3), normal(3), padding=1),
        example(x, normal(4, 2, 4, 4), None, stride=2, padding=1),
        example(x, normal(4, 2, 3, 2), normal(4), stride=(2, 3), output_padding=1, groups=2),
        example(x, normal(4, 1, 3, 3), normal(4), stride=2, groups=4, dilation=2),
        example(normal(0, 4, 3, 4), normal(4, 2, 2, 2), normal(2)),
    ]


conv_transpose2d = operation(
    conv_transpose2d_forward, conv_transpose2d_backward, examples=_examples_2d
)


def conv_transpose1d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> tuple[Array, Any]:
    """y[n, o, l s + i d] += x[n, c, l] weight[c, o, i], the padding cut off; + bias.

    x (N, C, L), weight (C, O/G, K), bias (O) or None -> y (N, O, OL): conv_transpose2d of images
    of height 1. Raises ShapeError as that does.
    """
    y, cache = conv_transpose2d_forward(
        flat(x),
        flat(weight),
        bias,
        flat_pair(stride, "stride"),
        flat_padding(padding),
        flat_pair(output_padding, "output_padding", other=0),
        groups,
        flat_pair(dilation, "dilation"),
    )
    return y[:, :, 0], cache


def conv_transpose1d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> Gradients:
    """dx, dweight and dbias of conv_transpose2d, without the height."""
    dx, dw, db = conv_transpose2d_backward(flat(dy), cache, needs)
    return None if dx is None else dx[:, :, 0], None if dw is None else dw[:, :, 0], db


def _examples_1d() -> list[Example]:
    x = normal(2, 4, 5)
    return [
        example(x, normal(4, 3, 3), normal(3), padding=1),
        example(x, normal(4, 1, 4), None, stride=2, padding=1, output_padding=1, groups=2),
    ]


conv_transpose1d = operation(
    conv_transpose1d_forward, conv_transpose1d_backward, examples=_examples_1d
)
