"""chain(): layers in a row, of which neighbours compute together where that changes nothing.

`nn.Sequential` runs its layers through it, and the blocks of models do; so a batch norm and the
ReLU behind it are one walk over memory, while both stay layers with their names and parameters.
The parts run one by one as soon as somebody could tell the difference: a hook on one of them, a
swap of one of their operations, a subclass or a `forward` of one's own. In evaluation, where no
gradient is wanted, convolutions take along what stands behind them (`evaluate.py`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.nn.activation import GELU, ReLU, ReLU6, SiLU
from glassnet.nn.evaluate import evaluate, swapped
from glassnet.nn.fold import usual
from glassnet.nn.module import Module
from glassnet.nn.norm import BatchNorm1d, BatchNorm2d
from glassnet.nn.plan import FUSION
from glassnet.nn.pool import MaxPool2d
from glassnet.tape import is_grad_enabled
from glassnet.tensor import Tensor

CURVES: dict[type[Module], str] = {ReLU: "relu", ReLU6: "relu6", GELU: "gelu", SiLU: "silu"}
WITH_RESIDUAL = (ReLU, ReLU6)  # after a sum: their derivative follows from their value


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


def _norm_and_activation(x: Any, norm: Any, layer: Module, add: Tensor | None) -> Any:
    """activation(norm(x) + add), or None where the parts have to run."""
    curve = CURVES.get(type(layer))
    if curve is None or not norm.training or norm.frozen or not usual(norm, layer):
        return None
    if isinstance(layer, GELU) and layer.approximate != "none":
        return None
    if add is not None and (type(layer) not in WITH_RESIDUAL or add.shape != x.shape):
        return None
    if swapped("batch_norm", "add", curve):
        return None
    try:
        return norm.normalise(x, partial(ops.batch_norm_act, residual=add, activation=curve))
    except ShapeError:  # the layer that is to blame will raise it, with its name
        return None


def _relu_and_pool(x: Any, relu: Module, layer: Any, add: Tensor | None) -> Any:
    """pool(relu(x)), or None where the parts have to run."""
    if type(layer) is not MaxPool2d or add is not None or not usual(relu, layer):
        return None
    if layer.dilation != 1 or layer.ceil_mode or swapped("relu", "max_pool2d"):
        return None
    try:
        return ops.relu_max_pool2d(x, layer.kernel_size, layer.stride, layer.padding)
    except ShapeError:
        return None


_TOGETHER: dict[type[Module], Any] = {
    BatchNorm1d: _norm_and_activation,
    BatchNorm2d: _norm_and_activation,
    ReLU: _relu_and_pool,
}
