"""Shapes: the same numbers in other places."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.io.onnx.operators.base import Call, operator
from glassnet.io.onnx.values import Value, bounded, integers, number, reshaped, tensor
from glassnet.tensor import Tensor


@operator("Shape")
def _shape(call: Call) -> Value:
    found = call.attributes
    return np.array(call.inputs[0].shape, np.int64)[found.get("start", 0) : found.get("end")]


@operator("Flatten")
def _flatten(call: Call) -> Value:
    x = call.inputs[0]
    axis = call.attributes.get("axis", 1)
    axis = axis % x.ndim if axis != x.ndim else axis
    rows = int(np.prod(x.shape[:axis]))
    return reshaped(x, (rows, int(np.prod(x.shape[axis:]))))


@operator("Reshape")
def _reshape(call: Call) -> Value:
    """0 keeps a length, -1 is what is left; a fixed number of images in front is any number."""
    x = call.inputs[0]
    shape = list(call.option("shape", 1))
    if not call.attributes.get("allowzero", 0):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    if shape and call.batch == shape[0] != x.shape[0] and -1 not in shape[1:]:
        shape[0] = -1
    elif shape and call.batch == shape[0] != x.shape[0]:
        shape[0] = x.shape[0]
    return reshaped(x, shape)


@operator("Transpose")
def _transpose(call: Call) -> Value:
    x = call.inputs[0]
    order = call.attributes.get("perm", list(range(x.ndim))[::-1])
    return x.transpose(order) if isinstance(x, np.ndarray) else ops.permute(x, order)


@operator("Squeeze")
def _squeeze(call: Call) -> Value:
    x = call.inputs[0]
    axes = call.option("axes", 1)
    gone = [i for i, n in enumerate(x.shape) if n == 1] if axes is None else axes
    gone = [axis % x.ndim for axis in gone]
    if any(x.shape[axis] != 1 for axis in gone):
        raise ShapeError(f"Squeeze of {x.shape} along {gone}, of which not all have length 1")
    return reshaped(x, [n for i, n in enumerate(x.shape) if i not in gone])


@operator("Unsqueeze")
def _unsqueeze(call: Call) -> Value:
    x, axes = call.inputs[0], call.option("axes", 1)
    count = x.ndim + len(axes)
    new, lengths = {axis % count for axis in axes}, iter(x.shape)
    return reshaped(x, [1 if i in new else next(lengths) for i in range(count)])


@operator("Concat")
def _concat(call: Call) -> Value:
    axis = call.attributes["axis"]
    if all(isinstance(x, np.ndarray) for x in call.inputs):
        return np.concatenate(call.inputs, axis)
    return ops.concatenate(list(map(tensor, call.inputs)), axis)


@operator("Split")
def _split(call: Call) -> Any:
    x, axis = call.inputs[0], call.attributes.get("axis", 0)
    sizes = call.option("split", 1)
    if sizes is None:
        parts = call.attributes.get("num_outputs") or call.attributes["outputs"]
        sizes = -(-x.shape[axis] // parts)
    if isinstance(x, np.ndarray):
        x = Tensor(x)
        return tuple(part.data for part in ops.split(x, sizes, axis))
    return ops.split(x, sizes, axis)


@operator("Slice")
def _slice(call: Call) -> Value:
    x = call.inputs[0]
    starts, ends = call.option("starts", 1), call.option("ends", 2)
    axes = call.option("axes", 3, list(range(len(starts))))
    steps = call.option("steps", 4, [1] * len(starts))
    cuts = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        length = x.shape[axis]
        if step < 0:  # an end before the first entry is what Python writes as None
            cuts[axis] = slice(start, None if end < -length else end, step)
        else:
            cuts[axis] = slice(start, end, step)
    if isinstance(x, np.ndarray):
        return x[tuple(cuts)]
    back = [axis for axis, cut in enumerate(cuts) if cut.step is not None and cut.step < 0]
    return _cut(x, cuts, back)


def _cut(x: Tensor, cuts: list[slice], back: list[int]) -> Tensor:
    """x[cuts], the axes `back` read backwards: turned, then cut forwards."""
    for axis in back:
        chosen = range(x.shape[axis])[cuts[axis]]
        length = x.shape[axis]
        first, step = length - 1 - chosen.start, -chosen.step
        cuts[axis] = slice(first, first + step * len(chosen), step)
    return (ops.flip(x, back) if back else x)[tuple(cuts)]


@operator("Gather")
def _gather(call: Call) -> Value:
    x, index = call.inputs
    axis = call.attributes.get("axis", 0) % max(x.ndim, 1)
    index = np.asarray(index.data if isinstance(index, Tensor) else index)
    if isinstance(x, np.ndarray):
        return np.asarray(np.take(x, index, axis))
    where: Any = int(index) if index.ndim == 0 else index
    return x[(slice(None),) * axis + (where,)]


@operator("Expand")
def _expand(call: Call) -> Value:
    x = call.inputs[0]
    shape = bounded(np.broadcast_shapes(x.shape, tuple(integers(call.inputs[1]))))
    return np.broadcast_to(x, shape) if isinstance(x, np.ndarray) else ops.expand(x, shape)


@operator("ConstantOfShape")
def _constant_of_shape(call: Call) -> Value:
    value = np.asarray(call.attributes.get("value", np.float32(0))).reshape(-1)
    array = np.full(bounded(integers(call.inputs[0])), value[0])
    return Tensor(array) if array.dtype.kind == "f" else array


@operator("Pad")
def _pad(call: Call) -> Value:
    x, mode = tensor(call.inputs[0]), call.attributes.get("mode", "constant")
    pads, axes = call.option("pads", 1), call.option("axes", 3, list(range(x.ndim)))
    widths = [(0, 0)] * x.ndim
    for place, axis in enumerate(axes):
        widths[axis] = (pads[place], pads[place + len(axes)])
    cuts = tuple(
        slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True)
    )
    x = x[cuts] if any(min(pair) < 0 for pair in widths) else x
    widths = [(max(before, 0), max(after, 0)) for before, after in widths]
    bounded([n + b + a for n, (b, a) in zip(x.shape, widths, strict=True)])
    value = call.attributes.get("value", 0.0) if call.input(2) is None else number(call.input(2))
    return ops.pad(x, widths, {"edge": "replicate"}.get(mode, mode), value)
