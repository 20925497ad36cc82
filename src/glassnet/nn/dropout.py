"""Layers that drop at random while training."""

from __future__ import annotations

from glassnet import ops
from glassnet.errors import GlassnetError
from glassnet.nn.module import Module
from glassnet.tensor import Tensor


class Dropout(Module):
    """Training: y = x mask / (1 - p), each entry of mask 0 with probability p, else 1. Else y = x.

    The division keeps the expected value ("inverted" dropout), so that evaluation needs none
    [Srivastava et al. 2014, "Dropout"]. x of any shape; p in [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise GlassnetError(f"{type(self).__name__}: p is a probability in [0, 1], not {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return ops.dropout(x, self.p, self.training)


class Dropout2d(Dropout):
    """As Dropout, but drops whole channels of x (N, C, H, W) [Tompson et al. 2015, section 3.2]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.dropout2d(x, self.p, self.training)
