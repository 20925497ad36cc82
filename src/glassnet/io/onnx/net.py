"""The network that an ONNX file describes: layers of glassnet, wired as the file's graph says.

What has weights or a name in `nn` is a layer, so that it trains, freezes, is hooked and counted as
any other, and layers in a row compute together where `nn/chain.py` can; the rest runs through
`operators`. The plan is plain data: a run that was trained from an ONNX file is a checkpoint like
any other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glassnet import nn
from glassnet.errors import CheckpointError
from glassnet.io.onnx.operators import OPERATORS, Call
from glassnet.io.onnx.values import Value, tensor
from glassnet.nn.chain import chain
from glassnet.nn.module import Module, Parameter
from glassnet.tensor import Tensor

Plan = dict[str, Any]


class Group(Module):
    """Holds layers and parameters under the names that the file has for them; computes nothing."""


class OnnxNet(Module):
    """y = the graph of `plan`; x (N, ...) -> its output, or a tuple of several.

    plan  input, outputs   names of values
          version, batch   of the operator set; the fixed number of images, or None
          layers           path -> {"class", "options"}, of `glassnet.nn`
          parameters       path -> shape; buffers: path -> shape; constants: name -> whole numbers
          values           name of a value -> path of the parameter or buffer that it is
          steps            {"kind", "layer" (a path or None), "inputs", "outputs", "attributes"}
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        for path, layer in plan["layers"].items():
            _put(self, path, getattr(nn, layer["class"])(**layer["options"]))
        for path, shape in plan["parameters"].items():
            _put(self, path, Parameter(np.zeros(tuple(shape), np.float32)))
        for path, shape in plan["buffers"].items():
            owner, name = _owner(self, path)
            owner.register_buffer(name, np.zeros(tuple(shape), np.float32))
        self._known = {
            name: np.array(c["numbers"], c["dtype"]).reshape(tuple(c["shape"]))
            for name, c in plan["constants"].items()
        }
        self._parts = _parts(plan)
        self._last_use = _last_uses(self._parts, plan["outputs"])

    def forward(self, x: Tensor) -> Any:
        values: dict[str, Any] = {**self._known, self.plan["input"]: x}
        for name, path in self.plan["values"].items():
            owner, last = _owner(self, path)
            values[name] = getattr(owner, last)
        for number, part in enumerate(self._parts):
            inputs = [values[name] if name else None for name in part.inputs]
            values.update(zip(part.outputs, self._run(part, inputs), strict=False))
            for name in self._last_use.get(number, ()):
                values.pop(name, None)  # activations that nobody needs any more
        outputs = tuple(values[name] for name in self.plan["outputs"])
        return outputs[0] if len(outputs) == 1 else outputs

    def _run(self, part: Part, inputs: list[Any]) -> tuple[Value, ...]:
        if part.layers:
            layers = map(self.get_submodule, part.layers)
            return (chain(inputs[0], *layers, add=tensor(inputs[1]) if inputs[1:] else None),)
        plan = self.plan
        call = Call(inputs, part.attributes, plan["version"], plan["batch"])
        found = OPERATORS[part.kind](call)
        return found if isinstance(found, tuple) else (found,)


@dataclass
class Part:
    """What runs as one: an operator, or layers in a row that `chain` may compute together.

    Of a row, the second input, where there is one, is added to what its last layer is shown.
    """

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    layers: list[str]


def _parts(plan: Plan) -> list[Part]:
    """The steps, with layers that follow each other put into rows."""
    uses = Counter(name for step in plan["steps"] for name in step["inputs"])
    uses.update(plan["outputs"])
    parts: list[Part] = []
    for step in plan["steps"]:
        layers = [step["layer"]] if step["layer"] else []
        part = Part(step["kind"], step["inputs"], step["outputs"], step["attributes"], layers)
        if layers and _continues(parts, part.inputs[0], uses):
            parts[-1].layers += layers
            parts[-1].outputs = part.outputs
        elif layers and part.kind == "Relu" and _adds_to_row(parts, part, uses):
            other = next(n for n in parts[-1].inputs if n != parts[-2].outputs[0])
            row = parts[-2]
            parts[-2:] = [replace(row, inputs=[row.inputs[0], other], outputs=part.outputs,
                                  layers=row.layers + layers)]  # fmt: skip
        else:
            parts.append(part)
    return parts


def _continues(parts: list[Part], value: str, uses: Counter[str]) -> bool:
    """Whether the last part is a row without an addition that alone makes this value."""
    last = parts[-1] if parts else None
    if last is None or not last.layers or len(last.inputs) > 1:
        return False
    return last.outputs == [value] and uses[value] == 1


def _adds_to_row(parts: list[Part], part: Part, uses: Counter[str]) -> bool:
    """Whether the last part is an addition to the row before it, and both are for `part` alone."""
    if len(parts) < 2 or parts[-1].kind != "Add" or parts[-1].outputs != part.inputs:
        return False
    made = parts[-2].outputs[0]
    alone = uses[part.inputs[0]] == 1 and made in parts[-1].inputs
    return alone and parts[-1].inputs.count(made) == 1 and _continues(parts[:-1], made, uses)


def _last_uses(parts: list[Part], outputs: list[str]) -> dict[int, list[str]]:
    """Part -> the values that no later part and no output needs."""
    made = {name for part in parts for name in part.outputs}
    last: dict[str, int] = {}
    for number, part in enumerate(parts):
        for name in (*part.outputs, *part.inputs):
            if name in made:
                last[name] = number
    uses: dict[int, list[str]] = {}
    for name, number in last.items():
        if name not in outputs:
            uses.setdefault(number, []).append(name)
    return uses


def _owner(net: Module, path: str) -> tuple[Module, str]:
    """The module that holds the last part of a dotted path, made where it is not there."""
    *parents, name = path.split(".")
    for part in parents:
        inner = vars(net).get(part)
        if inner is None:
            inner = Group()
            setattr(net, part, inner)
        if not isinstance(inner, Module):
            raise CheckpointError(f"'{path}' lies inside '{part}', which is no layer")
        net = inner
    return net, name


def _put(net: Module, path: str, thing: Module | Parameter) -> None:
    owner, name = _owner(net, path)
    if name in vars(owner):
        raise CheckpointError(f"'{path}' is there twice")
    setattr(owner, name, thing)
