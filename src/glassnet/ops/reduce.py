"""Reductions: what remains of an array when axes are summed, averaged, or searched.

x, dx   any shape
dim     None for all axes, an axis, or several; negative axes count from the end
n       the number of entries that make one entry of y
y, dy   the shape of x without the axes `dim`, or with length 1 there if `keepdim`
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from glassnet.operation import Example, example, operation
from glassnet.ops._samples import distinct, normal
from glassnet.ops.dtype import floating
from glassnet.ops.shape import Axes, Dim, axes_of
from glassnet.tape import Array
from glassnet.tensor import Tensor


def spread(dy: Array, shape: tuple[int, ...], axes: Axes) -> Array:
    """dy with length 1 along the reduced axes, whether or not it kept them: ready to broadcast."""
    return dy.reshape([1 if i in axes else n for i, n in enumerate(shape)])


def _examples() -> list[Example]:
    x = normal(2, 3, 4)
    return [
        example(x),
        example(x, dim=1),
        example(x, dim=(0, -1), keepdim=True),
        example(normal(5), dim=0),
    ]


def _distinct_examples() -> list[Example]:
    x = distinct(2, 3, 4)
    return [example(x), example(x, dim=1), example(x, dim=(0, -1), keepdim=True)]


def _one_axis_examples() -> list[Example]:
    x = distinct(2, 3, 4)
    return [example(x, dim=1), example(x, dim=-1, keepdim=True), example(distinct(5), dim=0)]


def sum_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Any]:
    """y = sum of x over the axes."""
    axes = axes_of(dim, x.ndim)
    return x.sum(axis=axes, keepdims=keepdim), (x.shape, axes)


def sum_backward(dy: Array, cache: Any) -> Array:
    """dx = dy, for each of the entries that were added up."""
    shape, axes = cache
    return np.broadcast_to(spread(dy, shape, axes), shape)


sum = operation(sum_forward, sum_backward, examples=_examples)


def mean_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Any]:
    """y = sum(x) / n; not a number where n = 0. Whole numbers are averaged as float32."""
    axes = axes_of(dim, x.ndim)
    n = _count(x.shape, axes)
    with np.errstate(invalid="ignore"):
        return floating(x).sum(axis=axes, keepdims=keepdim) / n, (x.shape, axes, n)


def mean_backward(dy: Array, cache: Any) -> Array:
    """dx = dy / n."""
    shape, axes, n = cache
    return np.broadcast_to(spread(dy, shape, axes) / (n or 1), shape)


mean = operation(mean_forward, mean_backward, examples=_examples)


def _count(shape: tuple[int, ...], axes: Axes) -> int:
    return prod(shape[i] for i in axes)


def var_forward(
    x: Array, dim: Dim = None, correction: float = 1, keepdim: bool = False
) -> tuple[Array, Any]:
    """y = sum((x - mean)^2) / (n - correction).

    correction = 1 is the unbiased estimate from a sample, 0 the variance of the numbers themselves
    [Bessel's correction]. Not a number where n <= correction.
    """
    axes = axes_of(dim, x.ndim)
    n = _count(x.shape, axes)
    freedom = n - correction if n > correction else 0
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = x - x.sum(axis=axes, keepdims=True) / n
        y = np.square(centred).sum(axis=axes, keepdims=keepdim) / freedom
    return y, (centred, axes, freedom)


def var_backward(dy: Array, cache: Any) -> Array:
    """dx = 2 (x - mean) / (n - correction) dy.

    The path through the mean adds nothing, because the sum of x - mean is 0.
    """
    centred, axes, freedom = cache
    with np.errstate(invalid="ignore", divide="ignore"):
        return centred * (2 * spread(dy, centred.shape, axes) / freedom)


_var = operation(var_forward, var_backward, examples=_examples)


def std_forward(
    x: Array, dim: Dim = None, correction: float = 1, keepdim: bool = False
) -> tuple[Array, Any]:
    """y = sqrt(var(x))."""
    variance, cache = var_forward(x, dim, correction, keepdim)
    y = np.sqrt(variance)
    return y, (cache, y)


def std_backward(dy: Array, cache: Any) -> Array:
    """dx = var_backward(dy / 2y), and 0 where all entries are equal: y has a kink there."""
    variance_cache, y = cache
    return var_backward(np.divide(dy, 2 * y, out=np.zeros_like(y), where=y != 0), variance_cache)


_std = operation(std_forward, std_backward, examples=_examples)


def amax_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Any]:
    """y = the largest entry."""
    axes = axes_of(dim, x.ndim)
    y = x.max(axis=axes, keepdims=True)
    return y if keepdim else np.squeeze(y, axes), (x, y, axes)


def amax_backward(dy: Array, cache: Any) -> Array:
    """dx = dy / k for each of the k entries that equal y, else 0."""
    x, y, axes = cache
    chosen = x == y
    return chosen * (
        spread(dy, x.shape, axes) / chosen.sum(axis=axes, keepdims=True, dtype=x.dtype)
    )


amax = operation(amax_forward, amax_backward, examples=_distinct_examples)


def amin_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Any]:
    """y = the smallest entry."""
    axes = axes_of(dim, x.ndim)
    y = x.min(axis=axes, keepdims=True)
    return y if keepdim else np.squeeze(y, axes), (x, y, axes)


def amin_backward(dy: Array, cache: Any) -> Array:
    """dx as of amax."""
    return amax_backward(dy, cache)


amin = operation(amin_forward, amin_backward, examples=_distinct_examples)


def max_forward(x: Array, dim: int, keepdim: bool = False) -> tuple[tuple[Array, Array], Any]:
    """y = the largest entry along one axis, and its index; of equal ones, the first."""
    chosen = x.argmax(axis=dim, keepdims=True)
    y = np.take_along_axis(x, chosen, dim)
    outputs = (y, chosen) if keepdim else (y.squeeze(dim), chosen.squeeze(dim))
    return outputs, (chosen, x.shape, dim)


def max_backward(dys: tuple[Array, Array], cache: Any) -> Array:
    """dx = dy at the chosen index, else 0. The index has no gradient."""
    chosen, shape, dim = cache
    dx = np.zeros(shape, dys[0].dtype)
    np.put_along_axis(dx, chosen, dys[0].reshape(chosen.shape), dim)
    return dx


_max = operation(max_forward, max_backward, examples=_one_axis_examples)


def min_forward(x: Array, dim: int, keepdim: bool = False) -> tuple[tuple[Array, Array], Any]:
    """y = the smallest entry along one axis, and its index; of equal ones, the first."""
    chosen = x.argmin(axis=dim, keepdims=True)
    y = np.take_along_axis(x, chosen, dim)
    outputs = (y, chosen) if keepdim else (y.squeeze(dim), chosen.squeeze(dim))
    return outputs, (chosen, x.shape, dim)


def min_backward(dys: tuple[Array, Array], cache: Any) -> Array:
    """dx as of max."""
    return max_backward(dys, cache)


_min = operation(min_forward, min_backward, examples=_one_axis_examples)


def logsumexp_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Any]:
    """y = log(sum(exp(x))) = m + log(sum(exp(x - m))); with m = max(x) nothing overflows."""
    axes = axes_of(dim, x.ndim)
    m = x.max(axis=axes, keepdims=True, initial=-np.inf)
    m = np.where(np.isfinite(m), m, 0)
    terms = np.exp(x - m)
    total = terms.sum(axis=axes, keepdims=True)
    with np.errstate(divide="ignore"):  # log(0) where every x is -inf
        y = m + np.log(total)
    return y if keepdim else np.squeeze(y, axes), (terms, total, axes)


def logsumexp_backward(dy: Array, cache: Any) -> Array:
    """dx = exp(x) / sum(exp(x)) dy: the softmax of x. It is 0 where every x is -inf."""
    terms, total, axes = cache
    return terms * (spread(dy, terms.shape, axes) / np.where(total == 0, 1, total))


logsumexp = operation(logsumexp_forward, logsumexp_backward, examples=_examples)


class Extreme(NamedTuple):
    """What `max(x, dim)` and `min(x, dim)` give."""

    values: Tensor
    indices: Tensor


def var(x: Tensor, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """The variance over the axes `dim`, with n - correction in the denominator."""
    return _var(x, dim=dim, correction=correction, keepdim=keepdim)


def std(x: Tensor, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """The standard deviation over the axes `dim`, with n - correction in the denominator."""
    return _std(x, dim=dim, correction=correction, keepdim=keepdim)


def max(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The largest entry of all; or with `dim` those along one axis, as (values, indices).

    Entries that are equal share the gradient; with `dim` it goes to the chosen one, the first.
    """
    return amax(x) if dim is None else Extreme(*_max(x, dim=dim, keepdim=keepdim))


def min(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest entry of all; or with `dim` those along one axis, as (values, indices).

    Entries that are equal share the gradient; with `dim` it goes to the chosen one, the first.
    """
    return amin(x) if dim is None else Extreme(*_min(x, dim=dim, keepdim=keepdim))


def _one(dim: int | None, x: Tensor) -> Any:
    return None if dim is None else axes_of(dim, x.ndim)[0]


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest entry along `dim`, of all entries in a row without it (int64)."""
    return Tensor(np.asarray(x.data.argmax(axis=_one(dim, x), keepdims=keepdim)))


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest entry along `dim`, of all entries in a row without it (int64)."""
    return Tensor(np.asarray(x.data.argmin(axis=_one(dim, x), keepdims=keepdim)))


def any(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether some entry is true (not 0) over the axes `dim`."""
    return Tensor(np.asarray(x.data.any(axis=axes_of(dim, x.ndim), keepdims=keepdim)))


def all(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether every entry is true (not 0) over the axes `dim`."""
    return Tensor(np.asarray(x.data.all(axis=axes_of(dim, x.ndim), keepdims=keepdim)))
