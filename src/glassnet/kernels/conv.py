"""Convolution: the twin of `ops/conv.py`, and the ways it can go.

    N batch, C channels, H W height width, O outputs, G groups; x (N, H, W, C), y (N, OH, OW, O)

Any convolution can be summed directly (`direct.py`, the one to read first). Where each channel has
a filter of its own there is no sum over channels, and rows of an image are what stays in registers
(`depthwise.py`). Where filters are 3 x 3 or 5 x 5 with stride 1 and many channels, Winograd's tiles
need a quarter to a third of the multiplications (`winograd.py`), at the price of a digit;
`gn.exact()` does without. Where filters are 1 x 1 and pixels few it is a product of matrices
(`linear.py`), which does not lay the filters out before.
What depends on shapes alone is worked out once for each shape and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np

from glassnet.kernels import launch, memory
from glassnet.kernels.depthwise import Depthwise
from glassnet.kernels.direct import Size3, Sweep, clear, cut
from glassnet.kernels.dispatch import register
from glassnet.kernels.exact import is_exact
from glassnet.kernels.geometry import Window, window
from glassnet.kernels.layout import Array, nchw, nhwc, single
from glassnet.kernels.linear import times
from glassnet.kernels.ready import Launch, run_all
from glassnet.kernels.statistics import Sums
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.walk import Axis, backward_axes, forward_axis
from glassnet.kernels.winograd import Tiles, finite, pays, turned

Size4 = tuple[int, ...]
FEW = 1024  # pixels, up to which filters are better read where they lie than laid out first


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

    def tile_filters(self, weight: Array) -> Array:
        """The filters (O, C, K, K) as the tiles of y take them."""
        todo: list[Launch] = []
        U = self.tiles.filters(hwio(weight), todo)
        run_all(todo)
        return U

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

    @cached_property
    def is_product(self) -> bool:
        """Whether it is a product of matrices, a 1 x 1 filter at every pixel."""
        kernel, stride, padding, _ = self.window
        return kernel == stride == (1, 1) and padding == ((0, 0), (0, 0)) and self.groups == 1

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
    x = nhwc(x)
    for fast in (made.winograd and not is_exact(), False):  # a second time where it has to be
        todo: list[Launch] = []
        y, bad, _ = convolved(x, weight, bias, made, fast, todo)
        run_all(todo)
        if bad is None or finite(bad):
            break
    return nchw(y), (x, weight, made, bias is not None, fast)


def convolved(
    x: Array, weight: Array, bias: Array | None, made: Convolution, fast: bool,
    todo: list[Launch], sums: bool = False,
) -> tuple[Array, Array | None, Sums | None]:  # fmt: skip
    """y (N, OH, OW, O) of x (N, H, W, C), when `todo` will have been done.

    fast: by Winograd's tiles, where that pays; then it is to be seen whether they were `finite`.
    With y come, where they are wanted, the sums of its channels; a filter for each channel takes
    none along.
    """
    if made.depthwise is not None:
        return made.depthwise.run(x, hwio(weight)[:, :, 0], bias), None, None
    if fast:
        return made.tiles.apply(x, made.tiles.filters(hwio(weight), todo), bias, todo, sums)
    if made.is_product and made.batch * prod(made.out) <= FEW and not sums:
        rows = x.reshape(-1, made.channels)
        return times(rows, hwio(weight)[0, 0], todo, bias=bias).reshape(made.result), None, None
    y = memory.empty(made.result)
    return y, None, made.forward.gather(x, weight, False, bias, y, todo, sums)


def conv2d_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """dx, dweight and dbias, as the page states them."""
    todo: list[Launch] = []
    finish = gather_back(nhwc(dy), cache, needs, todo)
    run_all(todo)
    return finish()


Gradients = tuple[Array | None, Array | None, Array | None]


def gather_back(
    dy: Array, cache: Any, needs: tuple[bool, ...], todo: list[Launch]
) -> Callable[[], Gradients]:
    """What gives the gradients of dy (N, OH, OW, O) once `todo` has been done."""
    x, weight, made, biased, fast = cache
    wants = (needs[0], needs[1], biased and needs[2])
    if made.depthwise is not None:
        run_all(todo)  # dy may be among it
        todo.clear()
        return _each_back(dy, x, weight, made, wants)
    return (_tiled_back if fast else _direct_back)(dy, x, weight, made, wants, todo)


def _each_back(
    dy: Array, x: Array, weight: Array, made: Convolution, wants: tuple[bool, ...]
) -> Callable[[], Gradients]:
    """By a filter for each channel."""
    each = made.depthwise
    assert each is not None
    dx = each.backward_x(dy, hwio(weight)[:, :, 0]) if wants[0] else None
    dw = each.backward_w(x, dy)[:, :, None] if wants[1] else None
    db = dy.sum(0).sum(0).sum(0) if wants[2] else None
    return lambda: _as_given(dx, dw, db)


def _tiled_back(
    dy: Array, x: Array, weight: Array, made: Convolution, wants: tuple[bool, ...],
    todo: list[Launch],
) -> Callable[[], Gradients]:  # fmt: skip
    """By Winograd's tiles, and where they were not finite directly."""
    of_x, of_w, back = None, None, made.tiles_back
    if wants[0]:
        U = back.filters(turned(hwio(weight), todo), todo)
        of_x = back.apply(dy, U, None, todo)
    if wants[1] or wants[2]:
        of_w = made.tiles.gradient(x, dy, wants[2], todo)

    def finish() -> Gradients:
        sums = None if of_w is None else of_w[2]
        db = None if sums is None else sums.sum(0).astype(np.float32)
        dx, dw, db = _as_given(of_x and of_x[0], of_w and of_w[0], db)
        bad_x, bad_w = (of is not None and not finite(of[1]) for of in (of_x, of_w))
        if bad_x or bad_w:
            again: list[Launch] = []
            directly = _direct_back(dy, x, weight, made, (bad_x, bad_w, False), again)
            run_all(again)
            other_x, other_w, _ = directly()
            dx, dw = other_x if bad_x else dx, other_w if bad_w else dw
        return dx, dw, db

    return finish


def _direct_back(
    dy: Array, x: Array, weight: Array, made: Convolution, wants: tuple[bool, ...],
    todo: list[Launch],
) -> Callable[[], Gradients]:  # fmt: skip
    """By sums."""
    dx = None
    if wants[0]:
        dx = memory.empty(x.shape)
        if len(made.backward) < made.phases:  # a pixel that no filter sees stays 0
            todo.append(
                (clear.compiled(), (len(dx), launch.parts(len(dx), dx.size), dx, dx[0].size))
            )
        for sweep in made.backward:
            sweep.gather(dy, weight, True, None, dx, todo)
    parts = made.forward.filters(x, dy, todo) if wants[1] or wants[2] else None

    def finish() -> Gradients:
        if parts is None:
            return _as_given(dx, None, None)
        sums = made.forward.collected(parts)  # (G, K + 1, O/G)
        taps = sums[:, : weight[0].size].transpose(1, 0, 2)
        dw = np.ascontiguousarray(taps).reshape(*weight.shape[2:], weight.shape[1], -1)
        return _as_given(dx, dw, sums[:, -1].reshape(-1) if wants[2] else None)

    return finish


def _as_given(dx: Array | None, dw: Array | None, db: Array | None) -> Gradients:
    """dx (N, H, W, C), dw (KH, KW, C/G, O) and db with the axes of x, weight and bias."""
    dx = None if dx is None else nchw(dx)
    return dx, None if dw is None else dw.transpose(3, 2, 0, 1), db


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
