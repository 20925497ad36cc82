"""Rules for linear maps, windows and normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassnet.io.onnx.build import Builder
from glassnet.io.onnx.rules.base import number, rule
from glassnet.nn.trace import Step
from glassnet.ops._image import Window, flat_padding, flat_pair
from glassnet.ops.pool import adaptive_avg_pool2d_forward
from glassnet.tape import Array


@rule("linear")
def _linear(b: Builder, step: Step) -> str:
    x, weight, bias = (step.arguments[name] for name in ("x", "weight", "bias"))
    if len(b.shape(x)) == 2:
        return b.node("Gemm", x, weight, bias, transB=1)
    y = b.node("MatMul", x, b.node("Transpose", weight, perm=[1, 0]))
    return y if bias is None else b.node("Add", y, bias)


@rule("einsum")
def _einsum(b: Builder, step: Step) -> str:
    return b.node("Einsum", *step.arguments["operands"], equation=step.arguments["equation"])


@rule("scaled_dot_product_attention")
def _attention(b: Builder, step: Step) -> str:
    """softmax(q k^T scale + mask) v."""
    query, key, value = (step.arguments[name] for name in ("query", "key", "value"))
    if step.arguments["is_causal"]:
        raise b.unsupported(step, "it is causal")
    axes = list(range(len(b.shape(key))))
    turned = b.node("Transpose", key, perm=[*axes[:-2], axes[-1], axes[-2]])
    scale = step.arguments["scale"] or b.shape(query)[-1] ** -0.5
    scores = b.node("MatMul", b.node("Mul", query, number(b, scale)), turned)
    mask = step.arguments["attn_mask"]
    if mask is not None:
        scores = b.node("Add", scores, mask)
    return b.node("MatMul", b.node("Softmax", scores, axis=-1), value)


@rule("embedding")
def _embedding(b: Builder, step: Step) -> str:
    return b.node("Gather", step.arguments["weight"], step.arguments["index"], axis=0)


# -- windows ---------------------------------------------------------------------------------------
def _window(step: Step, kernel: Any, flat: bool) -> Window:
    """Where the window of a convolution or pooling stands; of a sequence, as of a row."""
    options = step.arguments
    stride = options["stride"] if options["stride"] is not None else kernel
    dilation, padding = options.get("dilation", 1), options["padding"]
    if flat:
        stride, dilation = flat_pair(stride, "stride"), flat_pair(dilation, "dilation")
        padding, kernel = flat_padding(padding), flat_pair(kernel, "kernel_size")
    return Window.make(kernel, stride, padding, dilation, options.get("ceil_mode", False))


def _places(window: Window, sides: Any, flat: bool, dilated: bool = True) -> dict[str, Any]:
    """A window as ONNX's attributes, with padding `sides` ((top, bottom), (left, right))."""
    (top, bottom), (left, right) = sides
    found = {
        "kernel_shape": list(window.kernel)[flat:],
        "strides": list(window.stride)[flat:],
        "pads": [left, right] if flat else [top, left, bottom, right],
    }
    return found | ({"dilations": list(window.dilation)[flat:]} if dilated else {})


@rule("conv1d", "conv2d")
def _conv(b: Builder, step: Step) -> str:
    flat = step.operation == "conv1d"
    x, weight, bias = (step.arguments[name] for name in ("x", "weight", "bias"))
    kernel = b.shape(weight)[2:]
    window = _window(step, kernel, flat)
    attributes = _places(window, window.padding, flat)
    return b.node("Conv", x, weight, bias, group=step.arguments["groups"], **attributes)


@rule("conv_transpose1d", "conv_transpose2d")
def _conv_transpose(b: Builder, step: Step) -> str:
    flat = step.operation == "conv_transpose1d"
    x, weight, bias = (step.arguments[name] for name in ("x", "weight", "bias"))
    window = _window(step, b.shape(weight)[2:], flat)
    more = step.arguments["output_padding"]
    more = flat_pair(more, "output_padding", 0) if flat else np.broadcast_to(more, 2).tolist()
    return b.node(
        "ConvTranspose", x, weight, bias, group=step.arguments["groups"],
        output_padding=list(more)[flat:], **_places(window, window.padding, flat),
    )  # fmt: skip


def _image_size(b: Builder, step: Step) -> tuple[int, int]:
    """(H, W) of what a pooling sees; a sequence is an image of height 1."""
    shape = b.shape(step.arguments["x"])
    return (1, shape[2]) if len(shape) == 3 else (shape[2], shape[3])


@rule("max_pool1d", "max_pool2d")
def _max_pool(b: Builder, step: Step) -> str:
    """The margins that ceil_mode adds are written out: runtimes differ in what they make of it."""
    flat = step.operation == "max_pool1d"
    window = _window(step, step.arguments["kernel_size"], flat)
    sides = window.margins(*_image_size(b, step))
    return b.node("MaxPool", step.arguments["x"], **_places(window, sides, flat))


