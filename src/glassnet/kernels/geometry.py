"""Sizes of windows as twins take them: the page's many ways of writing them, read once.

A size is a number or (along H, along W); padding also "same", "valid" or ((top, bottom), (left,
right)). What does not read is left to the page, which says what is wrong with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

Pair = tuple[int, int]


class Window(NamedTuple):
    """A window's numbers, each along H and along W."""

    kernel: Pair
    stride: Pair
    padding: tuple[Pair, Pair]  # (top, bottom), (left, right)
    dilation: Pair

    def places(self, height: int, width: int) -> Pair:
        """(OH, OW): how many places it has on an image; not positive where it does not fit."""
        sizes = zip(
            (height, width), self.kernel, self.stride, self.padding, self.dilation, strict=True
        )
        high, wide = ((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
        return high, wide


@lru_cache(maxsize=4096)
def window(kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Window | None:
    """The numbers of a window; None for what is no window. Arguments must be hashable."""
    kernel, stride, dilation = _pair(kernel), _pair(stride), _pair(dilation)
    if kernel is None or stride is None or dilation is None:
        return None
    sides = _sides(padding, kernel, stride, dilation)
    return None if sides is None else Window(kernel, stride, sides, dilation)


def _pair(value: Any, least: int = 1) -> Pair | None:
    two = value if isinstance(value, tuple) else (value, value)
    whole = len(two) == 2 and all(type(n) is int and n >= least for n in two)
    return (two[0], two[1]) if whole else None


def _sides(padding: Any, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair] | None:
    if padding == "valid":
        padding = 0
    if padding == "same":
        spare = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        up, left = ((n // 2, n - n // 2) for n in spare)
        return (up, left) if stride == (1, 1) else None
    if isinstance(padding, tuple) and padding and isinstance(padding[0], tuple):
        both = [_pair(side, least=0) for side in padding]
        return (both[0], both[1]) if len(both) == 2 and both[0] and both[1] else None
    two = _pair(padding, least=0)
    return None if two is None else ((two[0], two[0]), (two[1], two[1]))
