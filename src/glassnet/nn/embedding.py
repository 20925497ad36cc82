"""Vectors for things that are numbered."""

from __future__ import annotations

import numpy as np

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.nn import init
from glassnet.nn.module import Module, Parameter
from glassnet.tape import no_grad
from glassnet.tensor import Tensor


class Embedding(Module):
    """y = weight[x]: a row of the table for each index.

    x (...) integers in [0, num_embeddings) -> (..., embedding_dim); weight (num_embeddings,
    embedding_dim) from N(0, 1). The row `padding_idx` starts at 0 and gets no gradient.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ShapeError(
                f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows"
            )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return ops.embedding(x, self.weight, self.padding_idx)
