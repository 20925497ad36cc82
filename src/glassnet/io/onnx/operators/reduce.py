"""Reductions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from glassnet import ops
from glassnet.io.onnx.operators.base import Call, operator
from glassnet.io.onnx.values import Value, tensor
from glassnet.tensor import Tensor


@operator("ArgMax")
def _argmax(call: Call) -> Value:
    x, keep = tensor(call.inputs[0]), bool(call.attributes.get("keepdims", 1))
    return np.asarray(x.detach().data.argmax(call.attributes.get("axis", 0), keepdims=keep))


@operator("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceL2")
def _reduce(call: Call) -> Value:
    x, kind = call.inputs[0], call.attributes["kind"]
    axes = call.option("axes", 1)
    keep = bool(call.attributes.get("keepdims", 1))
    if not axes:
        if call.attributes.get("noop_with_empty_axes", 0):
            return x
        axes = range(x.ndim)
    dim = tuple(axes)
    if isinstance(x, np.ndarray):
        plain: dict[str, Callable[..., Value]] = {
            "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min,
        }  # fmt: skip
        return np.asarray(plain[kind](x, axis=dim, keepdims=keep))
    if kind == "ReduceL2":
        return ops.sqrt(ops.sum(x * x, dim, keepdim=keep))
    functions: dict[str, Callable[..., Tensor]] = {
        "ReduceMean": ops.mean, "ReduceSum": ops.sum, "ReduceMax": ops.amax,
        "ReduceMin": ops.amin, "ReduceLogSumExp": ops.logsumexp,
    }  # fmt: skip
    return functions[kind](x, dim, keepdim=keep)
