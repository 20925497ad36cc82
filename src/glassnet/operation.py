"""operation(): the one door between a page of NumPy functions and the tape.

`relu = operation(relu_forward, relu_backward)` makes a pair differentiable, and `Operation.pair`
is the one place where it is decided which pair runs: the user's own (`swap`), the compiled twin
(`kernels/`), or the page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from glassnet.errors import GlassnetError, ShapeError
from glassnet.kernels import twin
from glassnet.tape import Array, Edge, Node, Version, is_grad_enabled
from glassnet.tensor import Tensor

Pair = tuple[Callable[..., Any], Callable[..., Any]]

OPERATIONS: dict[str, Operation] = {}
SWAPS: ContextVar[MappingProxyType[str, Pair]] = ContextVar("swaps", default=MappingProxyType({}))
# Told of every operation that runs, (operation, arguments, options, result): see nn/trace.py.
Watcher = Callable[["Operation", tuple[Any, ...], dict[str, Any], Any], None]
WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


class Example(NamedTuple):
    """Sample arguments of an operation, in float64: for its tests, and for comparing pairs."""

    args: tuple[Any, ...]
    options: dict[str, Any]


def example(*args: Any, **options: Any) -> Example:
    """An Example, written as the call that it stands for."""
    return Example(args, options)


class Operation:
    """A differentiable function of tensors, made of a pair of functions of NumPy arrays."""

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        name: str,
        examples: Callable[[], list[Example]] | None,
        broadcasts: bool,
    ) -> None:
        self.page: Pair = (forward, backward)
        self.name, self.examples, self.broadcasts = name, examples, broadcasts
        self.takes_needs = "needs" in inspect.signature(backward).parameters
        self.parameters = tuple(inspect.signature(forward).parameters)
        self.__doc__, self.__signature__ = forward.__doc__, _for_tensors(forward)
        self.__name__ = self.__qualname__ = name
        self.__module__ = forward.__module__

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind like a function, so that an operation can be a method, and `help` shows its page."""
        return self if instance is None else partial(self, instance)

    def pair(self, *arrays: Any, **options: Any) -> Pair:
        """The (forward, backward) that runs now: the user's swap, else the twin, else the page.

        A twin takes some arguments and leaves others to the page; without arguments it is out.
        """
        return self._pair(list(arrays), options)

    def _pair(self, arrays: list[Any], options: dict[str, Any]) -> Pair:
        swaps = SWAPS.get()
        if swaps and self.name in swaps:
            return swaps[self.name]
        return (arrays and twin(self.name, arrays, options)) or self.page

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run forward on the arrays in `args`; record it where a gradient is wanted."""
        for value in options.values():
            if isinstance(value, (Tensor, np.ndarray)):
                args, options = self._by_position(args, options)
                break
        arrays: list[Any] = []
        edges: list[Edge] = []
        versions: list[Version] = []
        wanted, recording = False, is_grad_enabled()
        for a in args:  # one loop: what each operation of a network pays for again and again
            if isinstance(a, Tensor):
                arrays.append(a.data)
                if recording:
                    versions.append(a._version)
                    if a.requires_grad:
                        wanted = True
                        edges.append(a if a._made is None else a.edge())
                        continue
            else:
                arrays.append(a)
            edges.append(None)
        forward, backward = self._pair(arrays, options)
        try:
            output, cache = forward(*arrays, **options)
        except GlassnetError:
            raise
        except (ValueError, IndexError) as error:
            raise self._misfit(arrays, error) from error
        result: Any
        many = isinstance(output, tuple)
        node = Node(self, backward, cache, edges, versions, many) if wanted else None
        if many:
            result = tuple([_wrap(y, node, i, args) for i, y in enumerate(output)])
        else:
            result = _wrap(output, node, 0, args)
        if (watcher := WATCHER.get()) is not None:
            watcher(self, args, options, result)
        return result

    def _by_position(
        self, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Move tensors that were passed by keyword to their position, and what stands before."""
        last = max(
            (i for i, p in enumerate(self.parameters) if _is_array(options.get(p))), default=-1
        )
        if last < len(args):
            return args, options
        bound = inspect.signature(self.page[0]).bind_partial(*args, **options)
        bound.apply_defaults()
        positional = tuple(bound.arguments[p] for p in self.parameters[: last + 1])
        taken = set(self.parameters[: last + 1])
        return positional, {k: v for k, v in options.items() if k not in taken}

    def _misfit(self, arrays: list[Any], error: Exception) -> ShapeError:
        shapes = ", ".join(str(a.shape) if isinstance(a, np.ndarray) else repr(a) for a in arrays)
        return ShapeError(f"'{self.name}' does not accept arguments of shapes {shapes}: {error}")


def _wrap(output: Any, node: Node | None, index: int, args: tuple[Any, ...]) -> Tensor:
    """Output `index` of a node as a Tensor."""
    array = output if type(output) is np.ndarray else np.asarray(output)
    result = Tensor(array)
    if array.base is not None:  # a view shares the version of the memory that it looks at
        for a in args:
            if isinstance(a, Tensor) and _looks_at(array, a.data):
                result._version, result._seen = a._version, a._seen
                break
    if node is not None:
        node.outputs.append((array.shape, array.dtype))
        node.versions.append(result._version)
        if array.dtype.kind == "f":
            result.requires_grad, result._made = True, (node, index)
    return result


def _looks_at(view: Array, array: Array) -> bool:
    """Whether a view and another array share memory. Two owners of their memory tell it at once."""
    base, other = view.base, array if array.base is None else array.base
    owners = type(base) is type(other) is np.ndarray and base.base is other.base is None
    return (base is other or not owners) and np.may_share_memory(view, array)


def _for_tensors(forward: Callable[..., Any]) -> inspect.Signature:
    """The signature that the operation has for its users: Tensors for arrays, and no cache."""
    signature = inspect.signature(forward)
    parameters = [
        p.replace(annotation=p.annotation.replace("Array", "Tensor"))
        if isinstance(p.annotation, str)
        else p
        for p in signature.parameters.values()
    ]
    several = str(signature.return_annotation).startswith("tuple[tuple")
    result = "tuple[Tensor, ...]" if several else "Tensor"
    return signature.replace(parameters=parameters, return_annotation=result)


def _is_array(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray))


def operation(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    name: str | None = None,
    examples: Callable[[], list[Example]] | None = None,
    broadcasts: bool = False,
) -> Operation:
    """Make a pair of NumPy functions differentiable.

    `forward(*arrays, **options) -> (output, cache)`; output is an array or a tuple of arrays.
    `backward(dy, cache)` returns one gradient for each leading positional argument of forward
    (None where there is none); with several outputs `dy` is a tuple. A backward with a parameter
    `needs` is told, by a tuple of booleans, which gradients anybody asked for. With `broadcasts`
    the tape sums gradients over the axes along which an argument was broadcast. `examples` makes
    sample arguments, for `swap` and for tests. The name is that of forward, less "_forward".
    Raises GlassnetError where another module has an operation of that name.
    """
    name = name or forward.__name__.removesuffix("_forward").lstrip("_")
    made = Operation(forward, backward, name, examples, broadcasts)
    if name in OPERATIONS and OPERATIONS[name].__module__ != made.__module__:
        raise GlassnetError(
            f"an operation '{name}' stands in {OPERATIONS[name].__module__} already; give yours "
            f"another name, or put it in that one's place with swap()"
        )
    OPERATIONS[name] = made
    return made
