"""Tensors that are made of nothing: constants, ranges and random numbers.

    shape   lengths, `zeros(2, 3)` or `zeros((2, 3))`

They hold float32 unless `dtype` says otherwise. Random numbers come from the current generator
(`glassnet.manual_seed`, `glassnet.random.using`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from glassnet import random
from glassnet.ops.shape import sizes
from glassnet.tape import Array
from glassnet.tensor import Tensor, as_array

Lengths = int | Sequence[int]


def zeros(*shape: Lengths, dtype: DTypeLike = np.float32, requires_grad: bool = False) -> Tensor:
    """A tensor full of 0."""
    return Tensor(np.zeros(sizes(shape), dtype), requires_grad=requires_grad)


def ones(*shape: Lengths, dtype: DTypeLike = np.float32, requires_grad: bool = False) -> Tensor:
    """A tensor full of 1."""
    return Tensor(np.ones(sizes(shape), dtype), requires_grad=requires_grad)


def full(
    shape: Lengths, value: float, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor full of `value`; float32 for a float, int64 for a whole number."""
    dtype = as_array(value).dtype if dtype is None else dtype
    return Tensor(np.full(sizes((shape,)), value, dtype), requires_grad=requires_grad)


def arange(
    start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None
) -> Tensor:
    """start, start + step, ... up to but without `stop`; `arange(n)` counts from 0.

    int64 where all three are whole numbers, else float32.
    """
    start, stop = (0, start) if stop is None else (start, stop)
    if dtype is None:
        whole = all(isinstance(n, (int, np.integer)) for n in (start, stop, step))
        dtype = np.int64 if whole else np.float32
    return Tensor(np.arange(start, stop, step).astype(dtype))


def eye(n: int, columns: int | None = None, dtype: DTypeLike = np.float32) -> Tensor:
    """The identity matrix (n, columns): 1 on the diagonal, else 0; square by default."""
    return Tensor(np.eye(n, columns, dtype=dtype))


def rand(*shape: Lengths, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Numbers spread evenly over [0, 1)."""
    return Tensor(random.generator().random(sizes(shape), dtype), requires_grad=requires_grad)


def randn(*shape: Lengths, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Normally distributed numbers, mean 0, variance 1."""
    numbers = random.generator().standard_normal(sizes(shape), dtype)
    return Tensor(numbers, requires_grad=requires_grad)


def zeros_like(x: Tensor | Array, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor full of 0, of the shape, dtype and memory layout of x."""
    return Tensor(np.zeros_like(as_array(x), dtype))


def ones_like(x: Tensor | Array, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor full of 1, of the shape, dtype and memory layout of x."""
    return Tensor(np.ones_like(as_array(x), dtype))


def full_like(x: Tensor | Array, value: float, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor full of `value`, of the shape, dtype and memory layout of x."""
    return Tensor(np.full_like(as_array(x), value, dtype))


def rand_like(x: Tensor | Array) -> Tensor:
    """Numbers spread evenly over [0, 1), of the shape and dtype of x."""
    x = as_array(x)
    return rand(x.shape, dtype=x.dtype)


def randn_like(x: Tensor | Array) -> Tensor:
    """Normally distributed numbers, mean 0, variance 1, of the shape and dtype of x."""
    x = as_array(x)
    return randn(x.shape, dtype=x.dtype)
