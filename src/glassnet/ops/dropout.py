"""Dropout: each entry, or each whole channel, is left out with probability p while training.

    x, y     any shape
    keep     bool, the shape of x or one that broadcasts to it: which entries stay

Chance stands outside the page: the operation is handed the mask, and is a plain product.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet import random
from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._samples import normal, uniform
from glassnet.tape import Array
from glassnet.tensor import Tensor

__all__ = ["dropout", "dropout2d"]


def dropout_forward(x: Array, keep: Array, p: float = 0.5) -> tuple[Array, Any]:
    """y = x keep / (1 - p), where keep is 1 with probability 1 - p [Srivastava et al. 2014].

    The division makes the expected value of y that of x, whatever p is ("inverted" dropout), so
    that nothing is left to do when the network is used. With p = 1 nothing stays: y = 0.
    """
    scale = 1 / (1 - p) if p < 1 else 0.0
    return x * keep * scale, (keep, scale)


def dropout_backward(dy: Array, cache: Any) -> tuple[Array, None]:
    """dx = dy keep / (1 - p)."""
    keep, scale = cache
    return dy * keep * scale, None


def _examples() -> list[Example]:
    return [
        example(normal(4, 5), uniform(4, 5) > 0.3, p=0.3),
        example(normal(2, 3, 4, 4), uniform(2, 3, 1, 1) > 0.5),
        example(normal(3, 2), uniform(3, 2) > 1, p=1.0),
    ]


_dropout = operation(dropout_forward, dropout_backward, examples=_examples)


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, generator: np.random.Generator | None = None
) -> Tensor:
    """x (any shape) with each entry 0 with probability p, the others times 1 / (1 - p).

    Without `training`, x itself. The mask is drawn from `generator`, or the current one of
    `glassnet.random`. Raises ValueError for a p that is not a probability.
    """
    return _drop(x, x.shape, p, training, generator)


def dropout2d(
    x: Tensor, p: float = 0.5, training: bool = True, generator: np.random.Generator | None = None
) -> Tensor:
    """As dropout, but each channel (n, c) of x (N, C, H, W) stays or goes as a whole.

    Neighbouring pixels tell the same, and would give away what is dropped [Tompson et al. 2015].
    Raises ShapeError for x without channels.
    """
    if x.ndim < 3:
        raise ShapeError(f"dropout2d drops channels of x (N, C, H, W), got shape {x.shape}")
    return _drop(x, x.shape[:2] + (1,) * (x.ndim - 2), p, training, generator)


def _drop(
    x: Tensor,
    shape: tuple[int, ...],
    p: float,
    training: bool,
    generator: np.random.Generator | None,
) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"p is the probability to drop an entry, from 0 to 1; got {p}")
    if not training or p == 0:
        return x
    drawn = (generator or random.generator()).random(shape, dtype=np.float32)
    y: Tensor = _dropout(x, drawn >= p, p=p)
    return y
