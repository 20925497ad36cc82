"""swap(): put your own forward and backward in the place of an operation's.

Every network then trains with them. The pair is first held against the page on the page's own
examples, so that a mistake shows at once, with the entry where it is, and not as a network that
learns badly.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np

from glassnet.errors import GlassnetError
from glassnet.operation import OPERATIONS, SWAPS, Example, Operation, Pair
from glassnet.random import derive
from glassnet.tape import Array, unbroadcast

RELATIVE = 1e-5  # of the largest entry, that a swapped pair may differ by in float64


class SwapError(GlassnetError, ValueError):
    """A pair that does not compute what the page computes."""


class Swap(AbstractContextManager["Swap"]):
    """A swap in force, until `undo()` or the end of the `with` block."""

    def __init__(self, name: str, before: Pair | None) -> None:
        self.name, self._before = name, before

    def undo(self) -> None:
        """Put back what was there before."""
        pairs = dict(SWAPS.get())
        pairs.pop(self.name, None)
        if self._before is not None:
            pairs[self.name] = self._before
        SWAPS.set(MappingProxyType(pairs))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.undo()


def swap(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    check: bool = True,
    examples: list[Example] | None = None,
) -> Swap:
    """Let `forward` and `backward` stand in for the operation `name`, in this thread and task.

    Works as a call (until `.undo()`) and as a context manager. The pair has the signatures of the
    page, is handed C-contiguous arrays, and is first compared with the page, values and gradients,
    on the page's examples or those given. `check=False` is for a difference that is meant, a
    surrogate gradient say. Raises SwapError where they differ, or where no operation has the name.
    """
    if name not in OPERATIONS:
        close = ", ".join(sorted(n for n in OPERATIONS if name[:4] in n)) or "see glassnet.ops"
        raise SwapError(f"there is no operation '{name}'; near it: {close}")
    pair = contiguous(forward, backward)
    if check:
        compare(OPERATIONS[name], pair, examples)
    before = SWAPS.get().get(name)
    SWAPS.set(MappingProxyType({**SWAPS.get(), name: pair}))
    return Swap(name, before)


def contiguous(forward: Callable[..., Any], backward: Callable[..., Any]) -> Pair:
    """The pair, handed C-contiguous arrays and no `needs`, whatever the network's layout is."""

    def contiguous_forward(*args: Any, **options: Any) -> Any:
        return forward(*map(_plain, args), **options)

    def contiguous_backward(dy: Any, cache: Any, **needs: Any) -> Any:
        dy = tuple(map(_plain, dy)) if isinstance(dy, tuple) else _plain(dy)
        return backward(dy, cache)

    return contiguous_forward, contiguous_backward


def _plain(value: Any) -> Any:
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) and value.ndim else value


def compare(op: Operation, pair: Pair, examples: list[Example] | None = None) -> None:
    """Raise SwapError where `pair` and the page of `op` differ on the examples, and say how."""
    if examples is None and op.examples is None:
        raise SwapError(
            f"'{op.name}' has no examples to compare with: pass examples=[gn.example(...)], "
            f"or check=False"
        )
    for case in examples if examples is not None else op.examples():  # type: ignore[misc]
        theirs, ours = _run(op, pair, case), _run(op, op.page, case)
        shapes = [a.shape if isinstance(a, np.ndarray) else a for a in case.args]
        where = f"swap of '{op.name}', example {shapes} {case.options or ''}".rstrip()
        for what, a, b in zip(("value", "gradient"), theirs, ours, strict=True):
            _same(a, b, where, what)


def _run(op: Operation, pair: Pair, case: Example) -> tuple[list[Any], list[Any]]:
    """Outputs and gradients of a pair on one example, as lists of arrays."""
    args = [a.copy() if isinstance(a, np.ndarray) else a for a in case.args]
    output, cache = pair[0](*args, **case.options)
    many = isinstance(output, tuple)
    outputs = list(output) if many else [output]
    dys = tuple(derive(i).standard_normal(np.shape(y)) for i, y in enumerate(outputs))
    needs = {"needs": (True,) * len(args)} if op.takes_needs else {}
    grads = pair[1](dys if many else dys[0], cache, **needs)
    grads = list(grads) if isinstance(grads, tuple) else [grads]
    if op.broadcasts:
        grads = [
            unbroadcast(g, np.shape(a)) if g is not None else None
            for g, a in zip(grads, args, strict=False)
        ]
    return outputs, grads


def _same(theirs: list[Any], ours: list[Any], where: str, what: str) -> None:
    if len(theirs) != len(ours):
        raise SwapError(f"{where}: {len(ours)} {what}s were expected, {len(theirs)} came")
    for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
        if b is None:
            continue
        label = f"{what} {i}" if len(ours) > 1 else what
        if a is None:
            raise SwapError(f"{where}: {label} is None, an array of {np.shape(b)} was expected")
        _close(np.asarray(a), np.asarray(b), f"{where}: {label}")


def _close(a: Array, b: Array, label: str) -> None:
    if a.shape != b.shape:
        raise SwapError(f"{label} has shape {a.shape}, the page gives {b.shape}")
    error = np.abs(a.astype(np.float64) - b)
    scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-12)
    if error.size and not error.max() <= RELATIVE * scale:
        worst = tuple(int(k) for k in np.unravel_index(int(np.nanargmax(error)), error.shape))
        raise SwapError(
            f"{label} differs from the page; worst at {worst}: {a[worst]:.8g} came, "
            f"{b[worst]:.8g} was expected. If the difference is meant, pass check=False"
        )
