"""Twin of dropout: one walk over x and its mask.

x one block of memory; keep, a byte an entry, in the same layout
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, dense, in_layout_of, like, single
from glassnet.kernels.vector import (
    Bytes,
    Floats,
    from_bytes,
    lanes,
    load_part,
    part,
    store_part,
    to_floats,
)


@task
def masked(begin: int, end: int, x: Floats, keep: Bytes, y: Floats, scale: float) -> None:
    """y = x keep scale."""
    for i in range(begin, end, lanes()):
        if end - i >= lanes():
            some(x + i, keep + i, y + i, lanes(), scale)
        else:
            some(x + i, keep + i, y + i, end - i, scale)


@part
def some(x: Floats, keep: Bytes, y: Floats, count: int, scale: float) -> None:
    """`count` entries."""
    kept = to_floats(from_bytes(load_part(keep, count)))
    store_part(y, load_part(x, count) * kept * scale, count)


def _run(x: Array, keep: Array, scale: float) -> Array:
    y = like(x)
    masked(x.size, parts(x.size, 2 * x.size), x, keep, y, scale)
    return y


def dropout_forward(x: Array, keep: Array, p: float = 0.5) -> tuple[Array, Any]:
    """y = x keep / (1 - p)."""
    x, scale = dense(x), 1 / (1 - p) if p < 1 else 0.0
    if keep.strides != tuple(n // x.itemsize for n in x.strides):
        mine = np.empty_like(x, np.bool_)  # in the layout of x
        mine[...] = keep
        keep = mine
    return _run(x, keep, scale), (x, keep, scale)


def dropout_backward(dy: Array, cache: Any) -> tuple[Array, None]:
    """dx = dy keep / (1 - p)."""
    x, keep, scale = cache
    return _run(in_layout_of(dy, x), keep, scale), None


def _serves(x: Any, keep: Any, p: float = 0.5) -> bool:
    return single(x) and keep.dtype == np.bool_ and keep.shape == x.shape


register("dropout", dropout_forward, dropout_backward, _serves)
