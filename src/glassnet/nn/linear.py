"""Fully connected layers."""

from __future__ import annotations

import numpy as np

from glassnet import ops
from glassnet.nn import init
from glassnet.nn.module import Module, Parameter
from glassnet.tensor import Tensor


class Linear(Module):
    """y = x W^T + b.

    x (..., in_features) -> (..., out_features); weight (out_features, in_features), bias
    (out_features,) or None. Both start from U(-k, k), k = 1 / sqrt(in_features).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        self.bias = Parameter(np.empty(out_features, np.float32)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        init.default_(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.weight, self.bias)
