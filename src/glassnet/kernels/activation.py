"""Twins of activations: one walk through memory, from one end to the other.

Entries do not know of each other, so the layout does not matter as long as it is one block: arrays
that lie channels last stay channels last. Each part takes a stretch of it, LANES numbers at a time.
"""

from __future__ import annotations

from typing import Any

from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, dense, in_layout_of, like, single
from glassnet.kernels.vector import (
    Floats,
    lanes,
    load,
    load_part,
    select,
    store,
    store_part,
    to_floats,
)


@task
def relu_up(begin: int, end: int, x: Floats, y: Floats) -> None:
    """y = max(x, 0); NaN stays NaN."""
    for i in range(begin, end, lanes()):
        count = min(end - i, lanes())
        if count == lanes():
            v = load(x + i)
            store(y + i, select(v < 0.0, 0.0, v))
        else:
            v = load_part(x + i, count)
            store_part(y + i, select(v < 0.0, 0.0, v), count)


@task
def relu_down(begin: int, end: int, dy: Floats, y: Floats, dx: Floats) -> None:
    """dx = dy where y > 0, else 0 dy."""
    for i in range(begin, end, lanes()):
        count = min(end - i, lanes())
        if count == lanes():
            store(dx + i, load(dy + i) * to_floats(load(y + i) > 0.0))
        else:
            v = load_part(dy + i, count) * to_floats(load_part(y + i, count) > 0.0)
            store_part(dx + i, v, count)


def relu_forward(x: Array) -> tuple[Array, Array]:
    """y = max(x, 0)."""
    x = dense(x)
    y = like(x)
    relu_up(x.size, parts(x.size, 2 * x.size), x, y)
    return y, y


def relu_backward(dy: Array, y: Array) -> Array:
    """dx = dy where x > 0, else 0."""
    dy, dx = in_layout_of(dy, y), like(y)
    relu_down(y.size, parts(y.size, 3 * y.size), dy, y, dx)
    return dx


def _serves(x: Any, **options: Any) -> bool:
    return single(x)


register("relu", relu_forward, relu_backward, _serves)
