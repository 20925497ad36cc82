"""Ready: forward of a twin with everything worked out but the numbers in its images.

A twin's `prepare(*arrays, **options)` looks at shapes, options and filters once. `bind` then says,
for images at certain places in memory, which compiled code is to run on which arguments: a list
that anybody can run, at once (`Ready.__call__`) or as part of a longer one (`nn/plan.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from glassnet.kernels import memory
from glassnet.kernels.layout import Array

Launch = tuple[Callable[..., Any], tuple[Any, ...]]  # run(*arguments), with units and parts first
Empty = Callable[[tuple[int, ...]], Array]  # makes an array of float32, as `memory.empty`
Bind = Callable[[Array, Array | None, Empty], tuple[Array, list[Launch]]]


class Ready:
    """y = ready(x, residual), of images channels last and dense, as `prepare` was shown them.

    bind(x, residual, empty) gives y, still empty, and the launches that fill it; None where what
    runs depends on the numbers, as Winograd's tiles do, which give way to the direct sum.
    """

    def __init__(
        self, bind: Bind | None, call: Callable[[Array, Array | None], Array] | None = None
    ) -> None:
        self.bind, self._call = bind, call

    def __call__(self, x: Array, residual: Array | None = None) -> Array:
        if self.bind is None:
            assert self._call is not None
            return self._call(x, residual)
        y, launches = self.bind(x, residual, memory.empty)
        run_all(launches)
        return y


def run_all(launches: Iterable[Launch]) -> None:
    """Run launches one after the other."""
    for run, arguments in launches:
        run(*arguments)
