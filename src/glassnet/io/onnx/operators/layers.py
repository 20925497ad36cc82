"""Linear maps, windows and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.io.onnx.operators.base import Call, operator
from glassnet.io.onnx.values import Value, tensor


@operator("MatMul")
def _matmul(call: Call) -> Value:
    return ops.matmul(*map(tensor, call.inputs))


@operator("Gemm")
def _gemm(call: Call) -> Value:
    """alpha A B + beta C."""
    a, b = map(tensor, call.inputs[:2])
    a = ops.transpose(a, 0, 1) if call.attributes.get("transA") else a
    b = ops.transpose(b, 0, 1) if call.attributes.get("transB") else b
    y = call.attributes.get("alpha", 1.0) * (a @ b)
    c = call.input(2)
    return y if c is None else y + call.attributes.get("beta", 1.0) * tensor(c)


@operator("Einsum")
def _einsum(call: Call) -> Value:
    return ops.einsum(call.attributes["equation"], *map(tensor, call.inputs))


def sides(attributes: dict[str, Any], size: Sequence[int], kernel: Sequence[int]) -> Any:
    """The padding of a window as ((before, after), ...): given, or what keeps ceil(H / stride)."""
    axes = len(kernel)
    how = attributes.get("auto_pad", "NOTSET")
    if how not in ("SAME_UPPER", "SAME_LOWER"):
        pads = attributes.get("pads", [0] * (2 * axes)) if how == "NOTSET" else [0] * (2 * axes)
        return tuple(zip(pads[:axes], pads[axes:], strict=True))
    strides = attributes.get("strides", [1] * axes)
    dilations = attributes.get("dilations", [1] * axes)
    found = []
    for length, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        needed = max((-(-length // s) - 1) * s + d * (k - 1) + 1 - length, 0)
        less, more = needed // 2, needed - needed // 2
        found.append((less, more) if how == "SAME_UPPER" else (more, less))
    return tuple(found)


@operator("Conv")
def _conv(call: Call) -> Value:
    x, weight = map(tensor, call.inputs[:2])
    bias = None if call.input(2) is None else tensor(call.input(2))
    axes = weight.ndim - 2
    function = {1: ops.conv1d, 2: ops.conv2d}[axes]
    found = call.attributes
    padding = sides(found, x.shape[2:], weight.shape[2:])
    stride = tuple(found.get("strides", [1] * axes))
    dilation = tuple(found.get("dilations", [1] * axes))
    return function(x, weight, bias, stride, padding, dilation, found.get("group", 1))


@operator("ConvTranspose")
def _conv_transpose(call: Call) -> Value:
    x, weight = map(tensor, call.inputs[:2])
    bias = None if call.input(2) is None else tensor(call.input(2))
    axes, found = weight.ndim - 2, call.attributes
    if "output_shape" in found or found.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ShapeError("ConvTranspose with output_shape or auto_pad is not supported")
    function = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d}[axes]
    return function(
        x, weight, bias, tuple(found.get("strides", [1] * axes)),
        sides(found, x.shape[2:], weight.shape[2:]),
        tuple(found.get("output_padding", [0] * axes)), found.get("group", 1),
        tuple(found.get("dilations", [1] * axes)),
    )  # fmt: skip


@operator("MaxPool", "AveragePool")
def _pool(call: Call) -> Value:
    x, found = tensor(call.inputs[0]), call.attributes
    kernel = tuple(found["kernel_shape"])
    axes = len(kernel)
    stride, ceil = tuple(found.get("strides", [1] * axes)), bool(found.get("ceil_mode", 0))
    padding = sides(found, x.shape[2:], kernel)
    if found["kind"] == "MaxPool":
        function = {1: ops.max_pool1d, 2: ops.max_pool2d}[axes]
        return function(x, kernel, stride, padding, tuple(found.get("dilations", [1] * axes)), ceil)
    counted = bool(found.get("count_include_pad", 0))
    function = {1: ops.avg_pool1d, 2: ops.avg_pool2d}[axes]
    return function(x, kernel, stride, padding, ceil, counted)


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(call: Call) -> Value:
    x = tensor(call.inputs[0])
    places = tuple(range(2, x.ndim))
    if call.attributes["kind"] == "GlobalMaxPool":
        return ops.amax(x, places, keepdim=True)
    return ops.mean(x, places, keepdim=True)


# -- normalisation ---------------------------------------------------------------------------------
@operator("BatchNormalization")
def _batch_norm(call: Call) -> Value:
    x, weight, bias, mean, var = map(tensor, call.inputs)
    eps = call.attributes.get("epsilon", 1e-5)
    return ops.batch_norm(x, mean, var, weight, bias, training=False, momentum=0.0, eps=eps)


@operator("InstanceNormalization")
def _instance_norm(call: Call) -> Value:
    x, weight, bias = map(tensor, call.inputs)
    return ops.group_norm(x, x.shape[1], weight, bias, call.attributes.get("epsilon", 1e-5))


@operator("GroupNormalization")
def _group_norm(call: Call) -> Value:
    """Weight and bias by channel. (Version 18, by group, is withdrawn: the checker refuses it.)"""
    x, weight, bias = map(tensor, call.inputs)
    groups, eps = call.attributes["num_groups"], call.attributes.get("epsilon", 1e-5)
    return ops.group_norm(x, groups, weight, bias, eps)


@operator("LayerNormalization")
def _layer_norm(call: Call) -> Value:
    x, weight = map(tensor, call.inputs[:2])
    bias = None if call.input(2) is None else tensor(call.input(2))
    if call.attributes.get("axis", -1) % x.ndim != x.ndim - weight.ndim:
        raise ShapeError(f"LayerNormalization of {x.shape} with a scale of {weight.shape}")
    return ops.layer_norm(x, weight, bias, call.attributes.get("epsilon", 1e-5))


@operator("LRN")
def _lrn(call: Call) -> Value:
    found = call.attributes
    size, alpha, beta = found["size"], found.get("alpha", 1e-4), found.get("beta", 0.75)
    if size % 2 == 0:
        raise ShapeError(f"LRN over {size} channels, an even number, is not supported")
    return ops.local_response_norm(call.inputs[0], size, alpha, beta, found.get("bias", 1.0))


@operator("LpNormalization")
def _lp_norm(call: Call) -> Value:
    x, axis = call.inputs[0], call.attributes.get("axis", -1)
    if call.attributes.get("p", 2) == 1:
        return x / ops.sum(ops.abs(x), axis, keepdim=True)
    return x / ops.sqrt(ops.sum(x * x, axis, keepdim=True))
