"""Operations in a row as one: what it computes is the row's, what it costs is one walk over memory.

    x (N, C, ...) images or features, y like x
    activation   "relu", "relu6", "gelu" or "silu"

A page here composes the pages of its parts and has no mathematics of its own; its compiled twin
(`kernels/fused.py`) does the same without writing down what lies between. Layers in a row use these
by themselves (`nn/chain.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops import activation as pages
from glassnet.ops._image import Padding, Size
from glassnet.ops._samples import distinct, normal
from glassnet.ops.conv import conv2d_backward, conv2d_forward
from glassnet.ops.norm import batch_norm_backward, batch_norm_forward, move_statistics
from glassnet.ops.pool import max_pool2d_backward, max_pool2d_forward
from glassnet.tape import Array
from glassnet.tensor import Tensor

__all__ = ["batch_norm_act", "conv2d_act", "relu_max_pool2d"]

MaybeArray = Array | None
Gradients = tuple[Array | None, ...]
ACTIVATIONS: dict[str, Any] = {
    "relu": (pages.relu_forward, pages.relu_backward),
    "relu6": (pages.relu6_forward, pages.relu6_backward),
    "gelu": (pages.gelu_forward, pages.gelu_backward),
    "silu": (pages.silu_forward, pages.silu_backward),
}


# -- batch_norm, a residual, an activation ---------------------------------------------------------
def batch_norm_act_forward(
    x: Array,
    weight: MaybeArray = None,
    bias: MaybeArray = None,
    residual: MaybeArray = None,
    eps: float = 1e-5,
    activation: str = "relu",
) -> tuple[tuple[Array, Array, Array], Any]:
    """y = activation(batch_norm(x) + residual), with the statistics of the batch.

    x (N, C, ...), weight, bias (C) or None, residual like x or None -> y like x, mean (C), var (C).
    Raises ShapeError as batch_norm does, and for a residual of another shape.
    """
    (z, mean, var), norm = batch_norm_forward(x, weight, bias, eps)
    if residual is not None:
        if residual.shape != x.shape:
            raise ShapeError(f"expected a residual of shape {x.shape}, got {residual.shape}")
        z = z + residual
    forward, backward = ACTIVATIONS[activation]
    y, kept = forward(z)
    return (y, mean, var), (norm, backward, kept, residual is not None)


def batch_norm_act_backward(dys: tuple[Array, Array, Array], cache: Any) -> Gradients:
    """The parts' gradients, from the last to the first; dresidual is what the activation gives."""
    norm, backward, kept, has_residual = cache
    dz = backward(dys[0], kept)
    gradients = batch_norm_backward((dz, *dys[1:]), norm)
    return (*gradients, dz) if has_residual else gradients


def _norm_examples() -> list[Example]:
    x, w, b = normal(2, 3, 4, 2), normal(3), normal(3, key=1)
    return [
        example(x, w, b),
        example(x, w, b, normal(2, 3, 4, 2, key=1)),
        example(normal(6, 3, 2), None, b, None, activation="gelu"),
        example(x, w, None, normal(2, 3, 4, 2, key=1), activation="relu6"),
        example(x, activation="silu"),
    ]


_batch_norm_act = operation(
    batch_norm_act_forward, batch_norm_act_backward, examples=_norm_examples
)


def batch_norm_act(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation: str = "relu",
) -> Tensor:
    """activation(batch_norm(x) + residual) in training; running statistics move as batch_norm's."""
    y: Tensor
    y, mean, var = _batch_norm_act(x, weight, bias, residual, eps=eps, activation=activation)
    move_statistics(running_mean, running_var, mean, var, y.data.size // y.shape[1], momentum)
    return y


# -- relu, max_pool2d ------------------------------------------------------------------------------
def relu_max_pool2d_forward(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
) -> tuple[Array, Any]:
    """y = max_pool2d(relu(x)). x (N, C, H, W) -> y (N, C, OH, OW). Raises ShapeError as it does."""
    positive, relu = pages.relu_forward(x)
    y, pool = max_pool2d_forward(positive, kernel_size, stride, padding)
    return y, (relu, pool)


def relu_max_pool2d_backward(dy: Array, cache: Any) -> Array:
    """dx[n, c, p] is dy of the windows whose maximum is at p, where x there is positive."""
    relu, pool = cache
    return pages.relu_backward(max_pool2d_backward(dy, pool), relu)


def _pool_examples() -> list[Example]:
    x = distinct(2, 3, 6, 5)
    return [
        example(x - np.float64(np.median(x)) + 1e-3, 2),
        example(x - x.mean() + 1e-3, 3, stride=2, padding=1),
    ]


relu_max_pool2d = operation(
    relu_max_pool2d_forward, relu_max_pool2d_backward, examples=_pool_examples
)


# -- conv2d, an activation -------------------------------------------------------------------------
def conv2d_act_forward(
    x: Array,
    weight: Array,
    bias: MaybeArray = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    activation: str = "relu",
) -> tuple[Array, Any]:
    """y = activation(conv2d(x, weight, bias)), with "none" too. Raises ShapeError as conv2d does.

    x (N, C, H, W), weight (O, C/G, KH, KW), bias (O) or None -> y (N, O, OH, OW)
    """
    z, conv = conv2d_forward(x, weight, bias, stride, padding, dilation, groups)
    if activation == "none":
        return z, (conv, None, None)
    forward, backward = ACTIVATIONS[activation]
    y, kept = forward(z)
    return y, (conv, backward, kept)


def conv2d_act_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True)
) -> Gradients:
    """The parts' gradients, from the last to the first."""
    conv, backward, kept = cache
    return conv2d_backward(dy if backward is None else backward(dy, kept), conv, needs)


def _conv_examples() -> list[Example]:
    x, b = normal(2, 4, 6, 5), normal(6)
    return [
        example(x, normal(6, 4, 1, 1), b),
        example(x, normal(6, 4, 3, 3), b, 2, 1, activation="relu6"),
        example(x, normal(4, 1, 3, 3), None, padding=1, groups=4, activation="none"),
        example(x, normal(4, 1, 3, 3), normal(4), padding=1, groups=4, activation="silu"),
    ]


conv2d_act = operation(conv2d_act_forward, conv2d_act_backward, examples=_conv_examples)
