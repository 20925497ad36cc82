"""A pool of memory: arrays whose pages the operating system has handed out before.

A large fresh array costs a page fault for every 4 KB, often more than what is computed in it. The
pool keeps buffers and hands each out again when no array looks at it any more, which the buffer's
reference count tells: every view of an array holds on to the memory underneath. Buffers start at a
cache line and end 256 bytes after the array does, so that kernels may read, not write, a little
further. What is kept is bounded (`GLASSNET_POOL_BYTES`, by itself a quarter of the memory): past
the bound buffers that nobody uses are given back.
"""

from __future__ import annotations

import os
import sys
import threading
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]
Shelf = list[tuple[Array, int]]  # buffers of one size: (buffer, where its first line begins)

SMALL = 1 << 16  # bytes below which the C library's own free lists do
AFTER, LINE = 256, 64
UNUSED = 3  # references to a buffer that no array looks at: pool's, loop's and getrefcount's


class Stats(NamedTuple):
    """Bytes that the pool has now, the most it ever had, those in use, and its bound."""

    held: int
    peak: int
    used: int
    bound: int


class Pool:
    """Buffers by size; one for the process."""

    def __init__(self, bound: int) -> None:
        self.bound, self.held, self.peak = bound, 0, 0
        self.buffers: dict[int, Shelf] = {}  # by size
        self.asked: dict[int, Shelf] = {}  # the same ones, by what was asked for
        self.lock = threading.Lock()

    def take(self, size: int) -> tuple[Array, int]:
        """A buffer of at least `size` bytes that no array looks at, and where to begin in it."""
        with self.lock:
            shelf = self.asked.get(size)
            if shelf is None:
                whole = _rounded(size + AFTER + LINE)
                shelf = self.asked[size] = self.buffers.setdefault(whole, [])
            for buffer, first in shelf:
                if sys.getrefcount(buffer) == UNUSED:
                    return buffer, first
            return self._fresh(shelf, _rounded(size + AFTER + LINE))

    def _fresh(self, shelf: Shelf, size: int) -> tuple[Array, int]:
        if self.held + size > self.bound:
            self._give_back()
        buffer = np.empty(size, np.uint8)
        first = -buffer.__array_interface__["data"][0] % LINE
        shelf.append((buffer, first))
        self.held += size
        self.peak = max(self.peak, self.held)
        return buffer, first

    def _give_back(self) -> None:
        """Let go of every buffer that is not in use."""
        for size, buffers in self.buffers.items():
            kept = [(b, first) for b, first in buffers if sys.getrefcount(b) > UNUSED]
            self.held -= size * (len(buffers) - len(kept))
            buffers[:] = kept

    def stats(self) -> Stats:
        """What the pool holds."""
        with self.lock:
            used = sum(
                size
                for size, buffers in self.buffers.items()
                for buffer, _ in buffers
                if sys.getrefcount(buffer) > UNUSED
            )
            return Stats(self.held, self.peak, used, self.bound)

    def clear(self) -> None:
        """Give back what is not in use, and count the peak from here."""
        with self.lock:
            self._give_back()
            self.peak = self.held


def _rounded(size: int) -> int:
    """Up to one of eight sizes between powers of two, so that near sizes share buffers."""
    step = 1 << max(12, (size - 1).bit_length() - 4)
    return -(-size // step) * step


def _bound() -> int:
    given = os.environ.get("GLASSNET_POOL_BYTES")
    if given:
        return int(given)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)


POOL = Pool(_bound())


def empty(shape: Shape, dtype: Any = np.float32) -> Array:
    """A C-contiguous array of this shape, with anything in it."""
    size = prod(shape) * (4 if dtype is np.float32 else np.dtype(dtype).itemsize)
    if size < SMALL:
        return np.empty(shape, dtype)
    buffer, first = POOL.take(size)
    return np.ndarray(shape, dtype, buffer, first)


def zeros(shape: Shape) -> Array:
    """A C-contiguous float32 array of this shape, zero throughout."""
    array = empty(shape)
    array.fill(0)
    return array
