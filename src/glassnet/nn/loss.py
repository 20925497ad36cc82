"""Losses as layers, for those who like to hold one; the formulas stand in `ops/loss.py`.

N batch, K classes. `reduction` is "mean", "sum" or "none". Nothing broadcasts: a loss between
(N, 1) and (N,) raises ShapeError.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glassnet import ops
from glassnet.nn.module import Module
from glassnet.tensor import Tensor, as_array


class _Loss(Module):
    """Keeps `reduction`, and weights as buffers in float32."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction

    def _keep(self, name: str, weight: Tensor | ArrayLike | None) -> None:
        array = None if weight is None else as_array(weight).astype(np.float32)
        self.register_buffer(name, array)


class CrossEntropyLoss(_Loss):
    """-log softmax(input)[target], the mean over the batch.

    input (N, K, ...), numbers before the softmax; target class indices (N, ...) or probabilities
    (N, K, ...). weight (K) scales the classes (and the mean divides by the weights' sum);
    targets of `ignore_index` do not count; label_smoothing mixes in the uniform distribution
    [Szegedy et al. 2016, section 7].
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self._keep("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        options = (self.weight, self.ignore_index, self.reduction, self.label_smoothing)
        return ops.cross_entropy(input, target, *options)


class BCEWithLogitsLoss(_Loss):
    """-(pos_weight t log p + (1 - t) log(1 - p)), p = sigmoid(input), t = target of its shape."""

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | ArrayLike | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | ArrayLike | None = None,
    ) -> None:
        super().__init__(reduction)
        self._keep("weight", weight)
        self._keep("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        options = (self.weight, self.reduction, self.pos_weight)
        return ops.binary_cross_entropy_with_logits(input, target, *options)


class MSELoss(_Loss):
    """(input - target)^2, both of one shape."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """|input - target|, both of one shape."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.l1_loss(input, target, self.reduction)


class HuberLoss(_Loss):
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = input - target [Huber 1964]."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.huber_loss(input, target, self.reduction, self.delta)


class SmoothL1Loss(_Loss):
    """HuberLoss with delta = beta, divided by beta [Girshick 2015, eq. 3]."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.smooth_l1_loss(input, target, self.reduction, self.beta)


class MultiMarginLoss(_Loss):
    """sum over k != t of max(0, margin - input_t + input_k)^p / K [Weston & Watkins 1999].

    input (N, K), target t class indices (N); weight (K) scales the classes.
    """

    weight: Tensor | None

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | ArrayLike | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.p, self.margin = p, margin
        self._keep("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        options = (self.p, self.margin, self.weight, self.reduction)
        return ops.multi_margin_loss(input, target, *options)


class KLDivLoss(_Loss):
    """target (log target - input), input a log-probability; log_target: target is one too.

    "mean" divides by the number of entries, as PyTorch does; "batchmean", by N, is the divergence.
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.kl_div(input, target, self.reduction, self.log_target)
