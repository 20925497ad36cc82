"""The tape: which operation made which array, and the walk backward through them.

One `Node` stands for one operation that ran. What this file refuses to do: any mathematics. Every
derivative stands on a page in `ops/`, derived by hand; the tape calls it and adds up what comes.
It deals in NumPy arrays; `tensor.py` wraps them for people. There are no second derivatives: a
gradient has no history of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from glassnet.errors import GraphError, ShapeError
from glassnet.kernels import FRESH_BACKWARD, added

if TYPE_CHECKING:
    from glassnet.operation import Operation

Array = NDArray[Any]
ndarray = np.ndarray
ArrayHook = Callable[[Array], "Array | None"]


class Leaf(Protocol):
    """What stands at the end of the tape and keeps its gradient: a Tensor that nobody made."""

    data: Array

    def accumulate(self, gradient: Array, fresh: bool) -> None: ...


Edge = Any  # None (no gradient wanted) | (Node, index of its output) | Leaf

_grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)
_clock = itertools.count()
_FREED = object()  # stands in a node's cache once its graph was freed


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing within the block (also a decorator): evaluation, updates of parameters."""
    token = _grad_enabled.set(False)
    try:
        yield
    finally:
        _grad_enabled.reset(token)


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record again, inside a block of `no_grad`."""
    token = _grad_enabled.set(True)
    try:
        yield
    finally:
        _grad_enabled.reset(token)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread and task."""
    return _grad_enabled.get()


class Touched:
    """`now` is another number after anything that a network computes with may have changed.

    Memory in place, a layer or a parameter, a hook: whoever keeps a result of theirs looks at it
    first, and at the things themselves only where it is another.
    """

    now = 0


def touch() -> None:
    """Say that something has changed."""
    Touched.now = next(_clock)  # no two threads write the same number


class Version:
    """The in-place changes of one piece of memory; all views of it share the object."""

    changed = -1  # when it was changed last, by the clock that orders the nodes
    recorded = 0  # how many of the changes the tape recorded
    span = (0, 0)  # the bytes that the changes touched, from the lowest to the highest
    last: Array | None = None  # what was changed last: mostly it is the same again

    def bump(self, array: Array) -> None:
        """Note that `array` was changed in place."""
        if array is not self.last:
            low, high = byte_bounds(array)
            if self.last is not None:
                low, high = min(low, self.span[0]), max(high, self.span[1])
            self.span, self.last = (low, high), array
        self.changed = Touched.now = next(_clock)

    def touched(self, array: Array) -> bool:
        """Whether a change so far may have hit the memory of `array`."""
        low, high = byte_bounds(array)
        return array.size > 0 and low < self.span[1] and self.span[0] < high


class Node:
    """One operation that ran: the backward of the pair that ran forward, its cache, its inputs.

    `edges` has an entry for each positional argument, `outputs` the shape and dtype of each output;
    `versions` are those of the memory of the arguments and then the outputs.
    """

    __slots__ = (
        "backward",
        "cache",
        "edges",
        "hooks",
        "many",
        "operation",
        "order",
        "outputs",
        "versions",
    )

    def __init__(
        self,
        operation: Operation,
        backward: Callable[..., Any],
        cache: Any,
        edges: Sequence[Edge],
        versions: list[Version],
        many: bool,
    ) -> None:
        self.operation, self.backward, self.cache = operation, backward, cache
        self.edges, self.versions = edges, versions
        self.outputs: list[tuple[tuple[int, ...], Any]] = []
        self.many = many  # whether forward gave a tuple, be it of one
        self.order = next(_clock)  # an operation is younger than all that made its inputs
        self.hooks: dict[int, list[ArrayHook]] | None = None

    def gradients(self, dys: list[Array | None]) -> Sequence[Any]:
        """Gradients of the outputs to gradients of the arguments, by the page's backward."""
        if Touched.now > self.order or self.cache is _FREED:
            self._check_memory()
        dy: Any = dys[0]
        if self.many:
            whole = zip(dys, self.outputs, strict=True)
            dy = tuple(np.zeros(*like) if d is None else d for d, like in whole)
        if self.operation.takes_needs:
            needs = tuple([edge is not None for edge in self.edges])
            result = self.backward(dy, self.cache, needs=needs)
        else:
            result = self.backward(dy, self.cache)
        return result if isinstance(result, tuple) else (result,)

    def fitted(self, gradient: Any, edge: Edge, shape: tuple[int, ...], dtype: Any) -> Array:
        """The gradient with its argument's shape and dtype, or an error that names the page."""
        gradient = np.asarray(gradient)
        if gradient.shape != shape:
            if not self.operation.broadcasts:
                position = next(i for i, other in enumerate(self.edges) if other is edge)
                raise ShapeError(
                    f"the backward of '{self.operation.name}' returned a gradient of shape "
                    f"{gradient.shape} for argument {position}, whose shape is {shape}; "
                    f"a gradient has the shape of what it is the gradient of"
                )
            gradient = unbroadcast(gradient, shape)
        return gradient.astype(dtype, copy=False)

    def _check_memory(self) -> None:
        """Raise where the graph was freed, or a needed value changed since forward ran."""
        if self.cache is _FREED:
            name = self.operation.name
            raise GraphError(
                f"the graph of '{name}' was freed by an earlier backward(); "
                f"to go through it twice, call backward(retain_graph=True) the first time"
            )
        for version in self.versions:
            if version.changed > self.order and any(map(version.touched, _arrays(self.cache))):
                name = self.operation.name
                raise GraphError(
                    f"a value that the backward of '{name}' needs was changed in place after "
                    f"'{name}' had used it; use an operation that makes a new tensor "
                    f"(y = y + 1 instead of y += 1), or change a clone()"
                )


