"""Rules for reductions."""

from __future__ import annotations

import math

from glassnet.io.onnx.build import Builder
from glassnet.io.onnx.rules.base import number, rule
from glassnet.nn.trace import Batch, Step

REDUCE = {"mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin",
          "logsumexp": "ReduceLogSumExp"}  # fmt: skip


def _axes(b: Builder, step: Step) -> list[int]:
    count = len(b.shape(step.arguments["x"]))
    dim = step.arguments["dim"]
    listed = range(count) if dim is None else [dim] if isinstance(dim, int) else dim
    return [axis % count for axis in listed]


@rule(*REDUCE)
def _reduce(b: Builder, step: Step) -> str:
    keep = int(step.arguments["keepdim"])
    kind = REDUCE[step.operation]
    return b.node(kind, step.arguments["x"], axes=_axes(b, step), keepdims=keep)


@rule("sum")
def _sum(b: Builder, step: Step) -> str:
    axes, keep = b.integers(*_axes(b, step)), int(step.arguments["keepdim"])
    return b.node("ReduceSum", step.arguments["x"], axes, keepdims=keep)


@rule("max", "min")
def _best(b: Builder, step: Step) -> list[str]:
    kind, keep = step.operation.title(), int(step.arguments["keepdim"])
    x, dim = step.arguments["x"], step.arguments["dim"]
    values = b.node(f"Reduce{kind}", x, axes=[dim], keepdims=keep)
    return [values, b.node(f"Arg{kind}", x, axis=dim, keepdims=keep)]


@rule("var", "std")
def _var(b: Builder, step: Step) -> str:
    """sum of (x - mean)^2 / (n - correction), and its root."""
    x, axes, keep = step.arguments["x"], _axes(b, step), int(step.arguments["keepdim"])
    shape = b.shape(x)
    if any(isinstance(shape[axis], Batch) for axis in axes):
        raise b.unsupported(step, "it goes over the batch")
    count = math.prod(shape[axis] for axis in axes)
    apart = b.node("Sub", x, b.node("ReduceMean", x, axes=axes, keepdims=1))
    squares = b.node("ReduceSum", b.node("Mul", apart, apart), b.integers(*axes), keepdims=keep)
    y = b.node("Div", squares, number(b, count - step.arguments["correction"]))
    return y if step.operation == "var" else b.node("Sqrt", y)
