"""How arrays lie in memory, seen by the twins: what kernels take, and arrays of the same layout.

Images are (N, C, H, W) to everyone above and (N, H, W, C) in memory; kernels see the latter.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.kernels import memory

Array = NDArray[Any]
F32 = np.dtype(np.float32)
ndarray = np.ndarray  # a module's name is found faster than a module's in a module


def single(*arrays: Any) -> bool:
    """Whether all of these are plain float32 arrays of the machine's byte order (or None)."""
    for a in arrays:  # asked at each call of each operation
        if a is None:
            continue
        if type(a) is not ndarray or (a.dtype is not F32 and a.dtype != F32):
            return False
    return True


def nhwc(x: Array) -> Array:
    """(N, C, H, W) as a C-contiguous (N, H, W, C): a view where it lies so, else a copy."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def nchw(y: Array) -> Array:
    """(N, H, W, C) -> (N, C, H, W), a view."""
    return y.transpose(0, 3, 1, 2)


def plain(x: Array) -> Array:
    """The numbers as one block in C order: a view where they lie so, else a copy."""
    return np.ascontiguousarray(x, F32)


def dense(x: Array) -> Array:
    """The numbers as one block in an order of axes that stays theirs: `x`, or a copy of it.

    C order or channels last; what comes back can be walked through from one end to the other.
    """
    if x.flags.c_contiguous:
        return x
    if x.ndim == 4 and x.transpose(0, 2, 3, 1).flags.c_contiguous:
        return x
    return np.ascontiguousarray(x)


def like(x: Array) -> Array:
    """A new float32 array of the shape of `x`, and of its layout where that is one block."""
    if x.flags.c_contiguous:
        return memory.empty(x.shape)
    if x.ndim == 4 and x.transpose(0, 2, 3, 1).flags.c_contiguous:
        n, c, h, w = x.shape
        return nchw(memory.empty((n, h, w, c)))
    return np.empty_like(x, F32)


def alike(x: Array, other: Array) -> bool:
    """Whether two arrays of one shape lie alike; the stride of an axis of length 1 says nothing."""
    if x.strides == other.strides:
        return True
    axes = zip(x.strides, other.strides, x.shape, strict=True)
    return all(a == b or length == 1 for a, b, length in axes)


def in_layout_of(x: Array, other: Array) -> Array:
    """`x` as float32 in the layout of `other`, a block of the same shape: itself, or a copy."""
    if x.dtype == F32 and alike(x, other):
        return x
    made = like(other)
    made[...] = x
    return made


@cache
def no_bias(channels: int) -> Array:
    """Zeros (C): a bias where there is none, a pixel outside of an image. Nobody writes to them."""
    return np.zeros(channels, F32)
