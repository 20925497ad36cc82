"""The network that an ONNX file describes: layers of glassnet, wired as the file's graph says.

What has weights or a name in `nn` is a layer, so that it trains, freezes, is hooked and counted as
any other; the rest runs through `operators.py`. The plan is plain data: a run that was trained from
an ONNX file is a checkpoint like any other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import nn
from glassnet.errors import CheckpointError
from glassnet.io.onnx.operators import OPERATORS, Call
from glassnet.io.onnx.values import Value
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
        self._last_use = _last_uses(plan)

    def forward(self, x: Tensor) -> Any:
        values: dict[str, Any] = {**self._known, self.plan["input"]: x}
        for name, path in self.plan["values"].items():
            owner, last = _owner(self, path)
            values[name] = getattr(owner, last)
        for number, step in enumerate(self.plan["steps"]):
            outputs = self._run(step, [values[n] if n else None for n in step["inputs"]])
            values.update(zip(step["outputs"], outputs, strict=False))
            for name in self._last_use.get(number, ()):
                values.pop(name, None)  # activations that nobody needs any more
        outputs = tuple(values[name] for name in self.plan["outputs"])
        return outputs[0] if len(outputs) == 1 else outputs

    def _run(self, step: dict[str, Any], inputs: list[Any]) -> tuple[Value, ...]:
        if step["layer"] is not None:
            return (self.get_submodule(step["layer"])(inputs[0]),)
        plan = self.plan
        found = OPERATORS[step["kind"]](
            Call(inputs, step["attributes"], plan["version"], plan["batch"])
        )
        return found if isinstance(found, tuple) else (found,)


def _last_uses(plan: Plan) -> dict[int, list[str]]:
    """Step -> the values that no later step and no output needs."""
    made = {name for step in plan["steps"] for name in step["outputs"]}
    last: dict[str, int] = {}
    for number, step in enumerate(plan["steps"]):
        for name in (*step["outputs"], *step["inputs"]):
            if name in made:
                last[name] = number
    uses: dict[int, list[str]] = {}
    for name, number in last.items():
        if name not in plan["outputs"]:
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
