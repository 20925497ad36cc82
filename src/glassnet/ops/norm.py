"""Normalisation: mean 0 and variance 1, over the batch, the features, or groups of channels.

    N batch, C channels, D features, G groups; ... any further axes, such as H W
    weight, bias    what the normalised numbers are multiplied by, and what is added; or None
    mean, var       of each channel (C); rstd = 1 / sqrt(var + eps)
    M               the numbers that one mean is taken over

Variances here divide by M; only the running variance of a batch norm divides by M - 1, as in
PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._image import channel_sum
from glassnet.ops._samples import normal, uniform
from glassnet.tape import Array
from glassnet.tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm"]

MaybeArray = Array | None


# -- layer_norm ----------------------------------------------------------------------------------
def layer_norm_forward(
    x: Array, weight: MaybeArray = None, bias: MaybeArray = None, eps: float = 1e-5
) -> tuple[Array, Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis [Ba et al. 2016].

    x (..., D), weight (D) or None, bias (D) or None -> y (..., D). A weight (D1, D2) normalises
    over the last two axes, and so on. Raises ShapeError where weight or bias do not fit.
    """
    last = _last_axes(x, weight, bias)
    rstd = 1 / np.sqrt(x.var(axis=last, keepdims=True) + eps)  # (..., 1)
    normed = (x - x.mean(axis=last, keepdims=True)) * rstd  # (..., D)
    return _affine(normed, weight, bias), (normed, rstd, weight, last)


