"""Rules for operations entry by entry, and their neighbours."""

from __future__ import annotations

import math

import numpy as np

from glassnet.io.onnx.build import Builder
from glassnet.io.onnx.rules.base import number, rule
from glassnet.nn.trace import Constant, Step

DIRECT = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "abs": "Abs", "exp": "Exp", "log": "Log",
    "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "erf": "Erf", "neg": "Neg", "clone": "Identity",
    "matmul": "MatMul", "where": "Where",
}  # fmt: skip


@rule(*DIRECT)
def _direct(b: Builder, step: Step) -> str:
    return b.node(DIRECT[step.operation], *step.arguments.values())


ARITHMETIC = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "power": "Pow", "maximum": "Max",
    "minimum": "Min",
}  # fmt: skip


@rule(*ARITHMETIC)
def _arithmetic(b: Builder, step: Step) -> str:
    """Masks and whole numbers join in as floating-point numbers: ONNX has one kind for both."""
    sides = [
        b.array(side.array, np.float32) if isinstance(side, Constant) else side
        for side in step.arguments.values()
    ]
    return b.node(ARITHMETIC[step.operation], *sides)


@rule("relu6")
def _relu6(b: Builder, step: Step) -> str:
    return b.node("Clip", step.arguments["x"], number(b, 0), number(b, 6))


@rule("clip")
def _clip(b: Builder, step: Step) -> str:
    x, low, high = (step.arguments[name] for name in ("x", "min", "max"))
    limits = ["" if limit is None else number(b, limit) for limit in (low, high)]
    return b.node("Clip", x, *limits)


@rule("leaky_relu")
def _leaky_relu(b: Builder, step: Step) -> str:
    return b.node("LeakyRelu", step.arguments["x"], alpha=float(step.arguments["negative_slope"]))


@rule("elu")
def _elu(b: Builder, step: Step) -> str:
    return b.node("Elu", step.arguments["x"], alpha=float(step.arguments["alpha"]))


@rule("softmax", "log_softmax")
def _softmax(b: Builder, step: Step) -> str:
    kind = "Softmax" if step.operation == "softmax" else "LogSoftmax"
    return b.node(kind, step.arguments["x"], axis=step.arguments["dim"])


@rule("silu")
def _silu(b: Builder, step: Step) -> str:
    x = step.arguments["x"]
    return b.node("Mul", x, b.node("Sigmoid", x))


@rule("gelu")
def _gelu(b: Builder, step: Step) -> str:
    """x Phi(x), Phi by erf, or by the tanh that comes near it."""
    x = step.arguments["x"]
    if step.arguments["approximate"] == "tanh":
        cube = b.node("Mul", number(b, 0.044715), b.node("Pow", x, number(b, 3)))
        inner = b.node("Mul", number(b, math.sqrt(2 / math.pi)), b.node("Add", x, cube))
        half = b.node("Tanh", inner)
    else:
        half = b.node("Erf", b.node("Div", x, number(b, math.sqrt(2))))
    phi = b.node("Mul", number(b, 0.5), b.node("Add", number(b, 1), half))
    return b.node("Mul", x, phi)


@rule("softplus")
def _softplus(b: Builder, step: Step) -> str:
    beta = step.arguments["beta"]
    if beta == 1:
        return b.node("Softplus", step.arguments["x"])
    scaled = b.node("Mul", step.arguments["x"], number(b, beta))
    return b.node("Div", b.node("Softplus", scaled), number(b, beta))


@rule("log1p")
def _log1p(b: Builder, step: Step) -> str:
    return b.node("Log", b.node("Add", step.arguments["x"], number(b, 1)))


@rule("maxout")
def _maxout(b: Builder, step: Step) -> str:
    shape, pieces = list(b.shape(step.arguments["x"])), step.arguments["pieces"]
    dim = step.arguments["dim"] % len(shape)
    groups = [*shape[:dim], shape[dim] // pieces, pieces, *shape[dim + 1 :]]
    split = b.node("Reshape", step.arguments["x"], b.sizes(tuple(groups)))
    return b.node("ReduceMax", split, axes=[dim + 1], keepdims=0)


@rule("to")
def _to(b: Builder, step: Step) -> str:
    kind = np.dtype(step.arguments["dtype"])
    single = np.dtype(np.float32) if kind.kind == "f" else kind
    return b.node("Cast", step.arguments["x"], to=b.onnx.helper.np_dtype_to_tensor_dtype(single))
