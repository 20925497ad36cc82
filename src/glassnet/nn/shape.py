"""Layers that change the shape alone, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from glassnet import ops
from glassnet.nn.module import Module
from glassnet.tensor import Tensor


class Flatten(Module):
    """Make the axes start_dim ... end_dim one, in logical order: (N, C, H, W) -> (N, C H W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.flatten(x, self.start_dim, self.end_dim)


class Unflatten(Module):
    """Split one axis: x (..., n, ...) -> (..., *unflattened_size, ...); one size may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        dim = self.dim % x.ndim
        return ops.reshape(x, *x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :])


class Identity(Module):
    """y = x: stands where a layer was, or may be."""

    def forward(self, x: Tensor) -> Tensor:
        return x
