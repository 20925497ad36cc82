"""Layers at the head of a row that are one operation in evaluation, and calls that are kept ready.

Where no gradient is wanted a convolution takes the norm, the sum and the activation behind it
along, and an inverted bottleneck is one walk (`fold.py`, `bottleneck.py`). To find that out, and to
lay filters out, takes longer than many a layer computes; so the call is kept (`Ready`) and made
again at once for images of the same size, as long as nothing was touched anywhere that could matter
(`tape.Touched`): a parameter, a layer, its mode, a hook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

from glassnet import kernels, ops
from glassnet.errors import ShapeError
from glassnet.kernels import dispatch
from glassnet.kernels.threads import get_num_threads
from glassnet.nn.activation import ReLU, ReLU6
from glassnet.nn.bottleneck import bottleneck
from glassnet.nn.fold import fixed_norm, folded, plain_conv, usual
from glassnet.nn.module import Module
from glassnet.nn.shape import Identity
from glassnet.operation import SWAPS, WATCHER
from glassnet.tape import Array, Touched
from glassnet.tensor import Tensor

CURVES: dict[type[Module], str] = {ReLU: "relu", ReLU6: "relu6"}


class Together(NamedTuple):
    """An operation of (x, *filters, add if `adds`, **options) for the first `length` layers.

    convs and norms: where its filters come from.
    """

    operation: str
    convs: Sequence[Any]
    norms: Sequence[Any]
    adds: bool
    options: dict[str, Any]
    length: int

    def filters(self) -> list[Tensor | None]:
        """Filters and bias of each convolution with its norm folded in."""
        made = [folded(conv, norm) for conv, norm in zip(self.convs, self.norms, strict=True)]
        return [tensor for one in made for tensor in (one.weight, one.bias)]


def evaluate(x: Any, layers: Sequence[Module], add: Tensor | None) -> tuple[Any, int]:
    """What the first of `layers` make of x together, and how many they are: 0 where parts run.

    `add` is added to what the last layer gets, where that is an activation or Identity.
    """
    ready, now = _READY.get(layers[0]), Touched.now
    if ready is not None and ready.holds(x, layers, add):
        return ready(x, add), ready.length
    found = _bottleneck(x, layers, add) or _convolution(x, layers, add)
    if found is None:
        return None, 0
    filters, residual = found.filters(), add if found.adds else None
    try:
        y = getattr(ops, found.operation)(x, *filters, residual, **found.options)
    except ShapeError:  # the layer that is to blame will raise it, with its name
        return None, 0
    if residual is add:
        _keep(Ready(x, layers, add, found, filters, now), layers, x, add)
    return y, found.length


def swapped(*operations: str) -> bool:
    """Whether the user's own function stands in the place of one of these."""
    swaps = SWAPS.get()
    return bool(swaps) and not swaps.keys().isdisjoint(operations)


STATISTICS = ("running_mean", "running_var")
_PARTS = ("conv2d", "batch_norm", "batch_norm_eval")


def _convolution(x: Any, layers: Sequence[Any], add: Tensor | None) -> Together | None:
    """activation(norm(conv(x)) + add).

    A convolution alone goes this way too: its filters need not be laid out at each call.
    """
    conv = layers[0]
    if not plain_conv(conv) or swapped(*_PARTS) or (add is not None and len(layers) == 1):
        return None
    norm = layers[1] if len(layers) > 1 and fixed_norm(layers[1], conv) else None
    rest = layers[1 if norm is None else 2 :]
    act: Any = rest[0] if rest and usual(rest[0]) else None
    here = add is not None and len(rest) == 1  # add comes before what is left
    adds = here and type(act) in (Identity, *CURVES) and not swapped("add")
    curve = CURVES.get(type(act), "none") if adds or not here else "none"
    if swapped(curve):
        return None
    stride, padding, dilation, groups = conv.window(x)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    length = 1 + (norm is not None) + (curve != "none" or adds)
    options["activation"] = curve
    return Together("conv2d_act", (conv,), (norm,), adds, options, length)


def _bottleneck(x: Any, layers: Sequence[Any], add: Tensor | None) -> Together | None:
    """An inverted bottleneck, + add where nothing but an Identity is left."""
    found = bottleneck(x, layers)
    if found is None or swapped(*_PARTS, found.curve):
        return None
    rest = layers[found.length :]
    if add is not None and not rest:  # it comes before the last layer
        return None
    stride, padding, dilation, _ = found.convs[1].window(x)
    if dilation not in (1, (1, 1)):
        return None
    ends = add is not None and len(rest) == 1 and type(rest[0]) is Identity and usual(rest[0])
    adds = ends and not swapped("add")
    options = {"stride": stride, "padding": padding, "activation": found.curve}
    return Together(
        "bottleneck", found.convs, found.norms, adds, options, found.length + adds
    )  # fmt: skip


# -- calls that are kept ready ---------------------------------------------------------------------
class Ready:
    """A call of an operation's twin, and what has to be as it was for it to be right.

    now: `Touched.now` when that was looked at last.
    """

    run: Callable[[Array, Array | None], Array]  # a `kernels.ready.Ready`

    def __init__(
        self,
        x: Tensor,
        layers: Sequence[Module],
        add: Tensor | None,
        found: Together,
        filters: list[Tensor | None],
        now: int,
    ) -> None:
        self.now, self.length, self.filters = now, found.length, filters
        self.form = (_form(x), _form(add), get_num_threads())
        self.row = [ref(layer) for layer in layers[: found.length + 1]]
        self.ends = found.length == len(layers)
        self.call = (found.operation, found.options)
        buffers = [getattr(norm, name) for norm in found.norms if norm for name in STATISTICS]
        self.buffers = [(tensor, tensor.data) for tensor in buffers]

    def holds(self, x: Any, layers: Sequence[Any], add: Any) -> bool:
        """Whether the call is right for these images and these layers as they are now."""
        if self.now != Touched.now or SWAPS.get() or WATCHER.get() is not None:
            return False
        if (_form(x), _form(add), get_num_threads()) != self.form:
            return False
        if self.ends is not (self.length == len(layers)) or dispatch.MODE == "reference":
            return False
        for known, layer in zip(self.row, layers, strict=False):
            if known() is not layer:
                return False
        return all(tensor.data is data for tensor, data in self.buffers)

    def equals(self, other: Ready) -> bool:
        """Whether it is the same call, whatever else has been touched."""
        same = zip(self.filters, other.filters, strict=False)
        return self.form == other.form and self.call == other.call and all(a is b for a, b in same)

    def __call__(self, x: Tensor, add: Tensor | None) -> Tensor:
        return Tensor(self.run(x.data, None if add is None else add.data))


_READY: WeakKeyDictionary[Module, Ready] = WeakKeyDictionary()  # by the first of the layers


def _form(x: Any) -> Any:
    """What decides how a kernel goes through a tensor's array."""
    if not isinstance(x, Tensor):
        return None if x is None else type(x)
    data = x.data
    return data.shape, data.strides, data.dtype


def _keep(new: Ready, layers: Sequence[Module], x: Tensor, add: Tensor | None) -> None:
    """Keep a call, if the operation's twin can; what an equal one before it worked out serves."""
    known = _READY.get(layers[0])
    if known is not None and known.equals(new):
        new.run = known.run
    else:
        name, options = new.call
        arrays = [t if t is None else t.data for t in (x, *new.filters, add)]
        run = kernels.prepared(name, arrays, options)
        if run is None:
            return
        new.run = run
    _READY[layers[0]] = new
