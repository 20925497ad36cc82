"""Convolution, bias and activation in one walk: the twin of `conv2d_act` in `ops/fused.py`.

    M = N H W pixels as rows, C channels, O outputs; x (M, C), w (C, O), y (M, O)

A 1 x 1 convolution is a product of matrices. A tile of rows by vectors of outputs stays in
registers while the sum runs over the channels (`microkernel.py`); it starts at the bias, and the
activation comes before the tile is written. A unit of work is a block of rows and one panel of
outputs, so that few rows are shared out among threads by their outputs and many by themselves.

A filter for each channel does the same in `depthwise.py`. Everything else is convolution as always
and the activation in place. Filters that nobody can write to (`flags.writeable`: those that were
folded for evaluation, see `nn/fold.py`) are laid out for the loops once, not at each call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from glassnet.kernels import activation as curves
from glassnet.kernels import conv, memory
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, dense, in_layout_of, nchw, nhwc
from glassnet.kernels.microkernel import Tile, best_tile, strided
from glassnet.kernels.target import host
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.vector import (
    Floats,
    Vector,
    lanes,
    load,
    load_part,
    part,
    store,
    store_part,
    unroll,
)

AT_ONCE = 48  # rows of x: they stay in the second cache while all panels pass
CURVES = ("none", "relu", "relu6")  # their derivative follows from y


@task
def rows_times_panels(
    begin: int, end: int, x: Floats, w: Floats, y: Floats, r: Floats, M: int, C: int, O: int,
    ROWS: int, *, MB: int, NB: int, TAIL: int, curve: str, ADD: bool,
) -> None:  # fmt: skip
    """y[m, o] = curve(w[C, o] + sum over c of x[m, c] w[c, o] + r[m, o]), r if ADD.

    w (panels, C + 1, NB LANES). For units `begin` to `end`, each of ROWS rows; the last vector of
    outputs has TAIL where it is not full.
    """
    width = NB * lanes()
    panels = (O + width - 1) // width
    for unit in range(begin, end):
        first, column = unit // panels * ROWS, unit % panels * width
        panel = w + column * (C + 1)
        bias = [load(panel + C * width + j * lanes()) for j in unroll(NB)]
        last = min(first + ROWS, M)
        for m in range(first, last, MB):
            rows = [min(m + i, last - 1) for i in unroll(MB)]
            at = [x + row * C for row in rows]
            acc = strided(at, 1, C, panel, [list(bias) for _ in unroll(MB)])
            for i in unroll(MB):
                to = rows[i] * O + column
                if ADD:
                    more = some(r + to, O - column, NB)
                    for j in unroll(NB):
                        acc[i][j] = acc[i][j] + more[j]
                put(y + to, acc[i], O - column, TAIL, curve)


@part
def curved(v: Vector, curve: str) -> Vector:
    """curve(v)."""
    return curves.UP[curve](v, 0.0) if curve != "none" else v


@part
def some(p: Floats, columns: int, NB: int) -> list[Vector]:
    """NB vectors from p on of which `columns` numbers are there, and read."""
    there = [max(0, min(columns - j * lanes(), lanes())) for j in unroll(NB)]
    return [load_part(p + j * lanes(), there[j]) for j in unroll(NB)]


@part
def put(y: Floats, row: list[Any], columns: int, TAIL: int, curve: str) -> None:
    """Write one row of a tile, as many of its columns as there are."""
    for j in unroll(len(row)):
        v = curved(row[j], curve)
        if columns - j * lanes() >= lanes():
            store(y + j * lanes(), v)
        elif columns - j * lanes() > 0:
            store_part(y + j * lanes(), v, TAIL)


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
    return in_panels(weight[:, :, 0, 0].T, bias, tile.vectors * host().lanes)


def times(x: Array, weight: Array, bias: Array | None, curve: str) -> Array:
    """y (N, H, W, O) = curve(x w + bias) of x (N, H, W, C) and a 1 x 1 filter (O, C, 1, 1)."""
    y = memory.empty((*x.shape[:3], len(weight)))
    panels = kept((weight, bias), "pointwise", filters)
    multiply(x, panels, tile_of(len(weight)), None, y, curve)
    return y


def multiply(x: Array, panels: Array, tile: Tile, r: Array | None, y: Array, curve: str) -> None:
    """y (.., O) = curve(x w + bias + r) of x (.., C), w and bias in panels, r like y or None."""
    c, o = x.shape[-1], y.shape[-1]
    m = x.size // c
    run = rows_times_panels.compiled(
        MB=tile.rows, NB=tile.vectors, TAIL=o % host().lanes, curve=curve, ADD=r is not None
    )
    rows = -(-m // max(1, m // AT_ONCE))  # so that no block has only a few
    units = -(-m // rows) * len(panels)
    run(units, parts(units, m * c * o / 4), x, panels, y, r, m, c, o, rows)


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


# -- the twin --------------------------------------------------------------------------------------
def conv2d_act_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str = "relu",
) -> tuple[Array, Any]:
    """y = activation(conv2d(x, weight, bias))."""
    options = (stride, padding, dilation, groups)
    made = conv.convolution(x.shape, weight.shape, *options, get_num_threads())
    assert made is not None
    curve = "" if activation == "none" else activation
    cache = (nhwc(x), weight, made, bias is not None, False)
    if is_product(made):
        y = nchw(times(cache[0], weight, bias, activation))
    elif made.depthwise is not None:
        y = nchw(made.depthwise.run(cache[0], conv.hwio(weight)[:, :, 0], bias, curve))
    else:
        y, cache = conv.conv2d_forward(x, weight, bias, *options)
        y = in_place(y, curve)
    return y, (cache, y, activation)


def is_product(made: conv.Convolution) -> bool:
    """Whether it is a product of matrices, a 1 x 1 filter at every pixel."""
    kernel, stride, padding, _ = made.window
    return kernel == stride == (1, 1) and padding == ((0, 0), (0, 0)) and made.groups == 1


def in_place(y: Array, curve: str) -> Array:
    """curve(y), written over y."""
    if curve:
        run = curves.walk_up.compiled(curve=curve)
        run(y.size, parts(y.size, 2 * y.size), y, y, 0.0)
    return y


def conv2d_act_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, ...]:
    """The activation's gradient, then those of conv2d."""
    inner, y, activation = cache
    dz = dy if activation == "none" else curves.run_down(activation, dy, dense(y), 0.0)
    return conv.conv2d_backward(in_layout_of(dz, y), inner, needs)


def _serves(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str = "relu",
) -> bool:
    fits = conv._serves(x, weight, bias, stride, padding, dilation, groups)
    return fits and activation in CURVES


register("conv2d_act", conv2d_act_forward, conv2d_act_backward, _serves)
