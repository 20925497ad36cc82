"""Convolution: the twin of `ops/conv.py`, and the ways it can go.

    N batch, C channels, H W height width, O outputs, G groups; x (N, H, W, C), y (N, OH, OW, O)

Any convolution can be summed directly (`direct.py`, the one to read first). Where each channel has
a filter of its own there is no sum over channels, and rows of an image are what stays in registers
(`depthwise.py`). Where filters are 3 x 3 or 5 x 5 with stride 1 and many channels, Winograd's tiles
need a quarter to a third of the multiplications (`winograd.py`), at the price of a digit;
`gn.exact()` does without.
What depends on shapes alone is worked out once for each shape and kept.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.depthwise import Depthwise
from glassnet.kernels.direct import Size3, Sweep, cut
from glassnet.kernels.dispatch import register
from glassnet.kernels.exact import is_exact
from glassnet.kernels.geometry import Window, window
from glassnet.kernels.layout import Array, nchw, nhwc, single
from glassnet.kernels.statistics import Sums
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.walk import Axis, backward_axes, forward_axis
from glassnet.kernels.winograd import Tiles, pays, turned

Size4 = tuple[int, ...]


class Convolution:
    """A convolution of given shapes: its three sums, each worked out when it is first wanted."""

    def __init__(self, x: Size4, w: Size4, win: Window, groups: int, threads: int) -> None:
        self.batch, self.groups, self.window, self.threads = x[0], groups, win, threads
        self.size, self.channels, self.outputs = (x[2], x[3]), x[1], w[0]
        self.out = win.places(*self.size)
        self.taps = win.kernel[0]
        plain = win.kernel in ((3, 3), (5, 5)) and win.stride == win.dilation == (1, 1)
        self.winograd = plain and groups == 1 and pays(x[0], x[1], w[0], self.out, self.taps)
        self.pads = (win.padding[0][0], win.padding[1][0])
        self._axes = list(
            zip(self.size, win.kernel, win.stride, win.padding, win.dilation, strict=True)
        )

    @cached_property
    def depthwise(self) -> Depthwise | None:
        """The sums for a filter a channel, where it is that."""
        if not self.groups == self.channels == self.outputs > 1:
            return None
        made = Depthwise(self.batch, self.channels, self.size, self.out, self._axes)
        return made if made.served else None

    @cached_property
    def tiles(self) -> Tiles:
        """The tiles of y, and of dw."""
        return Tiles((self.batch, *self.size, self.channels), self.outputs, self.out, self.pads,
                     self.taps)  # fmt: skip

    @cached_property
    def tiles_back(self) -> Tiles:
        """The tiles of dx over dy."""
        above, left = self.pads
        around = (self.taps - 1 - above, self.taps - 1 - left)
        return Tiles(self.result, self.channels, self.size, around, self.taps)

    @property
    def result(self) -> Size4:
        """The shape of y as it lies in memory."""
        return (self.batch, *self.out, self.outputs)

    def _sweep(self, rows: Axis, cols: Axis, source: Size3, result: Size3) -> Sweep:
        way = cut(rows, cols, source, result, self.batch, self.threads)
        return Sweep(way, self.batch, self.groups)

    @cached_property
    def forward(self) -> Sweep:
        """y over x."""
        rows, cols = (forward_axis(*axis) for axis in self._axes)
        return self._sweep(rows, cols, (*self.size, self.channels), (*self.out, self.outputs))

    @cached_property
    def backward(self) -> list[Sweep]:
        """dx over dy: a sweep for each phase that sees something."""
        down, across = (backward_axes(*axis) for axis in self._axes)
        source, result = (*self.out, self.outputs), (*self.size, self.channels)
        return [
            self._sweep(rows, cols, source, result)
            for rows in down
            for cols in across
            if rows.taps and cols.taps
        ]

    @property
    def phases(self) -> int:
        """All phases of dx, those that see nothing among them."""
        return min(self.window.stride[0], self.size[0]) * min(self.window.stride[1], self.size[1])


@lru_cache(maxsize=2048)
def convolution(
    x: Size4, w: Size4, stride: Any, padding: Any, dilation: Any, groups: int, threads: int
) -> Convolution | None:
    """The convolution of these shapes; None where the page runs: wrong or empty sizes."""
    win = window(w[2:], stride, padding, dilation)
    fits = groups >= 1 and x[1] == w[1] * groups and w[0] % groups == 0
    if win is None or not fits or not all((*x, *w)) or min(win.places(*x[2:])) < 1:
        return None
    return Convolution(x, w, win, groups, threads)


# -- the twin of conv2d ----------------------------------------------------------------------------
def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Array, Any]:
    """y[n, o, h, w] = bias[o] + sum_cij x[n, c, h s + i d, w s + j d] weight[o, c, i, j]."""
    made = convolution(x.shape, weight.shape, stride, padding, dilation, groups, get_num_threads())
    assert made is not None
    x, kept = nhwc(x), (weight, made, bias is not None, made.winograd and not is_exact())
    y, _ = convolved(x, weight, bias, made, kept[3])
    return nchw(y), (x, *kept)


def convolved(
    x: Array, weight: Array, bias: Array | None, made: Convolution, fast: bool, sums: bool = False
) -> tuple[Array, Sums | None]:
    """y (N, OH, OW, O) of x (N, H, W, C), the way that pays; fast: Winograd's may be it.

    With it, where wanted, the sums of its channels; a filter for each channel takes none along.
    """
    if made.depthwise is not None:
        return made.depthwise.run(x, hwio(weight)[:, :, 0], bias), None
    if fast:
        tiles = made.tiles
        tiled, taken = tiles.run(x, tiles.filters(hwio(weight)), bias, sums)
        if tiled is not None:
            return tiled, taken
    y = memory.empty(made.result)
    return y, made.forward.run(x, weight, False, bias, y, sums)


def conv2d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """dx, dweight and dbias, as the page states them."""
    x, weight, made, biased, fast = cache
    dy = nhwc(dy)
    biased = biased and needs[2]
    dx, dw, db = _shortcut_back(dy, x, weight, made, fast, (*needs[:2], biased))
    if needs[0] and dx is None:
        missing = len(made.backward) < made.phases
        dx = (memory.zeros if missing else memory.empty)(x.shape)
        for sweep in made.backward:
            sweep.run(dy, weight, True, None, dx)
    if (needs[1] and dw is None) or (biased and db is None):
        sums = made.forward.filters(x, dy)  # (G, K + 1, O/G)
        db = sums[:, -1].reshape(-1) if biased else None
        taps = sums[:, : weight[0].size].transpose(1, 0, 2)
        dw = np.ascontiguousarray(taps).reshape(*weight.shape[2:], weight.shape[1], -1)
    return (
        None if dx is None else nchw(dx),
        None if dw is None else dw.transpose(3, 2, 0, 1),
        db,
    )


def _shortcut_back(
    dy: Array, x: Array, weight: Array, made: Convolution, fast: bool, needs: tuple[bool, ...]
) -> tuple[Array | None, Array | None, Array | None]:
    """dx (N, H, W, C), dw (KH, KW, C/G, O), db (O), by a way other than the direct one."""
    dx, dw, db, each = None, None, None, made.depthwise
    if each is not None:
        dx = each.backward_x(dy, hwio(weight)[:, :, 0]) if needs[0] else None
        dw = each.backward_w(x, dy)[:, :, None] if needs[1] else None
        db = dy.sum(0).sum(0).sum(0) if needs[2] else None
    elif fast:
        if needs[0]:
            dx, _ = made.tiles_back.run(dy, made.tiles_back.filters(turned(hwio(weight))), None)
        if needs[1]:
            dw, db = made.tiles.gradient(x, dy, needs[2])
    return dx, dw, db


def hwio(weight: Array) -> Array:
    """(O, C, KH, KW) as a contiguous (KH, KW, C, O): a view where it lies so, else a copy."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def _serves(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    if not single(x, weight, bias) or x.ndim != 4 or weight.ndim != 4:
        return False
    if bias is not None and (bias.shape != weight.shape[:1] or not bias.flags.c_contiguous):
        return False
    try:
        hash((stride, padding, dilation))
    except TypeError:  # a list where a tuple could be: the page takes both
        return False
    shapes = (x.shape, weight.shape, stride, padding, dilation, groups)
    return convolution(*shapes, get_num_threads()) is not None


