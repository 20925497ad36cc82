"""Softmax and its logarithm: numbers turned into the probabilities of K choices.

    x    any shape; K entries along the axis `dim` are the scores of one choice
    y    the shape of x

The largest score is subtracted first, which changes nothing and keeps exp() from overflowing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.operation import Example, example, operation
from glassnet.ops._samples import normal
from glassnet.tape import Array

__all__ = ["log_softmax", "softmax"]


def softmax_forward(x: Array, dim: int = -1) -> tuple[Array, Any]:
    """y_k = exp(x_k) / sum over j of exp(x_j). A row of -inf alone gives NaN."""
    e = np.exp(x - x.max(axis=dim, keepdims=True, initial=-np.inf))
    y = e / e.sum(axis=dim, keepdims=True)
    return y, (y, dim)


def softmax_backward(dy: Array, cache: Any) -> Array:
    """dx_k = y_k (dy_k - sum over j of y_j dy_j), since dy_j/dx_k = y_j ([j = k] - y_k)."""
    y, dim = cache
    return y * (dy - (y * dy).sum(axis=dim, keepdims=True))


def _examples() -> list[Example]:
    return [
        example(normal(4, 5)),
        example(normal(2, 3, 4), dim=1),
        example(normal(3, 1), dim=1),
        example(normal(0, 5)),
    ]


softmax = operation(softmax_forward, softmax_backward, examples=_examples)


def log_softmax_forward(x: Array, dim: int = -1) -> tuple[Array, Any]:
    """y_k = x_k - log(sum over j of exp(x_j)), finite also where softmax rounds to 0."""
    shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    y = shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))
    return y, (y, dim)


def log_softmax_backward(dy: Array, cache: Any) -> Array:
    """dx_k = dy_k - p_k sum over j of dy_j with p = exp(y), since dy_j/dx_k = [j = k] - p_k."""
    y, dim = cache
    return dy - np.exp(y) * dy.sum(axis=dim, keepdims=True)


log_softmax = operation(log_softmax_forward, log_softmax_backward, examples=_examples)
