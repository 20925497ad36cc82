"""A network as the text of a program: one line an operation, from a trace of what it computes."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from glassnet.errors import GlassnetError
from glassnet.export import layers
from glassnet.export.rules import RULES, unsupported
from glassnet.nn import Module
from glassnet.nn.trace import Batch, Constant, Graph, Input, Result, State, Step, trace
from glassnet.tape import Array

NAMES = ("x", "y", "z", "u", "v", "a", "b", "c", "d", "e", "f", "g", "h", "p", "q", "r", "s", "t")
INLINE = {"relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "silu", "gelu", "softplus"}
WIDTH = 100


class Program:
    """The function `network` as lines, the weights that it uses, the functions that it calls."""

    def __init__(self, net: Module, images: Array) -> None:
        self.state = {name: tensor.data for name, tensor in net.named_state()}
        self.graph = _folded(trace(net, images))
        self.images = images
        self.weights: dict[str, Array] = {}
        self.calls: set[str] = set()
        self._names: dict[tuple[int, int], str] = {}
        self._inlined: dict[int, str] = {}
        self._last = _last_uses(self.graph)
        self._uses = Counter(r.step for s in self.graph.steps for r in _results(s))
        self.lines = list(self._write())

    # -- the function, line by line ----------------------------------------------------------------
    def _write(self) -> Iterator[str]:
        group = None
        if any(_has_batch(step) for step in self.graph.steps):
            yield "    n = len(x)"
        for number, step in enumerate(self.graph.steps):
            if step.operation not in RULES:
                raise unsupported(step, f"the operation '{step.operation}' has no rule")
            expression = RULES[step.operation](step, self)
            if self._goes_into_the_next(number):
                self._inlined[number] = expression
                continue
            own = _block(step.layer)
            if group is not None and own != group and step.operation != "add":
                yield ""
            group = own
            yield self._statement(number, step, expression)
        yield f"    return {self.text(self.graph.output)}"

    def _goes_into_the_next(self, number: int) -> bool:
        """Whether the step's result is only wanted by an activation that stands next."""
        following = self.graph.steps[number + 1 : number + 2]
        return (
            bool(following)
            and following[0].operation in INLINE
            and following[0].arguments["x"] == Result(number, 0)
            and self._uses[number] == 1
        )

    def _statement(self, number: int, step: Step, expression: str) -> str:
        names = [self._name(number, index) for index in range(len(step.shapes))]
        shapes = ", ".join(_shape(shape) for shape in step.shapes[:1])
        line = f"    {', '.join(names)} = {expression}"
        return f"{line}  # {shapes}" if len(line) + len(shapes) < WIDTH else _wrapped(line, shapes)

    def _name(self, number: int, index: int) -> str:
        """The first name whose value nobody needs any more."""
        taken = {
            name
            for (step, out), name in self._names.items()
            if self._last.get((step, out), -1) > number or step == number
        }
        if self._last.get(None, -1) > number:
            taken.add("x")  # the images
        free = next((name for name in NAMES if name not in taken), None)
        if free is None:
            raise GlassnetError("too many values are alive at once to give each a name")
        self._names[number, index] = free
        return free

    # -- what rules ask of a Writer ----------------------------------------------------------------
    def text(self, value: Any) -> str:
        """The Python expression for an argument."""
        if isinstance(value, Input):
            return "x"
        if isinstance(value, Result):
            inlined = self._inlined.get(value.step)
            return inlined if inlined is not None else self._names[value.step, value.index]
        if isinstance(value, State):
            self.weights[value.name] = self.state[value.name]
            return f'W["{value.name}"]'
        if isinstance(value, Constant):
            return self._constant(value.array)
        return repr(value)

    def _constant(self, array: Array) -> str:
        if array.size == 1 and array.ndim == 0:
            return repr(array.item())
        known = (k for k, v in self.weights.items() if v is array)
        name = next(known, f"constant{sum(k.startswith('constant') for k in self.weights)}")
        self.weights[name] = array
        return f'W["{name}"]'

    def array(self, value: Any) -> Array:
        """The array that an argument is, where it is a weight or a constant."""
        if isinstance(value, State):
            return self.state[value.name]
        if isinstance(value, Constant):
            return value.array
        raise GlassnetError("weights that the network computes itself cannot be written down")

    def keep(self, step: Step, argument: str, **arrays: Array | None) -> str:
        """Put arrays into the table of weights, under the name of the layer; that name."""
        owner = step.arguments[argument]
        name = owner.name if isinstance(owner, State) else f"{step.layer or 'layer'}"
        name = re.sub(r"[._](weight|running_mean)$", "", name)
        for kind, array in arrays.items():
            if array is not None:
                self.weights[f"{name}.{kind}"] = np.ascontiguousarray(array, np.float32)
        return name

    def shape(self, value: Any) -> tuple[int, ...]:
        """The shape of an argument, with 1 for the number of images."""
        if isinstance(value, Input):
            return (1, *self.images.shape[1:])
        if isinstance(value, Result):
            shape = self.graph.steps[value.step].shapes[value.index]
            return tuple(1 if isinstance(size, Batch) else size for size in shape)
        return self.array(value).shape

    def call(self, function: str) -> str:
        """Note that the program needs a function of `layers`; its name."""
        self.calls.add(function)
        return function


