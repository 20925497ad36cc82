"""An ONNX graph under construction: nodes, arrays and names, for `rules.py` to add to.

N batch, known by its name only: whatever depends on it is computed from the shape of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.errors import GlassnetError, require
from glassnet.nn.trace import Batch, Constant, Input, Result, State, Step
from glassnet.tape import Array

Shape = tuple[Any, ...]  # whole numbers, and Batch() for N
IMAGES, LOGITS = "images", "logits"


class Builder:
    """Collects what a graph consists of.

    state   name -> array of the network's parameters and buffers
    shape   of the images, (2, C, H, W)
    """

    def __init__(self, state: dict[str, Array], shape: tuple[int, ...]) -> None:
        self.onnx = require("onnx", "onnx")
        self.state, self.image_shape = state, shape
        self.input = IMAGES  # the value that stands for the images as the network is shown them
        self.nodes: list[Any] = []
        self.arrays: dict[str, Array] = {}  # the network's, by name: initialisers
        self.constants: dict[str, Array] = {}  # the graph's own, which do not train: Constant nodes
        self.names: dict[tuple[int, int], str] = {}  # (step, output) -> value
        self.shapes: dict[tuple[int, int], Shape] = {}
        self.layer = ""

    def begin(self, step: Step) -> None:
        """What is added from here on belongs to this step."""
        self.layer = step.layer

    def end(self, number: int, step: Step, values: Sequence[str]) -> None:
        """The step's outputs are these values."""
        for index, (value, shape) in enumerate(zip(values, step.shapes, strict=True)):
            self.names[number, index], self.shapes[number, index] = value, shape

    # -- adding ----------------------------------------------------------------------------------
    def node(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name. Inputs as for `value`; "" none."""
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def nodes_of(
        self, kind: str, inputs: Sequence[Any], outputs: int, **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs; returns their names."""
        number = len(self.nodes)
        made = [f"{self.layer or 'net'}/{kind}_{number}{'_' * i}" for i in range(outputs)]
        names = [self.value(value) for value in inputs]
        while names and not names[-1]:
            names.pop()  # optional inputs at the end are left away
        node = self.onnx.helper.make_node(kind, names, made, name=made[0], **attributes)
        self.nodes.append(node)
        return made

    def array(self, array: Any, dtype: Any = None) -> str:
        """Add an array of the graph's own; returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.array(array, dtype)
        return name

    def integers(self, *values: int) -> str:
        """Whole numbers as an array, as axes and sizes are given."""
        return self.array(values, np.int64)

    # -- looking up ------------------------------------------------------------------------------
    def value(self, reference: Any) -> str:
        """The name of what a step's argument refers to; a name as it is, numbers as constants."""
        if reference is None:
            return ""
        if isinstance(reference, str):
            return reference
        if isinstance(reference, Input):
            return self.input
        if isinstance(reference, Result):
            return self.names[reference.step, reference.index]
        if isinstance(reference, State):
            self.arrays[reference.name] = _single(self.state[reference.name])
            return reference.name
        if isinstance(reference, Constant):
            return self.array(_single(reference.array))
        return self.array(reference, np.float32)

    def shape(self, reference: Any) -> Shape:
        """The shape of what an argument refers to, with Batch() for N."""
        if isinstance(reference, Input):
            return (Batch(), *self.image_shape[1:])
        if isinstance(reference, Result):
            return self.shapes[reference.step, reference.index]
        if isinstance(reference, State):
            return self.state[reference.name].shape
        array = reference.array if isinstance(reference, Constant) else np.asarray(reference)
        return array.shape

    def sizes(self, shape: Shape) -> str:
        """A shape as a value: constant, or with N taken from the images."""
        if Batch() not in shape:
            return self.integers(*shape)
        batch = self.node("Shape", IMAGES, start=0, end=1)
        parts, run = [], list[int]()
        for length in (*shape, None):
            if isinstance(length, int):
                run.append(length)
                continue
            if run:
                parts.append(self.integers(*run))
                run = []
            if length is not None:
                parts.append(batch)
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)

    def unsupported(self, step: Step, why: str = "") -> GlassnetError:
        """The error for a step that cannot be written, naming the layer."""
        return GlassnetError(
            f"the operation '{step.operation}' in layer '{step.layer}' cannot be written as ONNX"
            f"{': ' + why if why else ''}; leave it out, or save the weights as safetensors"
        )


def _single(array: Array) -> Array:
    """Floating-point numbers in single precision, C order; others as they are."""
    return np.array(array, np.float32 if array.dtype.kind == "f" else None, order="C")
