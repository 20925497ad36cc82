"""Which nodes of an ONNX graph are layers of `glassnet.nn`, and with which options.

LAYERS[kind](node, graph) -> Layer, or None where no layer does just that
node    kind, names of inputs and outputs, attributes
graph   the arrays of the file by name, and the rank of each value where it is known
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet.tape import Array


@dataclass
class Node:
    """A node in plain data."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    name: str = ""

    def input(self, place: int) -> str:
        """The name of an input, "" where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else ""


@dataclass
class Known:
    """What is known of a graph beside its nodes.

    arrays  name -> array: weights and constants
    origin  name -> the name in the file of the weight that it was made from
    uses    name -> how many nodes take it
    ranks   name -> number of axes, where it could be inferred
    version of the operator set
    """

    version: int
    arrays: dict[str, Array] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def weight(self, name: str) -> Array | None:
        """A floating-point array that one node alone takes, so that a layer can own it."""
        array = self.arrays.get(name)
        if array is None or array.dtype.kind != "f" or self.uses.get(name, 0) != 1:
            return None
        return array

    def constant(self, name: str) -> Array | None:
        """Any array of the file."""
        return self.arrays.get(name)


@dataclass
class Layer:
    """A layer of `glassnet.nn`: its class, options and arrays by parameter name.

    weight  the name of the file's weight that it is called after; "" for one without
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    weight: str = ""


Rule = Callable[[Node, Known], Layer | None]
LAYERS: dict[str, Rule] = {}


def layer(*kinds: str) -> Callable[[Rule], Rule]:
    """Enter a function as the rule for operators with these names."""

    def enter(function: Rule) -> Rule:
        LAYERS.update(dict.fromkeys(kinds, function))
        return function

    return enter


for _kind, _name in (("Relu", "ReLU"), ("Sigmoid", "Sigmoid"), ("Tanh", "Tanh")):
    LAYERS[_kind] = lambda node, graph, _name=_name: Layer(_name)  # type: ignore[misc]


@layer("LeakyRelu")
def _leaky_relu(node: Node, graph: Known) -> Layer:
    return Layer("LeakyReLU", {"negative_slope": node.attributes.get("alpha", 0.01)})


@layer("Elu")
def _elu(node: Node, graph: Known) -> Layer:
    return Layer("ELU", {"alpha": node.attributes.get("alpha", 1.0)})


@layer("Gelu")
def _gelu(node: Node, graph: Known) -> Layer:
    return Layer("GELU", {"approximate": node.attributes.get("approximate", "none")})


@layer("Clip")
def _relu6(node: Node, graph: Known) -> Layer | None:
    """min(max(x, 0), 6) is ReLU6; other limits are no layer."""
    limits = [
        float(graph.arrays[name].reshape(())) if (name := node.input(place)) in graph.arrays
        else node.attributes.get(attribute)
        for place, attribute in ((1, "min"), (2, "max"))
    ]  # fmt: skip
    return Layer("ReLU6") if limits == [0.0, 6.0] else None


@layer("Softmax", "LogSoftmax")
def _softmax(node: Node, graph: Known) -> Layer | None:
    if graph.version < 13 and graph.ranks.get(node.inputs[0]) != 2:
        return None
    otherwise = -1 if graph.version >= 13 else 1
    return Layer(node.kind, {"dim": node.attributes.get("axis", otherwise)})


@layer("Dropout")
def _dropout(node: Node, graph: Known) -> Layer | None:
    if len(node.outputs) > 1:
        return None
    ratio = graph.constant(node.input(1))
    given = node.attributes.get("ratio", 0.5) if ratio is None else float(ratio.reshape(()))
    return Layer("Dropout", {"p": round(given, 6)})


@layer("Flatten")
def _flatten(node: Node, graph: Known) -> Layer | None:
    return Layer("Flatten") if node.attributes.get("axis", 1) == 1 else None


# -- windows -------------------------------------------------------------------------------------
def _places(attributes: dict[str, Any], axes: int) -> dict[str, Any] | None:
    """Stride, padding and dilation of a window; None where the padding depends on the image."""
    if attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        return None
    pads = attributes.get("pads", [0] * (2 * axes))
    if attributes.get("auto_pad") == "VALID":
        pads = [0] * (2 * axes)
    sides = tuple(zip(pads[:axes], pads[axes:], strict=True))
    even = all(before == after for before, after in sides)
    return {
        "stride": tuple(attributes.get("strides", [1] * axes)),
        "padding": tuple(before for before, _ in sides) if even else sides,
        "dilation": tuple(attributes.get("dilations", [1] * axes)),
    }


@layer("Conv")
def _conv(node: Node, graph: Known) -> Layer | None:
    weight = graph.weight(node.input(1))
    bias = graph.weight(node.input(2))
    places = None if weight is None else _places(node.attributes, weight.ndim - 2)
    if weight is None or places is None or (node.input(2) and bias is None):
        return None
    if weight.ndim not in (3, 4):
        return None
    groups = node.attributes.get("group", 1)
    options = {
        "in_channels": weight.shape[1] * groups,
        "out_channels": weight.shape[0],
        "kernel_size": tuple(weight.shape[2:]),
        **places,
        "groups": groups,
        "bias": bias is not None,
    }
    return Layer(f"Conv{weight.ndim - 2}d", options, _both(weight, bias), node.input(1))


