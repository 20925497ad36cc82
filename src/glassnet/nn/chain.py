"""chain(): layers in a row, of which neighbours compute together where that changes nothing.

`nn.Sequential` runs its layers through it, and the blocks of models do; so a batch norm and the
ReLU behind it are one walk over memory, while both stay layers with their names and parameters.
The parts run one by one as soon as somebody could tell the difference: a hook on one of them, a
swap of one of their operations, a subclass or a `forward` of one's own. In evaluation, where no
gradient is wanted, a convolution takes the norm and the activation behind it along (`fold.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.nn.activation import GELU, ReLU, ReLU6, SiLU
from glassnet.nn.bottleneck import bottleneck
from glassnet.nn.conv import Conv2d
from glassnet.nn.fold import fixed_norm, folded, plain_conv, usual
from glassnet.nn.module import Module
from glassnet.nn.norm import BatchNorm1d, BatchNorm2d
from glassnet.nn.pool import MaxPool2d
from glassnet.nn.shape import Identity
from glassnet.operation import SWAPS
from glassnet.tape import is_grad_enabled
from glassnet.tensor import Tensor

_ON: ContextVar[bool] = ContextVar("fusion", default=True)
CURVES: dict[type[Module], str] = {ReLU: "relu", ReLU6: "relu6", GELU: "gelu", SiLU: "silu"}
WITH_RESIDUAL = (ReLU, ReLU6)  # after a sum: their derivative follows from their value


class fusion(AbstractContextManager["fusion"]):
    """Whether layers in a row may compute together, in this thread and task; by itself they do.

    `gn.fusion(False)` as a call (until `.undo()`) or as a context manager runs every layer by
    itself. Nothing but speed, and the last bits of float32, depends on it.
    """

    def __init__(self, on: bool = True) -> None:
        self._before = _ON.get()
        _ON.set(on)

    def undo(self) -> None:
        """Put back what was there before."""
        _ON.set(self._before)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.undo()


def chain(x: Any, *layers: Module, add: Tensor | None = None) -> Any:
    """layers[-1](... layers[0](x)); `add` is added to what the last layer, an activation, gets.

    >>> y = chain(x, self.conv1, self.bn1, self.relu)  # doctest: +SKIP
    >>> return chain(y, self.conv2, self.bn2, self.relu, add=shortcut)  # doctest: +SKIP

    Where a block ends in a sum without an activation, `nn.Identity()` is its last layer.
    """
    i, last, fuse = 0, len(layers) - 1, _ON.get()
    evaluating = fuse and not is_grad_enabled()
    while i <= last:
        layer = layers[i]
        if evaluating and (i < last or add is None):
            y, count = _evaluated(x, layers[i:], add)
            if count:
                x, i = y, i + count
                continue
        residual = add if i + 1 == last else None
        if fuse and i < last and type(layer) in _TOGETHER:
            y = _TOGETHER[type(layer)](x, layer, layers[i + 1], residual)
            if y is not None:
                x, i = y, i + 2
                continue
        if i == last and add is not None:
            x = x + add
        x, i = layer(x), i + 1
    return x


def _swapped(*operations: str) -> bool:
    """Whether the user's own function stands in the place of one of these."""
    swaps = SWAPS.get()
    return bool(swaps) and not swaps.keys().isdisjoint(operations)


def _norm_and_activation(x: Any, norm: Any, layer: Module, add: Tensor | None) -> Any:
    """activation(norm(x) + add), or None where the parts have to run."""
    curve = CURVES.get(type(layer))
    if curve is None or not norm.training or norm.frozen or not usual(norm, layer):
        return None
    if isinstance(layer, GELU) and layer.approximate != "none":
        return None
    if add is not None and (type(layer) not in WITH_RESIDUAL or add.shape != x.shape):
        return None
    if _swapped("batch_norm", "add", curve):
        return None
    try:
        return norm.normalise(x, partial(ops.batch_norm_act, residual=add, activation=curve))
    except ShapeError:  # the layer that is to blame will raise it, with its name
        return None


def _relu_and_pool(x: Any, relu: Module, layer: Any, add: Tensor | None) -> Any:
    """pool(relu(x)), or None where the parts have to run."""
    if type(layer) is not MaxPool2d or add is not None or not usual(relu, layer):
        return None
    if layer.dilation != 1 or layer.ceil_mode or _swapped("relu", "max_pool2d"):
        return None
    try:
        return ops.relu_max_pool2d(x, layer.kernel_size, layer.stride, layer.padding)
    except ShapeError:
        return None


def _evaluated(x: Any, layers: Sequence[Module], add: Tensor | None) -> tuple[Any, int]:
    """What the first of `layers` make of x together, and how many they are: 0 where parts run."""
    y, count = _bottleneck(x, layers, add)
    if not count and isinstance(layers[0], Conv2d):
        y, count = _convolution(x, layers[0], layers[1:], add)
    return y, count


def _convolution(x: Any, conv: Conv2d, after: Any, add: Tensor | None) -> tuple[Any, int]:
    """activation(norm(conv(x))) in evaluation, and how many layers that is: 0 where parts run.

    A convolution alone takes this way too: the kernels need not lay its filters out at each call.
    """
    norm = after[0] if after and fixed_norm(after[0], conv) else None
    rest = after if norm is None else after[1:]
    act = rest[0] if rest and type(rest[0]) in WITH_RESIDUAL else None
    if act is not None and add is not None and len(rest) == 1:
        act = None  # add comes before it
    curve = "none" if act is None else CURVES[type(act)]
    if not plain_conv(conv) or (act is not None and not usual(act)):
        return None, 0
    if _swapped("conv2d", "batch_norm", "batch_norm_eval", curve):
        return None, 0
    made = folded(conv, norm)
    try:
        y = ops.conv2d_act(x, made.weight, made.bias, *conv.window(x), curve)
    except ShapeError:
        return None, 0
    return y, 1 + (norm is not None) + (act is not None)


def _bottleneck(x: Any, layers: Sequence[Module], add: Tensor | None) -> tuple[Any, int]:
    """An inverted bottleneck that `layers` begin with, and how many they are: 0 for none.

    `add` is added to it where nothing but an Identity is left after it.
    """
    found = bottleneck(x, layers)
    if found is None or _swapped("conv2d", "batch_norm", "batch_norm_eval", found.curve):
        return None, 0
    one, two, three = (folded(*both) for both in zip(found.convs, found.norms, strict=True))
    rest = layers[found.length :]
    if add is not None and not rest:  # it comes before the last layer
        return None, 0
    ends = len(rest) == 1 and type(rest[0]) is Identity and usual(rest[0])
    residual = add if ends and not _swapped("add") else None
    stride, padding, dilation, _ = found.convs[1].window(x)
    if dilation not in (1, (1, 1)):
        return None, 0
    try:
        y = ops.bottleneck(
            x, one.weight, one.bias, two.weight, two.bias, three.weight, three.bias, residual,
            stride=stride, padding=padding, activation=found.curve,
        )  # fmt: skip
    except ShapeError:  # the layer that is to blame will raise it, with its name
        return None, 0
    return y, found.length + (residual is not None)


_TOGETHER: dict[type[Module], Any] = {
    BatchNorm1d: _norm_and_activation,
    BatchNorm2d: _norm_and_activation,
    ReLU: _relu_and_pool,
}