def layer_norm_backward(dy: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx = rstd * (g - mean(g) - normed * mean(g * normed)), g = dy * weight.

    The two means are the paths through mean and variance: every entry of x moves both.
    """
    normed, rstd, weight, last = cache
    g = dy if weight is None else dy * weight  # (..., D)
    through_mean = g.mean(axis=last, keepdims=True)
    through_var = normed * (g * normed).mean(axis=last, keepdims=True)
    rows = tuple(range(dy.ndim - len(last)))
    return rstd * (g - through_mean - through_var), (dy * normed).sum(rows), dy.sum(rows)


def _last_axes(x: Array, weight: MaybeArray, bias: MaybeArray) -> tuple[int, ...]:
    """The axes that weight and bias have, the last one without them."""
    shape = next((a.shape for a in (weight, bias) if a is not None), x.shape[-1:])
    if not shape or x.shape[-len(shape) :] != shape or (bias is not None and bias.shape != shape):
        raise ShapeError(
            f"expected weight and bias of the shape of the last axes of x {x.shape}, got weight "
            f"{getattr(weight, 'shape', None)} and bias {getattr(bias, 'shape', None)}"
        )
    return tuple(range(-len(shape), 0))


def _affine(normed: Array, weight: MaybeArray, bias: MaybeArray) -> Array:
    """normed * weight + bias, leaving out what is None."""
    y = normed if weight is None else normed * weight
    return y if bias is None else y + bias


def _layer_examples() -> list[Example]:
    return [
        example(normal(4, 5), normal(5), normal(5, key=1)),
        example(normal(2, 3, 4), normal(3, 4), normal(3, 4, key=1)),
        example(normal(2, 3, 4)),
        example(normal(0, 5), normal(5), normal(5, key=1)),
    ]


layer_norm = operation(layer_norm_forward, layer_norm_backward, examples=_layer_examples)


# -- batch_norm ----------------------------------------------------------------------------------
def batch_norm_forward(
    x: Array, weight: MaybeArray = None, bias: MaybeArray = None, eps: float = 1e-5
) -> tuple[tuple[Array, Array, Array], Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, each channel over the whole batch.

    [Ioffe & Szegedy 2015, algorithm 1]. x (N, C, ...), weight (C) or None, bias (C) or None ->
    y like x, mean (C), var (C), each over M = N ... numbers. Raises ShapeError where M is 1: mean
    would be x, and y would be bias.
    """
    rows = _channels_last(x, weight, bias)  # (N, ..., C)
    count = rows.size // rows.shape[-1]
    if count == 1:
        raise ShapeError(
            f"batch_norm in training needs more than one number for each channel, got x {x.shape}; "
            f"use a larger batch (drop_last=True drops a last one of a single image), or eval()"
        )
    mean = channel_sum(rows) / max(count, 1)
    centred = rows - mean
    var = channel_sum(centred * centred) / max(count, 1)
    rstd = 1 / np.sqrt(var + eps)
    scale = rstd if weight is None else rstd * weight  # (C)
    y = _affine(centred, scale, bias)
    return (np.moveaxis(y, -1, 1), mean, var), (centred, rstd, scale, count)


def batch_norm_backward(dys: tuple[Array, Array, Array], cache: Any) -> tuple[Array, Array, Array]:
    """dx = scale (dy - mean(dy) - normed mean(dy normed)), normed = (x - mean) rstd,
    scale = weight rstd; dweight = sum(dy normed); dbias = sum(dy).

    The two means are the paths through mean and variance. With centred = x - mean = normed / rstd
    that is dx = scale dy + b centred + k with b and k (C). Gradients that came for mean and var
    themselves join them: dmean / M in k, and 2 dvar / M in b.
    """
    (dy, dmean, dvar), (centred, rstd, scale, count) = dys, cache
    dy = _last(dy)
    dbias, dweight = channel_sum(dy), channel_sum(dy * centred) * rstd
    m = max(count, 1)
    b = (2 * dvar - scale * rstd * dweight) / m
    k = (dmean - scale * dbias) / m
    return np.moveaxis(scale * dy + b * centred + k, -1, 1), dweight, dbias


def batch_norm_eval_forward(
    x: Array,
    weight: MaybeArray,
    bias: MaybeArray,
    mean: Array,
    var: Array,
    eps: float = 1e-5,
) -> tuple[Array, Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias with constants mean (C) and var (C).

    x (N, C, ...), weight (C) or None, bias (C) or None -> y like x: an affine map a channel.
    """
    rows = _channels_last(x, weight, bias, mean, var)  # (N, ..., C)
    rstd = (1 / np.sqrt(var + eps)).astype(x.dtype)
    normed = (rows - mean.astype(x.dtype)) * rstd
    y = _affine(normed, weight, bias)
    return np.moveaxis(y, -1, 1), (normed, rstd if weight is None else rstd * weight)


def batch_norm_eval_backward(dy: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx = dy weight rstd; dweight = sum(dy normed); dbias = sum(dy)."""
    normed, scale = cache
    dy = _last(dy)
    return np.moveaxis(dy * scale, -1, 1), channel_sum(dy * normed), channel_sum(dy)


def _channels_last(x: Array, *per_channel: MaybeArray) -> Array:
    """(N, C, ...) -> (N, ..., C). Raises ShapeError where a vector is not (C)."""
    if x.ndim < 2:
        raise ShapeError(f"expected x (N, C, ...), got shape {x.shape}")
    for vector in per_channel:
        if vector is not None and vector.shape != x.shape[1:2]:
            raise ShapeError(
                f"expected one number for each of the {x.shape[1]} channels of x {x.shape}, got "
                f"weight, bias or statistics of shape {vector.shape}"
            )
    return _last(x)


def _last(x: Array) -> Array:
    """(N, C, ...) -> (N, ..., C), contiguous: a copy only where the channels do not lie last."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def _batch_examples() -> list[Example]:
    return [
        example(normal(6, 3, 2), normal(3), normal(3, key=1)),
        example(normal(2, 3, 4, 2), normal(3), normal(3, key=1)),
        example(normal(4, 2, 3)),
        example(normal(0, 3, 2, 2), normal(3), normal(3, key=1)),
    ]


def _batch_eval_examples() -> list[Example]:
    mean, var = normal(3, key=2), uniform(3, low=0.5, high=2)
    return [
        example(x, normal(3), normal(3, key=1), mean=mean, var=var)
        for x in (normal(6, 3), normal(2, 3, 4, 2), normal(0, 3, 2, 2))
    ]


_batch_norm = operation(batch_norm_forward, batch_norm_backward, examples=_batch_examples)
batch_norm_eval = operation(
    batch_norm_eval_forward, batch_norm_eval_backward, examples=_batch_eval_examples
)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch norm of x (N, C, ...); in training with the batch's statistics, else the running ones.

    In training the running statistics, buffers (C) or None, move in place:
    running = (1 - momentum) running + momentum batch, with the batch's variance over M - 1; a
    batch of no images moves nothing. Raises ShapeError for one number a channel in training.
    """
    y: Tensor
    if not training:
        if running_mean is None or running_var is None:
            raise ShapeError("batch_norm without training=True needs running_mean and running_var")
        y = batch_norm_eval(x, weight, bias, running_mean, running_var, eps=eps)
        return y
    y, mean, var = _batch_norm(x, weight, bias, eps=eps)
    move_statistics(running_mean, running_var, mean, var, y.data.size // y.shape[1], momentum)
    return y


def move_statistics(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    var: Tensor,
    count: int,
    momentum: float,
) -> None:
    """Move the running statistics to those of a batch of `count` numbers M a channel, in place."""
    if count:
        _move(running_mean, mean.data, momentum)
        _move(running_var, var.data * (count / (count - 1)), momentum)


def _move(running: Tensor | None, batch: Array, momentum: float) -> None:
    """running = (1 - momentum) running + momentum batch, in place."""
    if running is not None:
        running.write(Tensor((1 - momentum) * running.data + momentum * batch))


# -- group_norm ----------------------------------------------------------------------------------
def group_norm_forward(
    x: Array,
    num_groups: int,
    weight: MaybeArray = None,
    bias: MaybeArray = None,
    eps: float = 1e-5,
) -> tuple[Array, Any]:
    """y = (x - mean) / sqrt(var + eps) * weight + bias over each group of channels [Wu & He 2018].

    x (N, C, ...), weight (C) or None, bias (C) or None -> y like x; mean and var are those of the
    C / G ... numbers of a group in one image: layer_norm with an image's group as its row. Raises
    ShapeError where C is not a multiple of num_groups.
    """
    rows = _channels_last(x, weight, bias)  # (N, ..., C)
    if num_groups < 1 or rows.shape[-1] % num_groups:
        raise ShapeError(f"{rows.shape[-1]} channels cannot be split into {num_groups} groups")
    normed, cache = layer_norm_forward(_group(rows, num_groups), eps=eps)
    normed = _ungroup(normed, rows.shape)
    y = _affine(normed, weight, bias)
    return np.moveaxis(y, -1, 1), (normed, cache, weight, num_groups)


def group_norm_backward(dy: Array, cache: Any) -> tuple[Array, None, Array, Array]:
    """dx is that of layer_norm for dy * weight; dweight = sum(dy normed); dbias = sum(dy)."""
    normed, inner, weight, groups = cache
    dy = _last(dy)
    g = dy if weight is None else dy * weight
    dx = _ungroup(layer_norm_backward(_group(g, groups), inner)[0], g.shape)
    return np.moveaxis(dx, -1, 1), None, channel_sum(dy * normed), channel_sum(dy)


def _group(rows: Array, groups: int) -> Array:
    """(N, ..., C) -> (N, G, S C/G), S = the product of `...`: a row for each group."""
    n, c, pixels = rows.shape[0], rows.shape[-1], int(np.prod(rows.shape[1:-1]))
    by_group = rows.reshape(n, pixels, groups, c // groups).swapaxes(1, 2)
    return by_group.reshape(n, groups, pixels * (c // groups))


def _ungroup(grouped: Array, shape: tuple[int, ...]) -> Array:
    """(N, G, S C/G) -> (N, ..., C): undoes `_group`."""
    n, groups, c = *grouped.shape[:2], shape[-1]
    pixels = int(np.prod(shape[1:-1]))
    return grouped.reshape(n, groups, pixels, c // groups).swapaxes(1, 2).reshape(shape)


def _group_examples() -> list[Example]:
    x = normal(2, 6, 3, 2)
    return [
        example(x, 3, normal(6), normal(6, key=1)),
        example(x, 1, normal(6), normal(6, key=1)),
        example(normal(4, 6), 2),
        example(x[:0], 2, normal(6), normal(6, key=1)),
    ]


group_norm = operation(group_norm_forward, group_norm_backward, examples=_group_examples)


def instance_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """group_norm with each channel a group of its own [Ulyanov et al. 2016]. x (N, C, ...)."""
    y: Tensor = group_norm(x, x.shape[1], weight, bias, eps=eps)
    return y


# -- local_response_norm -------------------------------------------------------------------------
def local_response_norm_forward(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array, Any]:
    """y_c = x_c / u_c^beta, u_c = k + alpha / size * sum over channels b near c of x_b^2.

    x (N, C, ...) -> y like x. Near are the `size` channels from c - size // 2 on, as far as there
    are any [Krizhevsky et al. 2012, section 3.3, with PyTorch's division of alpha by size].
    """
    rows = _channels_last(x)  # (N, ..., C)
    u = k + alpha / size * _neighbours(rows * rows, size // 2, size)
    y = rows * u**-beta
    return np.moveaxis(y, -1, 1), (rows, u, size, alpha, beta)


def local_response_norm_backward(dy: Array, cache: Any) -> tuple[Array, None]:
    """dx_c = dy_c u_c^-beta - 2 alpha beta / size x_c sum over b that c is near of
    dy_b x_b u_b^(-beta - 1).

    x_c stands in the numerator of y_c, and in the sum u_b of every channel b that it is near.
    """
    rows, u, size, alpha, beta = cache
    dy = _last(dy)
    power = u**-beta
    through_u = _neighbours(dy * rows * power / u, (size - 1) // 2, size)
    dx = dy * power - 2 * alpha * beta / size * rows * through_u
    return np.moveaxis(dx, -1, 1), None


def _neighbours(rows: Array, before: int, size: int) -> Array:
    """(..., C) -> (..., C): the sum of channels c - before to c - before + size - 1."""
    ends = [(0, 0)] * (rows.ndim - 1) + [(before, size - 1 - before)]
    padded, c = np.pad(rows, ends), rows.shape[-1]
    total = padded[..., :c].copy()
    for i in range(1, size):
        total += padded[..., i : i + c]
    return total


def _response_examples() -> list[Example]:
    return [
        example(normal(2, 7, 3, 2), 5, alpha=0.5),
        example(normal(3, 4), 2, alpha=1.0, beta=0.5, k=2.0),
        example(normal(0, 4, 2, 2), 3),
    ]


local_response_norm = operation(
    local_response_norm_forward, local_response_norm_backward, examples=_response_examples
)