@layer("MaxPool")
def _max_pool(node: Node, graph: Known) -> Layer | None:
    kernel = tuple(node.attributes["kernel_shape"])
    places = _places(node.attributes, len(kernel))
    if places is None or len(node.outputs) > 1 or len(kernel) > 2:
        return None
    ceil = bool(node.attributes.get("ceil_mode", 0))
    return Layer(f"MaxPool{len(kernel)}d", {"kernel_size": kernel, **places, "ceil_mode": ceil})


@layer("AveragePool")
def _avg_pool(node: Node, graph: Known) -> Layer | None:
    kernel = tuple(node.attributes["kernel_shape"])
    places = _places(node.attributes, len(kernel))
    if places is None or len(kernel) > 2 or set(places.pop("dilation")) != {1}:
        return None
    places["ceil_mode"] = bool(node.attributes.get("ceil_mode", 0))
    places["count_include_pad"] = bool(node.attributes.get("count_include_pad", 0))
    return Layer(f"AvgPool{len(kernel)}d", {"kernel_size": kernel, **places})


@layer("GlobalAveragePool")
def _global_pool(node: Node, graph: Known) -> Layer | None:
    return Layer("AdaptiveAvgPool2d", {"output_size": 1}) if _rank(node, graph) == 4 else None


def _rank(node: Node, graph: Known) -> int | None:
    return graph.ranks.get(node.inputs[0])


# -- linear maps ---------------------------------------------------------------------------------
@layer("Gemm")
def _gemm(node: Node, graph: Known) -> Layer | None:
    weight, bias = graph.weight(node.input(1)), graph.weight(node.input(2))
    if weight is None or weight.ndim != 2 or node.attributes.get("transA"):
        return None
    if node.input(2) and bias is None:
        return None
    weight = weight if node.attributes.get("transB") else weight.T
    weight = np.float32(node.attributes.get("alpha", 1.0)) * weight
    if bias is not None:
        bias = np.float32(node.attributes.get("beta", 1.0)) * bias
        if bias.size not in (1, len(weight)):
            return None
        bias = np.broadcast_to(bias.reshape(-1), len(weight))
    return linear(weight, bias, node.input(1))


@layer("MatMul")
def _matmul(node: Node, graph: Known) -> Layer | None:
    weight = graph.weight(node.input(1))
    if weight is None or weight.ndim != 2:
        return None
    return linear(weight.T, None, node.input(1))


def linear(weight: Array, bias: Array | None, name: str) -> Layer:
    """y = x weight^T + bias."""
    options = {"in_features": weight.shape[1], "out_features": weight.shape[0]}
    return Layer("Linear", {**options, "bias": bias is not None}, _both(weight, bias), name)


# -- normalisation -------------------------------------------------------------------------------
@layer("BatchNormalization")
def _batch_norm(node: Node, graph: Known) -> Layer | None:
    arrays = [graph.weight(name) for name in node.inputs[1:5]]
    rank = _rank(node, graph)
    if any(array is None for array in arrays) or rank not in (2, 3, 4):
        return None
    weight, bias, mean, var = arrays
    assert weight is not None
    options = {
        "num_features": len(weight),
        "eps": node.attributes.get("epsilon", 1e-5),
        "momentum": round(1 - node.attributes.get("momentum", 0.9), 6),
    }
    found = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": var}
    name = "BatchNorm2d" if rank == 4 else "BatchNorm1d"
    return Layer(name, options, found, node.input(1))  # type: ignore[arg-type]


@layer("LayerNormalization")
def _layer_norm(node: Node, graph: Known) -> Layer | None:
    weight, bias = graph.weight(node.input(1)), graph.weight(node.input(2))
    if weight is None or (node.input(2) and bias is None) or len(node.outputs) > 1:
        return None
    if node.attributes.get("axis", -1) not in (
        -weight.ndim,
        (_rank(node, graph) or 0) - weight.ndim,
    ):
        return None
    options = {
        "normalized_shape": tuple(weight.shape),
        "eps": node.attributes.get("epsilon", 1e-5),
        "bias": bias is not None,
    }
    return Layer("LayerNorm", options, _both(weight, bias), node.input(1))


@layer("LRN")
def _lrn(node: Node, graph: Known) -> Layer | None:
    found = node.attributes
    if found["size"] % 2 == 0:
        return None
    options = {"alpha": found.get("alpha", 1e-4), "beta": found.get("beta", 0.75)}
    return Layer(
        "LocalResponseNorm", {"size": found["size"], **options, "k": found.get("bias", 1.0)}
    )


def _both(weight: Array, bias: Array | None) -> dict[str, Array]:
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
