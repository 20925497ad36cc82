"""The tape: which operation made which array, and the walk backward through them.

One `Node` stands for one operation that ran. What this file refuses to do: any mathematics. Every
derivative stands on a page in `ops/`, derived by hand; the tape calls it and adds up what comes.
It deals in NumPy arrays; `tensor.py` wraps them for people. There are no second derivatives: a
gradient has no history of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from glassnet.errors import GraphError, ShapeError

if TYPE_CHECKING:
    from glassnet.operation import Operation

Array = NDArray[Any]
ArrayHook = Callable[[Array], "Array | None"]


class Leaf(Protocol):
    """What stands at the end of the tape and keeps its gradient: a Tensor that nobody made."""

    def accumulate(self, gradient: Array) -> None: ...


Like = tuple[tuple[int, ...], Any] | None  # the shape and dtype that a gradient must have
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


class Version:
    """Counts the in-place changes of one piece of memory; all views of it share the object."""

    __slots__ = ("count", "recorded", "span")

    def __init__(self) -> None:
        self.count = 0
        self.recorded = 0  # of them, the changes that the tape recorded
        self.span = (0, 0)  # the bytes that the changes touched, from the lowest to the highest

    def bump(self, array: Array) -> None:
        """Note that `array` was changed in place."""
        low, high = byte_bounds(array)
        if self.count:
            low, high = min(low, self.span[0]), max(high, self.span[1])
        self.span = (low, high)
        self.count += 1

    def touched(self, array: Array) -> bool:
        """Whether a change so far may have hit the memory of `array`."""
        low, high = byte_bounds(array)
        return array.size > 0 and low < self.span[1] and self.span[0] < high


class Node:
    """One operation that ran: the backward of the pair that ran forward, its cache, its inputs.

    `edges` has an entry for each positional argument, `like` the shape and dtype that the gradient
    of that argument must have, `versions` the state of the arguments' memory when forward ran.
    """

    __slots__ = (
        "backward",
        "cache",
        "edges",
        "hooks",
        "like",
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
        edges: list[Edge],
        like: list[Like],
        outputs: list[Array],
        many: bool,
        versions: list[tuple[Version, int]],
    ) -> None:
        self.operation, self.backward, self.cache = operation, backward, cache
        self.edges, self.like, self.versions = edges, like, versions
        self.outputs = [(y.shape, y.dtype) for y in outputs]
        self.many = many  # whether forward gave a tuple, be it of one
        self.order = next(_clock)  # an operation is younger than all that made its inputs
        self.hooks: dict[int, list[ArrayHook]] | None = None

    def gradients(self, dys: list[Array | None]) -> list[Array | None]:
        """Gradients of the outputs to gradients of the arguments, by the page's backward."""
        self._check_memory()
        dy: Any = dys[0]
        if self.many:
            whole = zip(dys, self.outputs, strict=True)
            dy = tuple(np.zeros(*like) if d is None else d for d, like in whole)
        options = {}
        if self.operation.takes_needs:
            options["needs"] = tuple(edge is not None for edge in self.edges)
        result = self.backward(dy, self.cache, **options)
        result = result if isinstance(result, tuple) else (result,)
        wanted = zip(result, self.like, strict=False)  # trailing arguments may have no gradient
        return [self._fit(g, i, like) for i, (g, like) in enumerate(wanted)]

    def _fit(self, gradient: Any, position: int, like: Like) -> Array | None:
        """The gradient with its argument's shape and dtype, or an error that names the page."""
        if gradient is None or like is None:
            return None
        shape, dtype = like
        gradient = np.asarray(gradient)
        if gradient.shape != shape:
            if not self.operation.broadcasts:
                raise ShapeError(
                    f"the backward of '{self.operation.name}' returned a gradient of shape "
                    f"{gradient.shape} for argument {position}, whose shape is {shape}; "
                    f"a gradient has the shape of what it is the gradient of"
                )
            gradient = unbroadcast(gradient, shape)
        return gradient if gradient.dtype == dtype else gradient.astype(dtype)

    def _check_memory(self) -> None:
        """Raise where the graph was freed, or a needed value changed since forward ran."""
        name = self.operation.name
        if self.cache is _FREED:
            raise GraphError(
                f"the graph of '{name}' was freed by an earlier backward(); "
                f"to go through it twice, call backward(retain_graph=True) the first time"
            )
        for version, count in self.versions:
            if version.count != count and any(map(version.touched, _arrays(self.cache))):
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


class _Sums:
    """The gradients on their way: a sum for each output of each node, and for each leaf."""

    def __init__(self) -> None:
        self.nodes: dict[Node, list[Array | None]] = {}
        self.leaves: dict[int, tuple[Leaf, Array]] = {}

    def add(self, edge: Edge, gradient: Array) -> None:
        if isinstance(edge, tuple):
            node, index = edge
            slots = self.nodes.setdefault(node, [None] * len(node.outputs))
            before = slots[index]
            slots[index] = gradient if before is None else before + gradient
        else:
            known = self.leaves.get(id(edge))
            self.leaves[id(edge)] = (edge, gradient if known is None else known[1] + gradient)


def run_backward(root: Edge, seed: Array, retain_graph: bool) -> None:
    """Visit the nodes from the youngest to the oldest: each after all that used its outputs.

    root: the edge that the walk starts from; seed: the gradient with which it starts.
    """
    sums = _Sums()
    sums.add(root, seed)
    for node in _youngest_first(root):
        dys = sums.nodes.pop(node, None)
        if dys is not None:  # else no gradient came this way
            for index, hooks in (node.hooks or {}).items():
                if (dy := dys[index]) is not None:
                    dys[index] = apply_hooks(hooks, dy)
            for edge, gradient in zip(node.edges, node.gradients(dys), strict=False):
                if gradient is not None:
                    sums.add(edge, gradient)
        if not retain_graph:
            node.cache, node.edges, node.versions = _FREED, [], []
    for leaf, gradient in sums.leaves.values():
        leaf.accumulate(gradient)


def _youngest_first(root: Edge) -> list[Node]:
    """All nodes behind `root`, found without recursion, in a topological order."""
    stack: list[Node] = [root[0]] if isinstance(root, tuple) else []
    seen = set(stack)
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, tuple) and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return sorted(seen, key=lambda node: node.order, reverse=True)


def apply_hooks(hooks: Iterable[ArrayHook], gradient: Array) -> Array:
    """Show the gradient to each hook in turn; what a hook returns takes its place."""
    for hook in tuple(hooks):
        changed = hook(gradient)
        gradient = gradient if changed is None else changed
    return gradient
