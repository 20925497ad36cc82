"""Operators entry by entry, and their neighbours."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from glassnet import ops
from glassnet.io.onnx.operators.base import Call, enter, operator
from glassnet.io.onnx.values import Value, either, number, tensor
from glassnet.tensor import Tensor


def _divide(a: Any, b: Any) -> Any:
    """Whole numbers divide to whole numbers."""
    return np.asarray(np.trunc(a / b)).astype(a.dtype) if a.dtype.kind in "iu" else a / b


for _kind, _numpy, _ours in (
    ("Add", np.add, ops.add), ("Sub", np.subtract, ops.sub), ("Mul", np.multiply, ops.mul),
    ("Div", _divide, ops.div), ("Pow", np.power, ops.power), ("Neg", np.negative, ops.neg),
    ("Abs", np.abs, ops.abs), ("Equal", np.equal, ops.eq), ("Greater", np.greater, ops.gt),
    ("Less", np.less, ops.lt), ("Not", np.logical_not, ops.logical_not),
    ("And", np.logical_and, ops.logical_and), ("Or", np.logical_or, ops.logical_or),
):  # fmt: skip
    enter(_kind, either(_numpy, _ours))
for _kind, _one in (
    ("Exp", ops.exp), ("Log", ops.log), ("Sqrt", ops.sqrt), ("Erf", ops.erf), ("Sin", ops.sin),
    ("Cos", ops.cos), ("Softplus", ops.softplus),
):  # fmt: skip
    enter(_kind, lambda x, _one=_one: _one(tensor(x)))


@operator("Identity", "Dropout")
def _identity(call: Call) -> Value:
    return call.inputs[0]


@operator("Reciprocal")
def _reciprocal(call: Call) -> Value:
    return 1 / tensor(call.inputs[0])


@operator("Sum", "Max", "Min", "Mean")
def _several(call: Call) -> Value:
    kind = {"Max": ops.maximum, "Min": ops.minimum}.get(call.attributes["kind"], ops.add)
    total = reduce(kind, map(tensor, call.inputs))
    return total / len(call.inputs) if call.attributes["kind"] == "Mean" else total


@operator("Where")
def _where(call: Call) -> Value:
    condition, a, b = call.inputs
    chosen = condition.data if isinstance(condition, Tensor) else condition
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.where(chosen, a, b)
    return ops.where(chosen.astype(bool), tensor(a), tensor(b))


@operator("Clip")
def _clip(call: Call) -> Value:
    limits = [
        call.attributes.get(name) if call.input(place) is None else number(call.input(place))
        for place, name in ((1, "min"), (2, "max"))
    ]
    return ops.clip(tensor(call.inputs[0]), *limits)


@operator("PRelu")
def _prelu(call: Call) -> Value:
    x, slope = map(tensor, call.inputs)
    return ops.relu(x) - slope * ops.relu(-x)


@operator("HardSigmoid")
def _hard_sigmoid(call: Call) -> Value:
    """max(0, min(1, alpha x + beta))."""
    alpha, beta = call.attributes.get("alpha", 0.2), call.attributes.get("beta", 0.5)
    return ops.clip(alpha * call.inputs[0] + beta, 0, 1)


@operator("HardSwish")
def _hard_swish(call: Call) -> Value:
    """x max(0, min(1, x / 6 + 1 / 2)) [Howard et al. 2019, MobileNetV3]."""
    x = call.inputs[0]
    return x * ops.clip(x / 6 + 0.5, 0, 1)


@operator("Softmax", "LogSoftmax")
def _softmax(call: Call) -> Value:
    """Along one axis; before version 13 along all from that axis on, made one."""
    function = ops.softmax if call.attributes["kind"] == "Softmax" else ops.log_softmax
    x = call.inputs[0]
    if call.version >= 13:
        return function(x, call.attributes.get("axis", -1))
    axis = call.attributes.get("axis", 1) % x.ndim
    return ops.reshape(function(ops.flatten(x, axis), axis), x.shape)


@operator("Cast")
def _cast(call: Call) -> Value:
    """Floating-point kinds are all float32 here; `to` is the kind's name."""
    x, kind = call.inputs[0], np.dtype(call.attributes["to"])
    if kind.kind == "f":
        return ops.to(x, np.float32) if isinstance(x, Tensor) else Tensor(x.astype(np.float32))
    array = x.detach().data if isinstance(x, Tensor) else x
    return array.astype(kind)
