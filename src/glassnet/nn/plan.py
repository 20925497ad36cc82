"""A network as a list of calls of compiled code: what is left when Python has decided everything.

Between two layers Python looks up modules, checks shapes and makes tensors, for longer than a small
layer computes, the more so as its own data has left the caches meanwhile. Where a network is shown
images of one size again and again, and no gradient is wanted, that can be done once: operations
that run are noted, each with what its twin prepared (`kernels/ready.py`), in memory that is laid
out for the whole walk. What has no such twin runs as it always does, between the others.

Which network, and when, is decided so that nobody can tell but by the clock:

- every layer is `steady`: its forward runs the same operations on all images of a size, looks at no
  numbers and does nothing else. Layers and models of glassnet are; a class of one's own says so.
- nothing watches: no hook, swap, observer, `fusion(False)`, or reference mode. A hook, a new
  parameter, a changed one: the list is thrown away (`tape.Touched`).
- on other images than those it was made from, it gave the same answer to the last bit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from math import prod
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from glassnet import kernels
from glassnet.kernels import dispatch
from glassnet.kernels.threads import get_num_threads
from glassnet.operation import SWAPS, WATCHER, Operation
from glassnet.tape import Array, Touched
from glassnet.tensor import Tensor

ENOUGH = 3  # calls with images of a size before it is worth while
LEAST = 8  # operations
Launch = tuple[Callable[..., Any], tuple[Any, ...]]
LINE, AFTER = 64, 256  # bytes: of a cache line; behind an array that kernels may read
FUSION: ContextVar[bool] = ContextVar("fusion", default=True)  # whether layers compute together
INSIDE: ContextVar[bool] = ContextVar("inside", default=False)  # of a network that was asked about


class Noted(NamedTuple):
    """An operation that ran: its arguments, with arrays for tensors, and the array it gave."""

    operation: Operation
    arguments: list[Any]
    options: dict[str, Any]
    result: Array | None  # None where there were several


class Plan:
    """The calls for images of one size; `plan(x)` gives what the network does."""

    def __init__(self, launches: list[Launch], images: Array, output: Array) -> None:
        self.output, self.lock = output, threading.Lock()
        self.steps = [(run, arguments, _places(arguments, images)) for run, arguments in launches]

    def __call__(self, images: Array) -> Array:
        for run, arguments, places in self.steps:
            if places:
                arguments = tuple(images if i in places else a for i, a in enumerate(arguments))
            run(*arguments)
        return self.output.copy(order="K")


def _places(arguments: tuple[Any, ...], images: Array) -> tuple[int, ...]:
    """Which arguments are the images."""
    return tuple(i for i, a in enumerate(arguments) if a is images)


# -- when ------------------------------------------------------------------------------------------
class _Known:
    """What is known of a network for images of one size."""

    def __init__(self, form: Any) -> None:
        self.form, self.now, self.calls = form, Touched.now, 0
        self.plan: Plan | None = None
        self.buffers: list[tuple[Tensor, Array]] = []


_KNOWN: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def planned(net: Any, x: Any) -> Tensor | None:
    """net(x) by its plan; None where the network has to run: there is none, or somebody watches."""
    if type(x) is not Tensor or SWAPS.get() or WATCHER.get() is not None or not FUSION.get():
        return None
    form = x.data.shape, x.data.strides, x.data.dtype, get_num_threads(), os.getpid()
    known = _KNOWN.get(net)
    if known is None or known.now != Touched.now or known.form != form:
        _KNOWN[net] = known = _Known(form)
    known.calls += 1
    if known.calls == ENOUGH and dispatch.MODE != "reference" and _may_be(net):
        known.buffers = [(b, b.data) for m in net.modules() for _, b in m.own_buffers()]
        known.plan = _verified(net, x)
    plan = known.plan
    if plan is None or dispatch.MODE == "reference":
        return None
    if not all(b.data is data for b, data in known.buffers) or not plan.lock.acquire(False):
        return None
    try:
        return Tensor(plan(x.data))
    finally:
        plan.lock.release()


def _may_be(net: Any) -> bool:
    """Whether all layers are steady, in evaluation, and nobody watches one."""
    from glassnet.nn.fold import usual  # which is built on layers, as they are on this

    return all(m.steady and not m.training and usual(m) for m in net.modules())


def _verified(net: Any, x: Tensor) -> Plan | None:
    """The plan, if it gives what the network does on images that it was not made from."""
    noted: list[Noted] = []

    def note(operation: Operation, args: Any, options: dict[str, Any], result: Any) -> None:
        arrays = [a.data if isinstance(a, Tensor) else a for a in args]
        noted.append(Noted(operation, arrays, options, getattr(result, "data", None)))

    inside, token = INSIDE.set(True), WATCHER.set(note)
    try:
        output = net._with_hooks(x)
        WATCHER.set(None)
        return _checked(net, x, output, noted)
    finally:
        WATCHER.reset(token)
        INSIDE.reset(inside)


def _checked(net: Any, x: Tensor, output: Any, noted: list[Noted]) -> Plan | None:
    """The plan for what was noted, compared with the network on x turned round."""
    if not isinstance(output, Tensor) or len(noted) < LEAST:
        return None
    made = made_of(noted, x.data, output.data)
    other = np.empty_like(x.data)
    other[...] = x.data[..., ::-1]
    if made is None or not np.array_equal(made(other), net._with_hooks(Tensor(other)).data):
        return None
    return made


# -- from what ran to a plan -----------------------------------------------------------------------
class Workspace:
    """Memory for a walk: what is given back is handed out again."""

    def __init__(self) -> None:
        self.free: list[Array] = []
        self.taken: list[Array] = []

    def empty(self, shape: tuple[int, ...]) -> Array:
        """A C-contiguous float32 array that begins with a cache line."""
        size = 4 * prod(shape) + LINE + AFTER
        block = min((b for b in self.free if b.size >= size), key=len, default=None)
        if block is None:
            block = np.empty(size, np.uint8)
        self.free = [b for b in self.free if b is not block]
        self.taken.append(block)
        return np.ndarray(shape, np.float32, block, -block.ctypes.data % LINE)

    def keep_only(self, arrays: Iterable[Array]) -> None:
        """Take back the memory that none of these arrays looks at."""
        kept = {id(_memory(a)) for a in arrays}
        self.free += [b for b in self.taken if id(b) not in kept]
        self.taken = [b for b in self.taken if id(b) in kept]


def _memory(array: Any) -> Any:
    """The array at the bottom of all views."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def made_of(noted: Sequence[Noted], images: Array, output: Array) -> Plan | None:
    """The plan for what ran on `images` and gave `output`; None where it cannot be written down."""
    space, launches = Workspace(), list[Launch]()
    now: dict[int, Array] = {id(images): images}  # an array of the run -> the plan's in its place
    last = {id(a): i for i, one in enumerate(noted) for a in one.arguments} | {
        id(output): len(noted)
    }
    for i, one in enumerate(noted):
        if one.result is None:
            return None
        now[id(one.result)], more = _written(one, one.result, now, images, space)
        launches += more
        needed = (mine for key, mine in now.items() if last.get(key, -1) > i)
        space.keep_only(needed)
    found = now.get(id(output))
    return None if found is None or found is images else Plan(launches, images, found)


