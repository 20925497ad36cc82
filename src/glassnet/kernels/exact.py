"""exact(): results without the shortcuts that trade digits for speed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType

_EXACT: ContextVar[bool] = ContextVar("exact", default=False)


class exact(AbstractContextManager["exact"]):
    """Use no Winograd convolution, in this thread and task: float32 as good as the page's.

    Works as a call (until `.undo()`) and as a context manager: `with gn.exact(): ...`;
    `gn.exact(False)` allows the shortcuts again. Winograd's sums of filtered tiles are 1.5 to 2.5
    times as fast and lose about a digit.
    """

    def __init__(self, on: bool = True) -> None:
        self._before = _EXACT.get()
        _EXACT.set(on)

    def undo(self) -> None:
        """Put back what was there before."""
        _EXACT.set(self._before)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.undo()


def is_exact() -> bool:
    """Whether the shortcuts are off in this thread and task."""
    return _EXACT.get()
