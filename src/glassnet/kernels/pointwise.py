"""A 1 x 1 convolution with what stands behind it: a product of matrices, in one walk.

    M = N H W pixels as rows, C channels, O outputs; x (M, C), w (C, O), y (M, O), residual r like y

A tile of rows by vectors of outputs stays in registers while the sum runs over the channels
(`microkernel.py`); it starts at the bias, and residual and activation come before the tile is
written. A unit of work is a block of rows and one panel of outputs, so that few rows are shared out
among threads by their outputs and many by themselves.

Filters that nobody can write to (`flags.writeable`: those that were folded for evaluation, see
`nn/fold.py`) are laid out for the loops once, not at each call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from glassnet.kernels.compile import task
from glassnet.kernels.direct import put
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array
from glassnet.kernels.microkernel import Tile, ask_for, best_tile, pieces, some, strided
from glassnet.kernels.ready import Launch
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Floats,
    lanes,
    load,
    unroll,
)

AT_ONCE = 48  # rows of x: they stay in the second cache while all panels pass


@task
def rows_times_panels(
    begin: int, end: int, x: Floats, w: Floats, y: Floats, r: Floats, M: int, C: int, O: int,
    ROWS: int, *, MB: int, WIDE: int, TAIL: int, curve: str, ADD: bool,
) -> None:  # fmt: skip
    """y[m, o] = curve(w[C, o] + sum over c of x[m, c] w[c, o] + r[m, o]), r if ADD.

    w (panels, C + 1, WIDE). For units `begin` to `end`, each of ROWS rows; the last vector of
    outputs has TAIL where it is not full.
    """
    panels = (O + WIDE - 1) // WIDE
    for unit in range(begin, end):
        first, column = unit // panels * ROWS, unit % panels * WIDE
        panel = w + column * (C + 1)
        bias = [load(panel + C * WIDE + at, wide) for at, wide in pieces(WIDE, lanes())]
        last = min(first + ROWS, M)
        for m in range(first, last, MB):
            turns = (last - first + MB - 1) // MB
            ask_for(panel + (C + 1) * WIDE, (m - first) // MB, turns, (C + 1) * WIDE)
            rows = [min(m + i, last - 1) for i in unroll(MB)]
            at = [x + row * C for row in rows]
            acc = strided(at, 1, C, panel, [list(bias) for _ in unroll(MB)])
            for i in unroll(MB):
                to = rows[i] * O + column
                if ADD:
                    more = some(r + to, O - column, WIDE)
                    for j in unroll(len(more)):
                        acc[i][j] = acc[i][j] + more[j]
                put(y + to, acc[i], O - column, TAIL, curve)


def in_panels(matrix: Array, bias: Array | None, width: int) -> Array:
    """(K, O) and (O) as panels (O / width, K + 1, width), zeros at the end, the bias below."""
    k, o = matrix.shape
    count = -(-o // width)
    rows = np.zeros((k + 1, count * width), np.float32)
    rows[:k, :o] = matrix
    if bias is not None:
        rows[k, :o] = bias
    return np.ascontiguousarray(rows.reshape(k + 1, count, width).swapaxes(0, 1))


def tile_of(outputs: int) -> Tile:
    """The tile of a product with so many columns."""
    return best_tile(AT_ONCE, outputs, host().lanes, host().registers, True)


def filters(weight: Array, bias: Array | None) -> Array:
    """(O, C, 1, 1) as panels for its tile."""
    tile = tile_of(len(weight))
    return in_panels(weight[:, :, 0, 0].T, bias, tile.wide)


def product(
    sizes: tuple[int, int, int], x: Array, panels: Array, tile: Tile, r: Array | None, y: Array,
    curve: str,
) -> Launch:  # fmt: skip
    """y (M, O) = curve(x w + bias + r) of x (M, C), w and bias in panels; sizes are M, C, O."""
    m, c, o = sizes
    run = rows_times_panels.compiled(
        MB=tile.rows, WIDE=tile.wide, TAIL=o % host().lanes, curve=curve, ADD=r is not None
    )
    rows = -(-m // max(1, m // AT_ONCE))  # so that no block has only a few
    units = -(-m // rows) * len(panels)
    slots = parts(units, m * c * o / 4)
    return run, (units, slots, x, panels, y, r, m, c, o, rows)


# -- what is worked out once for filters that stay -------------------------------------------------
_KEPT: dict[tuple[Any, ...], Any] = {}


def kept(arrays: tuple[Array | None, ...], use: Hashable, make: Callable[..., Any]) -> Any:
    """make(*arrays), or what it gave before for this use if nobody can write to these arrays."""
    key = (use, *map(id, arrays))
    found = _KEPT.get(key)
    if found is not None:
        return found
    made = make(*arrays)
    if all(map(unwritable, arrays)):
        _KEPT[key] = made
        for array in arrays:
            if array is not None:
                weakref.finalize(array, _KEPT.pop, key, None)
    return made


def unwritable(array: Any) -> bool:
    """Whether nobody can write to the array, nor to what it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None
