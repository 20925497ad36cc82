"""chain(): layers in a row, of which neighbours compute together where that changes nothing.

`nn.Sequential` runs its layers through it, and the blocks of models do; so a batch norm and the
ReLU behind it are one walk over memory, and a convolution before them adds up its channels as it
goes, while all stay layers with their names and parameters.
The parts run one by one as soon as somebody could tell the difference: a hook on one of them, a
swap of one of their operations, a subclass or a `forward` of one's own. In evaluation, where no
gradient is wanted, convolutions take along what stands behind them (`evaluate.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.nn.activation import GELU, ReLU, ReLU6, SiLU
from glassnet.nn.conv import Conv2d
from glassnet.nn.evaluate import evaluate, swapped
from glassnet.nn.fold import usual
from glassnet.nn.linear import Linear
from glassnet.nn.module import Module
from glassnet.nn.norm import BatchNorm1d, BatchNorm2d
from glassnet.nn.plan import FUSION
from glassnet.nn.pool import MaxPool2d
from glassnet.tape import is_grad_enabled
from glassnet.tensor import Tensor

CURVES: dict[type[Module], str] = {ReLU: "relu", ReLU6: "relu6", GELU: "gelu", SiLU: "silu"}
WITH_RESIDUAL = (ReLU, ReLU6)  # also after a sum: their derivative follows from their value


class fusion(AbstractContextManager["fusion"]):
    """Whether layers in a row may compute together, in this thread and task; by itself they do.

    `gn.fusion(False)` as a call (until `.undo()`) or as a context manager runs every layer by
    itself. Nothing but speed, and the last bits of float32, depends on it.
    """

    def __init__(self, on: bool = True) -> None:
        self._before = FUSION.get()
        FUSION.set(on)

    def undo(self) -> None:
        """Put back what was there before."""
        FUSION.set(self._before)

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
    i, last, fuse = 0, len(layers) - 1, FUSION.get()
    evaluating = fuse and not is_grad_enabled()
    while i <= last:
        layer = layers[i]
        if evaluating and (i < last or add is None):
            y, count = evaluate(x, layers[i:], add)
            if count:
                x, i = y, i + count
                continue
        if fuse and i < last and type(layer) in _TOGETHER:
            y, count = _TOGETHER[type(layer)](x, layers[i:], add)
            if count:
                x, i = y, i + count
                continue
        if i == last and add is not None:
            x = x + add
        x, i = layer(x), i + 1
    return x


# Each gives what the first of `layers` make of x together, and how many they are: 0 where the parts
# have to run. `add` is added to what the last of `layers` gets.
Together = tuple[Any, int]
NOT_TOGETHER: Together = (None, 0)


def _convolution_and_norm(x: Any, layers: Sequence[Any], add: Tensor | None) -> Together:
    """activation(norm(conv(x)) + add)."""
    conv, norm = layers[:2]
    if type(norm) is not BatchNorm2d or len(layers) < 3:
        return NOT_TOGETHER
    residual = add if len(layers) == 3 else None
    curve = _curve_behind(norm, layers[2], residual)
    if curve is None or not usual(conv) or swapped("conv2d"):
        return NOT_TOGETHER
    stride, padding, dilation, groups = conv.window(x)

    def together(x: Tensor, mean: Any, var: Any, weight: Any, bias: Any, **options: Any) -> Tensor:
        return ops.conv2d_norm_act(
            x, conv.weight, conv.bias, mean, var, weight, bias, residual,
            stride, padding, dilation, groups, activation=curve, **options,
        )  # fmt: skip

    try:
        return norm.normalise(x, together), 3
    except ShapeError:  # the layer that is to blame will raise it, with its name
        return NOT_TOGETHER


def _norm_and_activation(x: Any, layers: Sequence[Any], add: Tensor | None) -> Together:
    """activation(norm(x) + add)."""
    norm, residual = layers[0], add if len(layers) == 2 else None
    curve = _curve_behind(norm, layers[1], residual)
    if curve is None or (residual is not None and residual.shape != x.shape):
        return NOT_TOGETHER
    try:
        together = partial(ops.batch_norm_act, residual=residual, activation=curve)
        return norm.normalise(x, together), 2
    except ShapeError:
        return NOT_TOGETHER


def _curve_behind(norm: Any, layer: Module, residual: Tensor | None) -> str | None:
    """The activation behind a norm in training, where the two, and a sum, may be one."""
    curve = CURVES.get(type(layer))
    if curve is None or not norm.training or norm.frozen or not usual(norm, layer):
        return None
    if isinstance(layer, GELU) and layer.approximate != "none":
        return None
    if residual is not None and type(layer) not in WITH_RESIDUAL:
        return None
    return None if swapped("batch_norm", "add", curve) else curve


def _linear_and_activation(x: Any, layers: Sequence[Any], add: Tensor | None) -> Together:
    """activation(linear(x))."""
    linear, act = layers[:2]
    if type(act) not in WITH_RESIDUAL or (add is not None and len(layers) == 2):
        return NOT_TOGETHER
    curve = CURVES[type(act)]
    if not usual(linear, act) or swapped("linear", curve):
        return NOT_TOGETHER
    try:
        return ops.linear_act(x, linear.weight, linear.bias, curve), 2
    except ShapeError:
        return NOT_TOGETHER


def _relu_and_pool(x: Any, layers: Sequence[Any], add: Tensor | None) -> Together:
    """pool(relu(x))."""
    relu, pool = layers[:2]
    if type(pool) is not MaxPool2d or (add is not None and len(layers) == 2):
        return NOT_TOGETHER
    if not usual(relu, pool) or pool.dilation != 1 or pool.ceil_mode:
        return NOT_TOGETHER
    if swapped("relu", "max_pool2d"):
        return NOT_TOGETHER
    try:
        return ops.relu_max_pool2d(x, pool.kernel_size, pool.stride, pool.padding), 2
    except ShapeError:
        return NOT_TOGETHER


_TOGETHER: dict[type[Module], Any] = {
    Conv2d: _convolution_and_norm,
    BatchNorm1d: _norm_and_activation,
    BatchNorm2d: _norm_and_activation,
    Linear: _linear_and_activation,
    ReLU: _relu_and_pool,
}
