"""A network from an ONNX file.

The file is bytes from a stranger. It may hold a graph of the operators in `operators.py` and
arrays, and nothing else: no data in other files, no functions or loops of its own, no operators of
other makers; what it declares is held against what it has before memory is reserved.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.data.preprocess import Preprocessing
from glassnet.errors import CheckpointError, DataError, require
from glassnet.io.onnx.layers import LAYERS, Known, Layer, Node, linear
from glassnet.io.onnx.net import OnnxNet, Plan
from glassnet.io.onnx.operators import OPERATORS
from glassnet.nn.module import Module
from glassnet.tape import Array

MAX_BYTES = 2**31 - 1  # what the format itself allows
VERSIONS = range(7, 29)  # of the operator set; before 7, broadcasting was another
MAX_LISTED = 4096  # whole numbers that a plan may hold as a constant
FOLDED = ("Identity", "Transpose")  # of a weight: done once, when it is read


def load_onnx(path: str | os.PathLike[str]) -> OnnxNet:
    """The network in an ONNX file, in eval mode, with its weights; it trains like any other.

    Layers are called after the file's weights. Where the file's metadata have them (`save_onnx`
    writes them), `.preprocessing` and `.classes` are set. Raises CheckpointError where the file is
    missing, damaged, too large, refers to other files, or holds an operator that is not known.
    """
    onnx = require("onnx", "onnx")
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: there is no such file; check the path")
    if Path(path).stat().st_size > MAX_BYTES:
        raise CheckpointError(f"{path}: larger than an ONNX file can be (2 GiB)")
    try:
        model = _parsed(onnx, Path(path).read_bytes())
        plan, arrays = _Reader(onnx, model).plan()
        net = OnnxNet(plan)
        net.load_state_dict(arrays)
        _attach(net, model)
    except (CheckpointError, DataError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a graph that makes sense ({error})") from error
    return net.eval()


def _parsed(onnx: Any, content: bytes) -> Any:
    """The model, held against what is allowed and against the format's own rules."""
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise CheckpointError(f"not an ONNX file, cut short or damaged ({error})") from error
    if not model.graph.node:
        raise CheckpointError("not an ONNX file: it holds no graph")
    _refuse(onnx, model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise CheckpointError(f"it breaks the format's rules: {error}") from error
    return model


def _refuse(onnx: Any, model: Any) -> None:
    """Raise CheckpointError for what a graph of an image classifier does not need."""
    attributes = [a for node in model.graph.node for a in node.attribute]
    tensors = [*model.graph.initializer, *(a.t for a in attributes if a.HasField("t"))]
    if any(t.data_location == onnx.TensorProto.EXTERNAL or t.external_data for t in tensors):
        raise CheckpointError(
            "its weights lie in another file, which is not opened; save the model in one file "
            "(onnx.save_model(..., save_as_external_data=False))"
        )
    if model.functions or model.graph.sparse_initializer or model.training_info:
        raise CheckpointError("it has functions, sparse weights or training steps of its own")
    for tensor in tensors:
        _check_size(onnx, tensor)
    unknown = Counter(
        f"{n.domain}.{n.op_type}" if n.domain not in ("", "ai.onnx") else n.op_type
        for n in model.graph.node
        if n.domain not in ("", "ai.onnx") or n.op_type not in (*OPERATORS, *LAYERS, "Constant")
    )
    if unknown:
        listed = ", ".join(f"{name} ({count} times)" for name, count in unknown.items())
        raise CheckpointError(f"operators that are not known here: {listed}")


def _check_size(onnx: Any, tensor: Any) -> None:
    """Hold the declared sizes of an array against the bytes that are there."""
    count = 1
    for length in tensor.dims:
        if length < 0:
            raise CheckpointError(f"array '{tensor.name}' has the size {list(tensor.dims)}")
        count *= length
    if count > MAX_BYTES or (tensor.raw_data and count > 8 * len(tensor.raw_data)):
        raise CheckpointError(
            f"array '{tensor.name}' declares {count:,} numbers, {len(tensor.raw_data):,} bytes "
            "are there"
        )


def _attach(net: Module, model: Any) -> None:
    """Preprocessing and class names, where the metadata have them."""
    notes = {entry.key: entry.value for entry in model.metadata_props}
    if "preprocessing" in notes:
        shown = Preprocessing.from_dict(json.loads(notes["preprocessing"]))
        vars(net)["preprocessing"] = shown
    if "classes" in notes:
        vars(net)["classes"] = [str(name) for name in json.loads(notes["classes"])]


class _Reader:
    """Turns a model into the plan of an OnnxNet and its arrays."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self.onnx, self.model = onnx, model
        versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
        if len(versions) != 1 or versions[0] not in VERSIONS:
            raise CheckpointError(
                f"operator set {versions}; {VERSIONS[0]} to {VERSIONS[-1]} are read"
            )
        self.known = Known(versions[0])
        self.nodes: list[Node] = []
        self.alias: dict[str, str] = {}  # a value that is another one
        self.layers: dict[str, Layer] = {}
        self.steps: list[dict[str, Any]] = []
        self._read()

    def _read(self) -> None:
        """Arrays, nodes in plain data, ranks, and how often each value is taken."""
        to_array = self.onnx.numpy_helper.to_array
        for tensor in self.model.graph.initializer:
            self._keep(tensor.name, to_array(tensor), tensor.name)
        for proto in self.model.graph.node:
            node = self._node(proto)
            if node.kind == "Constant":
                self._keep(node.outputs[0], np.asarray(node.attributes["value"]), "")
            elif node.kind in FOLDED and node.inputs[0] in self.known.arrays:
                self._fold(node)
            else:
                self.nodes.append(node)
        self.known.uses = Counter(name for node in self.nodes for name in node.inputs)
        self.known.ranks = self._ranks()

    def _keep(self, name: str, array: Array, origin: str) -> None:
        kind = array.dtype
        floating = kind.kind == "f" or kind.name == "bfloat16"
        self.known.arrays[name] = array.astype(np.float32, copy=False) if floating else array
        self.known.origin[name] = origin

    def _fold(self, node: Node) -> None:
        """What a node makes of a weight alone is a weight.

        PyTorch writes equal weights once and the others as Identity, under their own names.
        """
        source = node.inputs[0]
        array, origin = self.known.arrays[source], self.known.origin[source]
        if node.kind == "Transpose":
            array = array.transpose(node.attributes.get("perm", range(array.ndim)[::-1]))
        elif origin:
            origin = node.outputs[0]
        self._keep(node.outputs[0], array, origin)

    def _node(self, proto: Any) -> Node:
        found = {a.name: self._attribute(a) for a in proto.attribute}
        if proto.op_type == "Constant":
            found = {"value": next(iter(found.values()))}
        elif proto.op_type == "Cast":
            kind = self.onnx.helper.tensor_dtype_to_np_dtype(found["to"])
            floating = kind.kind == "f" or kind.name == "bfloat16"
            found["to"] = "float32" if floating else kind.name
        elif proto.op_type == "ConstantOfShape" and "value" in found:
            found["value"] = np.asarray(found["value"]).reshape(-1)[0].item()
        return Node(proto.op_type, list(proto.input), list(proto.output), found, proto.name)

    def _attribute(self, attribute: Any) -> Any:
        value = self.onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, self.onnx.TensorProto):
            return self.onnx.numpy_helper.to_array(value)
        if isinstance(value, int | float):
            return value
        return list(value)

    def _ranks(self) -> dict[str, int]:
        """Numbers of axes, as far as ONNX's own inference sees them."""
        inferred = self.onnx.shape_inference.infer_shapes(self.model).graph
        values = (*inferred.value_info, *inferred.input, *inferred.output)
        return {
            value.name: len(value.type.tensor_type.shape.dim)
            for value in values
            if value.type.tensor_type.HasField("shape")
        }

    # -- the plan --------------------------------------------------------------------------------
    def plan(self) -> tuple[Plan, dict[str, Array]]:
        """The plan, and the arrays of its layers, parameters and buffers by path."""
        graph = self.model.graph
        images = [i for i in graph.input if i.name not in self.known.arrays]
        if len(images) != 1:
            raise CheckpointError(
                f"it takes {len(images)} inputs, one batch of images was expected"
            )
        skip: set[int] = set()
        for place, node in enumerate(self.nodes):
            if place not in skip:
                skip |= self._step(place, node)
        plan: Plan = {
            "input": images[0].name,
            "outputs": [self._name(output.name) for output in graph.output],
            "version": self.known.version,
            "batch": _batch(images[0]),
            "layers": {p: {"class": d.kind, "options": d.options} for p, d in self.layers.items()},
            "parameters": {}, "buffers": {}, "constants": {}, "values": {},
            "steps": self.steps,
        }  # fmt: skip
        arrays = {
            f"{path}.{name}": array
            for path, made in self.layers.items()
            for name, array in made.arrays.items()
        }
        self._loose(plan, arrays)
        self._check_order(plan)
        return plan, arrays

    def _step(self, place: int, node: Node) -> set[int]:
        """Add the step of a node; returns the places of nodes that it took along."""
        if node.kind == "Identity":
            self.alias[node.outputs[0]] = self._name(node.inputs[0])
            return set()
        made = LAYERS[node.kind](node, self.known) if node.kind in LAYERS else None
        if made is None:
            self._add(node, None, node.inputs, node.outputs)
            return set()
        taken, outputs = set(), node.outputs[:1]
        if made.kind == "Linear" and not made.options["bias"]:
            following = self._bias_after(node)
            if following is not None:
                at, bias = following
                made = linear(made.arrays["weight"], self.known.arrays[bias], bias)
                taken, outputs = {at}, self.nodes[at].outputs
        self._add(node, self._path(made, node), node.inputs[:1], outputs, made)
        return taken

    def _bias_after(self, node: Node) -> tuple[int, str] | None:
        """Where a product is only added to one vector: the place of that node, and the vector."""
        product = node.outputs[0]
        if self.known.uses[product] != 1 or self._is_output(product):
            return None
        at = next(i for i, n in enumerate(self.nodes) if product in n.inputs)
        other = self.nodes[at]
        names = [name for name in other.inputs if name != product]
        if other.kind != "Add" or len(names) != 1:
            return None
        bias, width = self.known.weight(names[0]), self.known.arrays[node.inputs[1]].shape[1]
        return (at, names[0]) if bias is not None and bias.shape == (width,) else None

    def _is_output(self, name: str) -> bool:
        return any(output.name == name for output in self.model.graph.output)

    def _add(
        self, node: Node, path: str | None, inputs: list[str], outputs: list[str],
        made: Layer | None = None,
    ) -> None:  # fmt: skip
        if made is not None and path is not None:
            self.layers[path] = made
        attributes = {} if made is not None else {**node.attributes, "kind": node.kind}
        if node.kind == "Split":
            attributes["outputs"] = len(outputs)
        self.steps.append(
            {
                "kind": node.kind,
                "layer": path,
                "inputs": [self._name(name) for name in inputs],
                "outputs": outputs,
                "attributes": attributes,
            }
        )

    def _name(self, name: str) -> str:
        return self.alias.get(name, name)

    def _path(self, made: Layer, node: Node) -> str:
        """What a layer is called: as in the file before '.weight', else by kind and number."""
        origin = self.known.origin.get(made.weight, "")
        stem, _, last = origin.rpartition(".")
        if made.weight and last not in ("weight", "bias"):  # a weight that has lost its name
            stem = _scope(node.name)
        path = _path(stem) if stem else ""
        if not path or self._taken(path):
            path = f"{made.kind.lower()}_{len(self.layers)}"
        return path

    def _taken(self, path: str) -> bool:
        """Whether a layer stands there, inside it or around it."""
        return any(
            path == p or path.startswith(f"{p}.") or p.startswith(f"{path}.") for p in self.layers
        )

    def _loose(self, plan: Plan, arrays: dict[str, Array]) -> None:
        """Arrays that no layer owns: weights of the file train, other numbers are constants."""
        needed = {name for step in self.steps for name in step["inputs"]} | set(plan["outputs"])
        for name in sorted(needed & set(self.known.arrays)):
            array = self.known.arrays[name]
            if array.dtype.kind != "f":
                plan["constants"][name] = _listed(name, array)
                continue
            origin = self.known.origin[name]
            trains = bool(origin) and array.size > 1
            path = _path(origin) if trains else f"constant_{len(plan['values'])}"
            if self._taken(path) or path in plan["parameters"]:
                path = f"weight_{len(plan['values'])}"
            plan["parameters" if trains else "buffers"][path] = list(array.shape)
            plan["values"][name], arrays[path] = path, array

    def _check_order(self, plan: Plan) -> None:
        """Every value is there before it is taken. Raises CheckpointError otherwise."""
        there = {"", plan["input"], *plan["values"], *plan["constants"]}
        for step in plan["steps"]:
            missing = set(step["inputs"]) - there
            if missing:
                raise CheckpointError(
                    f"{step['kind']} takes {', '.join(missing)}, which is not there"
                )
            there |= set(step["outputs"])
        if not set(plan["outputs"]) <= there:
            raise CheckpointError("its outputs are computed by no node")


def _listed(name: str, array: Array) -> dict[str, Any]:
    if array.size > MAX_LISTED or array.dtype.kind not in "iub":
        raise CheckpointError(f"constant '{name}' of {array.shape} {array.dtype} is not supported")
    return {"numbers": array.reshape(-1).tolist(), "dtype": array.dtype.name,
            "shape": list(array.shape)}  # fmt: skip


def _batch(images: Any) -> int | None:
    """The number of images that a file was written for, None where it is open."""
    sizes = images.type.tensor_type.shape.dim
    return int(sizes[0].dim_value) if sizes and sizes[0].HasField("dim_value") else None


def _scope(name: str) -> str:
    """PyTorch names a node '/layer1/layer1.0/conv1/Conv': the layer is layer1.0.conv1."""
    path = ""
    for part in name.strip("/").split("/")[:-1]:
        path = part if not path or part.startswith(f"{path}.") else f"{path}.{part}"
    return path


def _path(name: str) -> str:
    """A name of the file as a path of layers; parts that Module has for itself get a '_'."""
    parts = [part for part in name.strip("/.").replace("/", ".").split(".") if part]
    return ".".join(f"{part}_" if hasattr(Module, part) else part for part in parts)