# -- the twin of conv1d: height 1 ------------------------------------------------------------------
def conv1d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Array, Any]:
    """y[n, o, l] = bias[o] + sum over c, i of x[n, c, l s + i d] weight[o, c, i]."""
    y, cache = conv2d_forward(
        x[:, :, None],
        weight[:, :, None],
        bias,
        flat(stride),
        flat_sides(padding),
        flat(dilation),
        groups,
    )
    return y[:, :, 0], cache


def conv1d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """dx, dweight and dbias of conv2d, without the height."""
    dx, dw, db = conv2d_backward(dy[:, :, None], cache, needs)
    return None if dx is None else dx[:, :, 0], None if dw is None else dw[:, :, 0], db


def flat(size: Any) -> Any:
    """A number of a sequence, n or (n,), as (along H, along W) of an image of height 1."""
    return (1, *size) if isinstance(size, tuple) else (1, size)


def flat_sides(padding: Any) -> Any:
    """Padding of a sequence as that of an image of height 1."""
    if isinstance(padding, str):
        return padding
    sides = padding if isinstance(padding, tuple) else (padding,)
    if len(sides) == 1:
        sides = sides[0] if isinstance(sides[0], tuple) else (sides[0], sides[0])
    return (0, 0), sides


def _serves_1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    if not single(x, weight) or x.ndim != 3 or weight.ndim != 3:
        return False
    sizes = flat(stride), flat_sides(padding), flat(dilation)
    return _serves(x[:, :, None], weight[:, :, None], bias, *sizes, groups)


register("conv2d", conv2d_forward, conv2d_backward, _serves)
register("conv1d", conv1d_forward, conv1d_backward, _serves_1d)