@rule("avg_pool1d", "avg_pool2d")
def _avg_pool(b: Builder, step: Step) -> str:
    flat = step.operation == "avg_pool1d"
    window = _window(step, step.arguments["kernel_size"], flat)
    sides = window.margins(*_image_size(b, step))
    counted = step.arguments["count_include_pad"] and any(map(any, window.padding))
    if counted and sides != window.padding:
        raise b.unsupported(step, "ceil_mode with padding that counts")
    places = _places(window, sides, flat, dilated=False)
    return b.node("AveragePool", step.arguments["x"], count_include_pad=int(counted), **places)


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d")
def _adaptive_avg_pool(b: Builder, step: Step) -> str:
    """A_H x A_W^T, the page's formula; to one place, the operator for that."""
    x, wanted = step.arguments["x"], [int(n) for n in step.shapes[0][2:]]  # type: ignore[arg-type]
    if set(wanted) == {1}:
        return b.node("GlobalAveragePool", x)
    size = b.shape(x)[2:]
    y = b.node("MatMul", x, b.array(_averages(size[-1], wanted[-1]).T))
    return y if len(wanted) == 1 else b.node("MatMul", b.array(_averages(size[0], wanted[0])), y)


def _averages(size: int, bins: int) -> Array:
    """(bins, size): the matrix A, which is what the operation makes of the identity."""
    identity = np.eye(size, dtype=np.float32)[None, None]
    return adaptive_avg_pool2d_forward(identity, (bins, size))[0][0, 0]


@rule("adaptive_max_pool2d")
def _adaptive_max_pool(b: Builder, step: Step) -> str:
    x = step.arguments["x"]
    (high, wide), (rows, columns) = b.shape(x)[2:], step.shapes[0][2:]
    if high % rows or wide % columns:
        raise b.unsupported(step, f"its windows of {high} x {wide} into {rows} x {columns} differ")
    kernel = [high // rows, wide // columns]
    return b.node("MaxPool", x, kernel_shape=kernel, strides=kernel)


# -- normalisation ---------------------------------------------------------------------------------
def _given(b: Builder, step: Step, name: str, shape: tuple[int, ...], value: float) -> Any:
    """The weight or bias of a step, or the numbers that stand for none."""
    found = step.arguments[name]
    return b.array(np.full(shape, value, np.float32)) if found is None else found


@rule("batch_norm_eval")
def _batch_norm(b: Builder, step: Step) -> str:
    channels = (b.shape(step.arguments["x"])[1],)
    weight, bias = (_given(b, step, n, channels, v) for n, v in (("weight", 1), ("bias", 0)))
    mean, var = step.arguments["mean"], step.arguments["var"]
    eps = float(step.arguments["eps"])
    return b.node("BatchNormalization", step.arguments["x"], weight, bias, mean, var, epsilon=eps)


@rule("layer_norm")
def _layer_norm(b: Builder, step: Step) -> str:
    x, weight, bias = (step.arguments[name] for name in ("x", "weight", "bias"))
    known = weight if weight is not None else bias
    shape = b.shape(x)[-1:] if known is None else b.shape(known)
    scale = _given(b, step, "weight", shape, 1)
    eps = float(step.arguments["eps"])
    return b.node("LayerNormalization", x, scale, bias, axis=-len(shape), epsilon=eps)


@rule("group_norm")
def _group_norm(b: Builder, step: Step) -> str:
    """Each group as one channel through InstanceNormalization, then weight and bias by channel."""
    x, groups = step.arguments["x"], step.arguments["num_groups"]
    shape = b.shape(x)
    inside = math.prod(shape[1:]) // groups
    y = b.node("Reshape", x, b.sizes((shape[0], groups, inside)))
    ones, zeros = (b.array(np.full(groups, v, np.float32)) for v in (1, 0))
    y = b.node("InstanceNormalization", y, ones, zeros, epsilon=float(step.arguments["eps"]))
    y = b.node("Reshape", y, b.sizes(shape))
    column = b.integers(shape[1], *[1] * (len(shape) - 2))
    for kind, name in (("Mul", "weight"), ("Add", "bias")):
        if step.arguments[name] is not None:
            y = b.node(kind, y, b.node("Reshape", step.arguments[name], column))
    return y


@rule("local_response_norm")
def _local_response_norm(b: Builder, step: Step) -> str:
    size = step.arguments["size"]
    if size % 2 == 0:
        raise b.unsupported(step, f"its window of {size} channels is even")
    alpha, beta, bias = (float(step.arguments[name]) for name in ("alpha", "beta", "k"))
    return b.node("LRN", step.arguments["x"], size=size, alpha=alpha, beta=beta, bias=bias)