def _arrays(cache: Any) -> Iterator[Array]:
    """Every array in a cache of nested tuples, lists and dictionaries."""
    if isinstance(cache, np.ndarray):
        yield cache
    elif isinstance(cache, (tuple, list)):
        for item in cache:
            yield from _arrays(item)
    elif isinstance(cache, dict):
        yield from _arrays(tuple(cache.values()))


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which its argument was broadcast: to `shape`.

    y = broadcast(x) copies an entry of x to many places, and a copy's gradients add up.
    """
    extra = gradient.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and gradient.shape[i + extra] != 1
    )
    return gradient.sum(axis=axes, keepdims=True).reshape(shape)


# The gradients on their way: of each node a list with a sum for each output; of each leaf its sum,
# and whether nobody else holds that array.
_Sums = dict[Any, list[Any]]
_Leaves = dict[Any, tuple[Array, bool]]


def _pass_on(node: Node, gradients: Iterable[Any], sums: _Sums, leaves: _Leaves) -> None:
    """Add what backward of `node` gave for its arguments."""
    for edge, gradient in zip(node.edges, gradients, strict=False):  # the last may have none
        if gradient is None or edge is None:
            continue
        if type(edge) is tuple:
            key, index = edge
            shape, dtype = key.outputs[index]
            if (
                type(gradient) is not ndarray
                or gradient.shape != shape
                or (gradient.dtype is not dtype)
            ):
                gradient = node.fitted(gradient, edge, shape, dtype)
            slots = sums.get(key)
            if slots is None:
                slots = sums[key] = [None] * len(key.outputs)
            before = slots[index]
            slots[index] = gradient if before is None else added(before, gradient)
        else:
            data, known = edge.data, leaves.get(edge)
            if (
                type(gradient) is not ndarray
                or gradient.shape != data.shape
                or (gradient.dtype is not data.dtype)
            ):
                gradient = node.fitted(gradient, edge, data.shape, data.dtype)
            if known is None:
                leaves[edge] = gradient, node.backward in FRESH_BACKWARD
            else:
                leaves[edge] = added(known[0], gradient), True


def run_backward(root: Edge, seed: Array, retain_graph: bool) -> None:
    """Visit the nodes from the youngest to the oldest: each after all that used its outputs.

    root: the edge that the walk starts from; seed: the gradient with which it starts.
    """
    sums: _Sums = {}
    leaves: _Leaves = {}
    if type(root) is tuple:
        last, index = root
        sums[last] = [None] * len(last.outputs)
        sums[last][index] = seed
    else:
        leaves[root] = seed, False
    for node in _youngest_first(root):
        dys = sums.pop(node, None)
        if dys is not None:  # else no gradient came this way
            if node.hooks is not None:
                for index, hooks in node.hooks.items():
                    if (dy := dys[index]) is not None:
                        dys[index] = apply_hooks(hooks, dy)
            _pass_on(node, node.gradients(dys), sums, leaves)
        if not retain_graph:
            node.cache, node.edges = _FREED, ()
    for leaf, (gradient, fresh) in leaves.items():
        leaf.accumulate(gradient, fresh)


def _youngest_first(root: Edge) -> list[Node]:
    """All nodes behind `root`, found without recursion, in a topological order."""
    found: list[Node] = [root[0]] if type(root) is tuple else []
    seen = set(found)
    for node in found:  # grows on the way
        for edge in node.edges:
            if type(edge) is tuple and (maker := edge[0]) not in seen:
                seen.add(maker)
                found.append(maker)
    found.sort(key=_order, reverse=True)
    return found


_order = attrgetter("order")


def apply_hooks(hooks: Iterable[ArrayHook], gradient: Array) -> Array:
    """Show the gradient to each hook in turn; what a hook returns takes its place."""
    for hook in tuple(hooks):
        changed = hook(gradient)
        gradient = gradient if changed is None else changed
    return gradient