# -- the graph -------------------------------------------------------------------------------------
def _folded(graph: Graph) -> Graph:
    """The graph with batch normalisation multiplied into the convolutions before it.

    y = (w x + b) scale + shift = (w scale) x + (b scale + shift): one layer in place of two.
    """
    uses = Counter(r.step for step in graph.steps for r in _results(step))
    steps: list[Step] = []
    moved: dict[int, int] = {}  # number of a step -> its number afterwards
    for number, step in enumerate(graph.steps):
        before = step.arguments.get("x")
        if step.operation == "batch_norm_eval" and isinstance(before, Result):
            conv = graph.steps[before.step]
            if conv.operation == "conv2d" and uses[before.step] == 1:
                place = moved[before.step]
                steps[place] = _with_norm(steps[place], step)
                moved[number] = place
                continue
        moved[number] = len(steps)
        steps.append(step)
    renamed = [_renumbered(step, moved) for step in steps]
    return Graph(renamed, _move(graph.output, moved))


def _with_norm(conv: Step, norm: Step) -> Step:
    """The convolution, with the step that normalised its output among its arguments."""
    return Step("conv2d", conv.arguments | {"norm": norm}, norm.shapes, conv.layer)


def _renumbered(step: Step, moved: Mapping[int, int]) -> Step:
    arguments = {name: _move(value, moved) for name, value in step.arguments.items()}
    return Step(step.operation, arguments, step.shapes, step.layer)


def _move(value: Any, moved: Mapping[int, int]) -> Any:
    if isinstance(value, Result):
        return Result(moved[value.step], value.index)
    if isinstance(value, tuple):
        return tuple(_move(v, moved) for v in value)
    return value


def _results(step: Step) -> Iterator[Result]:
    """The results of other steps that a step uses."""
    for value in step.arguments.values():
        parts = value if isinstance(value, tuple) else (value,)
        yield from (part for part in parts if isinstance(part, Result))


def _last_uses(graph: Graph) -> dict[Any, int]:
    """(step, output) -> the number of the last step that uses it; None for the images."""
    last: dict[Any, int] = {}
    for number, step in enumerate(graph.steps):
        for result in _results(step):
            last[result.step, result.index] = number
        if any(isinstance(value, Input) for value in step.arguments.values()):
            last[None] = number
    if isinstance(graph.output, Result):
        last[graph.output.step, graph.output.index] = len(graph.steps)
    return last


def _has_batch(step: Step) -> bool:
    return step.operation in ("reshape", "expand") and any(
        isinstance(size, Batch) for size in step.shapes[0]
    )


def _block(layer: str) -> str:
    """The block that a layer belongs to: "blocks.1.0.conv_dw" -> "blocks.1.0"."""
    return layer.rpartition(".")[0]


def _shape(shape: Sequence[Any]) -> str:
    sizes = ["N" if isinstance(size, Batch) else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _wrapped(line: str, shape: str) -> str:
    """A line that is too long, its shape above it."""
    return f"    # {shape}\n{line}"


# -- the functions ---------------------------------------------------------------------------------
@cache
def _sources() -> dict[str, tuple[str, set[str]]]:
    """name -> (source, the names that it uses) of every function of `layers`, in their order."""
    text = inspect.getsource(layers)
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            found[node.name] = (ast.get_source_segment(text, node) or "", used)
    return found


def functions(calls: set[str]) -> list[str]:
    """Sources of these functions and of what they call themselves, in a fixed order."""
    sources, needed, more = _sources(), set[str](), set(calls)
    while more:
        needed |= more
        more = {n for name in needed for n in sources[name][1] if n in sources} - needed
    return [text for name, (text, _) in sources.items() if name in needed]