def _written(
    one: Noted, result: Array, now: dict[int, Array], images: Array, space: Workspace
) -> tuple[Array, list[Launch]]:
    """Where the plan has an operation's result, and the launches that put it there."""
    arguments = [now.get(id(a), a) for a in one.arguments]
    for was, mine in zip(one.arguments, arguments, strict=True):
        if id(was) in now and mine is not images and _same_place(result, was):
            block = _memory(mine)
            first = mine.ctypes.data - block.ctypes.data
            return np.ndarray(result.shape, result.dtype, block, first, result.strides), []
    ready = kernels.prepared(one.operation.name, one.arguments, one.options)
    if ready is not None and ready.bind is not None:
        shown = dispatch.TWINS[one.operation.name].images
        if all(i in shown or id(a) not in now for i, a in enumerate(one.arguments)):
            both = [arguments[i] if i < len(arguments) else None for i in (*shown, len(arguments))]
            return ready.bind(both[0], both[1], space.empty)
    made = np.empty_like(result)
    made = np.ndarray(made.shape, made.dtype, np.empty(made.nbytes, np.uint8), 0, made.strides)
    return made, [(_run_one, (made, one.operation, one.options, *arguments))]


def _same_place(a: Array, b: Any) -> bool:
    """Whether these are the same numbers in memory, in whatever shape."""
    return bool(a.size == b.size and a.ctypes.data == b.ctypes.data and a.dtype == b.dtype)


def _run_one(result: Array, operation: Operation, options: dict[str, Any], *arrays: Any) -> None:
    """An operation that goes its own way."""
    result[...] = operation.pair(*arrays, **options)[0](*arrays, **options)[0]
