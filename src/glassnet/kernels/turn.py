"""Turning: pixels by channels to channels by pixels, and back; the twin of reshape that flattens.

    x (N, P, C): for each of N images P pixels with C numbers each, side by side -> y (N, C, P)

Images lie channels last, but the order of their axes, which decides what `flatten` gives, is
channels first. Where the two meet, in front of a network's last layers, numbers have to move, there
and back. A block of LANES x LANES of them is turned in registers.
"""

from __future__ import annotations

from typing import Any

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, nchw, plain, single
from glassnet.kernels.vector import (
    Floats,
    lanes,
    load_part,
    part,
    shuffle,
    store_part,
    unroll,
)


# -- a square of vectors ---------------------------------------------------------------------------
@part
def transposed(rows: list[Any]) -> list[Any]:
    """The columns of a square of LANES vectors: blocks beside the diagonal change places."""
    square = list(rows)
    for stage in unroll(lanes().bit_length() - 1):
        size = 2**stage
        for i in unroll(lanes()):
            if not i & size:
                one, other = square[i], square[i + size]
                square[i] = shuffle(one, other, low_blocks(lanes(), size))
                square[i + size] = shuffle(one, other, high_blocks(lanes(), size))
    return square


def low_blocks(lane_count: int, size: int) -> list[int]:
    """Lane numbers of the even blocks of `size` of two vectors, in turns."""
    return [k if not k & size else lane_count + k - size for k in range(lane_count)]


def high_blocks(lane_count: int, size: int) -> list[int]:
    """Lane numbers of the odd blocks of `size` of two vectors, in turns."""
    return [k + size if not k & size else lane_count + k for k in range(lane_count)]


@part
def turn_one(x: Floats, y: Floats, P: int, C: int) -> None:
    """y[c, p] = x[p, c]."""
    for p in range(0, P, lanes()):
        rows = min(P - p, lanes())
        for c in range(0, C, lanes()):
            columns, given, to = min(C - c, lanes()), x + p * C + c, y + c * P + p
            square = transposed(
                [load_part(given + min(i, rows - 1) * C, columns) for i in unroll(lanes())]
            )
            for i in unroll(lanes()):
                if i < columns:
                    store_part(to + i * P, square[i], rows)


# -- an image after the other ----------------------------------------------------------------------
@task
def turn(begin: int, end: int, x: Floats, y: Floats, P: int, C: int) -> None:
    """y[n, c, p] = x[n, p, c] for images `begin` to `end`."""
    for n in range(begin, end):
        turn_one(x + n * P * C, y + n * P * C, P, C)


def turned(x: Array, images: int, P: int, C: int) -> Array:
    """x (N, P, C), as one block -> (N, C, P)."""
    y = memory.empty((images, C, P))
    turn.compiled()(images, parts(images, 2 * x.size), x, y, P, C)
    return y


# -- the twin of reshape ---------------------------------------------------------------------------
def reshape_forward(x: Array, shape: Any) -> tuple[Array, tuple[int, ...]]:
    """y = the entries of x (N, C, H, W), which lies channels last, in another shape."""
    n, c, h, w = x.shape
    return turned(x, n, h * w, c).reshape(tuple(shape)), x.shape


def reshape_backward(dy: Array, shape: tuple[int, ...]) -> Array:
    """dx = dy in the shape of x, and channels last as x."""
    n, c, h, w = shape
    return nchw(turned(plain(dy), n, c, h * w).reshape(n, h, w, c))


def _serves(x: Any, shape: Any) -> bool:
    """Whether it is `flatten` of images that lie channels last: other shapes may do with a view."""
    if x.ndim != 4 or x.flags.c_contiguous or len(shape) != 2 or not single(x) or not x.size:
        return False
    last = bool(x.transpose(0, 2, 3, 1).flags.c_contiguous)
    return last and shape[0] == len(x) and shape[1] in (-1, x.size // len(x))


register("reshape", reshape_forward, reshape_backward, _serves)
