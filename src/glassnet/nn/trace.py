"""trace(): what a network computes, as a list of the operations that ran and what went into each.

The network is run on two batches, of one image and of two, in evaluation mode and part by part
(fused operations run their parts). Numbers that differ between the two are the batch size; the
rest is the network. What Python decides on the way (`if`, loops) is not in the list: it holds the
path that these images took, which is why whoever writes a program from it compares the two.

N batch.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.errors import GlassnetError
from glassnet.nn.module import Module, evaluating
from glassnet.operation import WATCHER, Operation
from glassnet.tape import Array
from glassnet.tensor import Tensor


@dataclass(frozen=True)
class Input:
    """The images that the network is shown."""


@dataclass(frozen=True)
class State:
    """A parameter or buffer, by its name in the state_dict."""

    name: str


@dataclass(frozen=True)
class Result:
    """What a step computed: the number of the step, and which of its outputs."""

    step: int
    index: int


class Constant:
    """An array that the network made itself, the same for every image."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and np.array_equal(self.array, other.array)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Constant(array of {self.array.shape})"


@dataclass(frozen=True)
class Batch:
    """Stands for the number N of images, wherever it occurs among arguments and shapes."""


@dataclass(frozen=True)
class Step:
    """One operation that ran.

    operation  its name, as in `glassnet.ops`
    arguments  by the names of its page's parameters, those left out too: Input, State, Result and
               Constant for arrays, plain values for options; several arrays are a tuple
    shapes     of its outputs
    layer      dotted name of the layer that ran it, "" for the network itself
    """

    operation: str
    arguments: dict[str, Any]
    shapes: tuple[tuple[int | Batch, ...], ...]
    layer: str


@dataclass(frozen=True)
class Graph:
    """steps in the order in which they ran; output is what the network answered."""

    steps: list[Step]
    output: Any


def trace(net: Module, images: Array) -> Graph:
    """The operations of `net` on images float32 (2, ...), as a graph that holds for any N.

    Raises GlassnetError for a network whose operations depend on how many images it is shown, and
    for one whose answer no operation made.
    """
    first, second = (_run(net, images[:count]) for count in (1, 2))
    if len(first.steps) != len(second.steps):
        raise GlassnetError(
            f"the network runs {len(first.steps)} operations for one image and "
            f"{len(second.steps)} for two; what depends on the number of images cannot be written "
            f"down as one program"
        )
    return Graph([_joined(a, b) for a, b in zip(first.steps, second.steps, strict=True)],
                 second.output)  # fmt: skip


def _joined(one: Step, two: Step) -> Step:
    """A step of both runs, with `Batch()` where they differ as one and two do."""
    return Step(
        two.operation,
        {name: _merge(one.arguments[name], value) for name, value in two.arguments.items()},
        _merge(one.shapes, two.shapes),
        two.layer,
    )


def _merge(one: Any, two: Any) -> Any:
    if type(one) is int and type(two) is int and (one, two) == (1, 2):
        return Batch()
    if type(one) is type(two) and type(two) in (tuple, list) and len(one) == len(two):
        return type(two)(_merge(a, b) for a, b in zip(one, two, strict=True))
    return two


def _run(net: Module, images: Array) -> Graph:
    recorder = _Recorder(net, Tensor(images))
    with evaluating(net), recorder.watching():
        output = net(recorder.input)
    if id(output) not in recorder.known:
        raise GlassnetError(
            f"the answer of {type(net).__name__} is not what an operation of glassnet made of "
            f"images; it is a {type(output).__name__}"
        )
    return Graph(recorder.steps, recorder.known[id(output)])


class _Recorder:
    """Notes every operation that runs, and knows each array by where it came from."""

    def __init__(self, net: Module, images: Tensor) -> None:
        self.net, self.input, self.steps = net, images, list[Step]()
        self.layers: list[str] = [""]
        self.kept: list[Any] = []  # holds what `known` knows by its id
        self.known: dict[int, Any] = {id(images): Input(), id(images.data): Input()}
        for name, tensor in net.named_state():
            self.known |= {id(tensor): State(name), id(tensor.data): State(name)}
            self.kept += [tensor, tensor.data]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record within the block; a hook on every layer says where we are."""
        removals = [hook for name, m in self.net.named_modules() for hook in self._place(name, m)]
        token = WATCHER.set(self.note)
        try:
            yield
        finally:
            WATCHER.reset(token)
            for remove in removals:
                remove()

    def _place(self, name: str, module: Module) -> Iterator[Any]:
        yield module.register_forward_pre_hook(lambda module, args: self.layers.append(name))
        yield module.register_forward_hook(lambda module, args, output: self._leave())

    def _leave(self) -> None:
        self.layers.pop()

    def note(
        self, operation: Operation, args: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> None:
        """One operation that ran."""
        bound = inspect.signature(operation.page[0]).bind(*args, **options)
        bound.apply_defaults()
        arguments = {name: self.reference(value) for name, value in bound.arguments.items()}
        outputs = result if isinstance(result, tuple) else (result,)
        for index, tensor in enumerate(outputs):
            self.known[id(tensor)] = self.known[id(tensor.data)] = Result(len(self.steps), index)
            self.kept += [tensor, tensor.data]
        shapes = tuple(tensor.shape for tensor in outputs)
        self.steps.append(Step(operation.name, arguments, shapes, self.layers[-1]))

    def reference(self, value: Any) -> Any:
        """Where an argument came from; plain values as they are."""
        if isinstance(value, (Tensor, np.ndarray)):
            array = value.data if isinstance(value, Tensor) else value
            places = (self.known.get(id(v)) for v in (value, array))
            return next((place for place in places if place is not None), Constant(array))
        if isinstance(value, tuple):
            return tuple(self.reference(v) for v in value)
        return value
