"""Convolution, bias, residual and activation in one walk: the twin of `conv2d_act`.

A 1 x 1 filter is a product of matrices (`pointwise.py`), a filter for each channel goes its own way
(`depthwise.py`), and so does everything else, directly or by Winograd's tiles (`conv.py`). All of
them take the activation along but Winograd's; where the sum with a residual is not part of the
walk, it is a second one over y, in place.
"""

from __future__ import annotations

from typing import Any

from glassnet.kernels import activation as curves
from glassnet.kernels import conv
from glassnet.kernels.activation import curved
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.exact import is_exact
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, dense, in_layout_of, nchw, nhwc, no_bias, single
from glassnet.kernels.pointwise import filters, kept, product, tile_of
from glassnet.kernels.ready import Empty, Launch, Ready, run_all
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.vector import Floats, lanes, load_part, store_part
from glassnet.kernels.winograd import finite

CURVES = ("none", "relu", "relu6")  # their derivative follows from y


# -- the ways, kept ready --------------------------------------------------------------------------
def prepare(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    residual: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str = "relu",
) -> Ready:
    """Its forward for these shapes and filters."""
    made = _made(x, weight, stride, padding, dilation, groups)
    if made.is_product:
        return _product(made, weight, bias, activation)
    if made.depthwise is not None:
        return _each(made, weight, bias, activation)
    return _general(made, weight, bias, activation)


def _made(x: Array, weight: Array, *options: Any) -> conv.Convolution:
    made = conv.convolution(x.shape, weight.shape, *options, get_num_threads())
    assert made is not None
    return made


def _product(made: conv.Convolution, weight: Array, bias: Array | None, curve: str) -> Ready:
    panels, tile = kept((weight, bias), "product", filters), tile_of(made.outputs)
    sizes = (made.batch * made.out[0] * made.out[1], made.channels, made.outputs)

    def bind(x: Array, r: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
        y = empty(made.result)
        return nchw(y), [product(sizes, x, panels, tile, r, y, curve)]

    return Ready(bind)


def _each(made: conv.Convolution, weight: Array, bias: Array | None, curve: str) -> Ready:
    each = made.depthwise
    assert each is not None and each.forward is not None
    taps = each.forward.taps(conv.hwio(weight)[:, :, 0])
    start = no_bias(made.channels) if bias is None else bias

    def bind(x: Array, r: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
        y = empty(made.result)
        launches = [each.apply(x, taps, start, y, curve if r is None else "none")]
        return nchw(y), launches if r is None else [*launches, _sum_in_place(y, r, curve)]

    return Ready(bind)


def _general(made: conv.Convolution, weight: Array, bias: Array | None, curve: str) -> Ready:
    def bind(x: Array, r: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
        packed = kept((weight, bias), made, lambda w, b: made.forward.packed(w, False, b))
        y = empty(made.result)
        launches = [made.forward.apply(x, packed, y, curve if r is None else "none", empty)]
        return nchw(y), launches if r is None else [*launches, _sum_in_place(y, r, curve)]

    direct = Ready(bind)

    def tiled(x: Array, r: Array | None) -> Array:
        """Winograd's tiles, where they are allowed and finite."""
        if is_exact():
            return direct(x, r)
        U, todo = kept((weight,), "winograd", made.tile_filters), list[Launch]()
        y, bad, _ = made.tiles.apply(nhwc(x), U, bias, todo)
        if r is not None:
            todo.append(_sum_in_place(y, r, curve))
        elif curve != "none":
            todo.append(_in_place(y, curve))
        run_all(todo)
        return nchw(y) if finite(bad) else direct(x, r)

    return Ready(None, tiled) if made.winograd else direct


@task
def sum_up(begin: int, end: int, y: Floats, r: Floats, *, curve: str) -> None:
    """y = curve(y + r), entries `begin` to `end`."""
    for i in range(begin, end, lanes()):
        count = min(end - i, lanes())
        store_part(y + i, curved(load_part(y + i, count) + load_part(r + i, count), curve), count)


def _sum_in_place(y: Array, r: Array, curve: str) -> Launch:
    """curve(y + r), written over y."""
    return sum_up.compiled(curve=curve), (y.size, parts(y.size, 3 * y.size), y, r)


def _in_place(y: Array, curve: str) -> Launch:
    """curve(y), written over y."""
    run = curves.walk_up.compiled(curve=curve)
    return run, (y.size, parts(y.size, 2 * y.size), y, y, 0.0)


# -- the twin --------------------------------------------------------------------------------------
def conv2d_act_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    residual: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str = "relu",
) -> tuple[Array, Any]:
    """y = activation(conv2d(x, weight, bias) + residual)."""
    options = (stride, padding, dilation, groups)
    x, r = nhwc(x), None if residual is None else nchw(nhwc(residual))
    y = prepare(nchw(x), weight, bias, r, *options, activation)(nchw(x), r)
    made = _made(nchw(x), weight, *options)
    inner = (x, weight, made, bias is not None, made.winograd and not is_exact())
    return y, (inner, y, activation, r is not None)


def conv2d_act_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True, True)
) -> tuple[Array | None, ...]:
    """The activation's gradient, which is the residual's, then those of conv2d."""
    inner, y, activation, added = cache
    dz = dy if activation == "none" else curves.run_down(activation, dy, dense(y), 0.0)
    gradients = conv.conv2d_backward(in_layout_of(dz, y), inner, needs[:3])
    return (*gradients, dz) if added else gradients


def _serves(
    x: Any,
    weight: Any,
    bias: Any = None,
    residual: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str = "relu",
) -> bool:
    options = (stride, padding, dilation, groups)
    if activation not in CURVES or not conv._serves(x, weight, bias, *options):
        return False
    if residual is None:
        return True
    shape = (len(x), len(weight), *_made(x, weight, *options).out)
    return single(residual) and residual.shape == shape


register("conv2d_act", conv2d_act_forward, conv2d_act_backward, _serves, prepare, (0, 3))
