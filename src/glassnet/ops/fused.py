"""Operations in a row as one: what it computes is the row's, what it costs is one walk over memory.

    x (N, C, ...) images or features
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
from glassnet.ops.matmul import linear_backward, linear_forward
from glassnet.ops.norm import batch_norm_backward, batch_norm_forward, move_statistics
from glassnet.ops.pool import max_pool2d_backward, max_pool2d_forward
from glassnet.tape import Array
from glassnet.tensor import Tensor

__all__ = [
    "batch_norm_act", "bottleneck", "conv2d_act", "conv2d_norm_act", "linear_act",
    "relu_max_pool2d",
]  # fmt: skip

MaybeArray = Array | None
Gradients = tuple[Array | None, ...]
ACTIVATIONS: dict[str, Any] = {
    "relu": (pages.relu_forward, pages.relu_backward),
    "relu6": (pages.relu6_forward, pages.relu6_backward),
    "gelu": (pages.gelu_forward, pages.gelu_backward),
    "silu": (pages.silu_forward, pages.silu_backward),
}


def _with_residual(z: Array, residual: MaybeArray) -> Array:
    """z + residual, which must have its shape: nothing is broadcast."""
    if residual is None:
        return z
    if residual.shape != z.shape:
        raise ShapeError(f"expected a residual of shape {z.shape}, got {residual.shape}")
    return z + residual


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
    z = _with_residual(z, residual)
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


# -- conv2d, batch_norm, a residual, an activation -------------------------------------------------
def conv2d_norm_act_forward(
    x: Array,
    weight: Array,
    bias: MaybeArray = None,
    norm_weight: MaybeArray = None,
    norm_bias: MaybeArray = None,
    residual: MaybeArray = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    eps: float = 1e-5,
    activation: str = "relu",
) -> tuple[tuple[Array, Array, Array], Any]:
    """y = activation(batch_norm(conv2d(x, weight, bias)) + residual), the batch's statistics.

    x (N, C, H, W), weight (O, C/G, KH, KW), bias, norm_weight, norm_bias (O) or None, residual like
    y or None -> y (N, O, OH, OW), mean (O), var (O). Raises ShapeError as its parts do.
    """
    z, conv = conv2d_forward(x, weight, bias, stride, padding, dilation, groups)
    outputs, norm = batch_norm_act_forward(z, norm_weight, norm_bias, residual, eps, activation)
    return outputs, (conv, norm)


def conv2d_norm_act_backward(
    dys: tuple[Array, Array, Array], cache: Any, needs: tuple[bool, ...] = (True,) * 6
) -> Gradients:
    """The parts' gradients, from the last to the first; dresidual is what the activation gives."""
    conv, norm = cache
    dz, *others = batch_norm_act_backward(dys, norm)
    assert dz is not None
    return (*conv2d_backward(dz, conv, needs[:3]), *others)


def _conv_norm_examples() -> list[Example]:
    x, b, w = normal(2, 4, 5, 4), normal(6), normal(6, 4, 3, 3)
    g, h = normal(6, key=1), normal(6, key=2)
    return [
        example(x, w, b, g, h, normal(2, 6, 5, 4, key=1), 1, 1),
        example(x, w, None, g, h, None, 2, 1, activation="gelu"),
        example(x, normal(6, 2, 1, 1), b, groups=2, activation="relu6"),
    ]


_conv2d_norm_act = operation(
    conv2d_norm_act_forward, conv2d_norm_act_backward, examples=_conv_norm_examples
)


def conv2d_norm_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    norm_weight: Tensor | None = None,
    norm_bias: Tensor | None = None,
    residual: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation: str = "relu",
) -> Tensor:
    """activation(batch_norm(conv2d(x)) + residual) in training; running statistics move along."""
    window = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    given = (x, weight, bias, norm_weight, norm_bias, residual)
    y: Tensor
    y, mean, var = _conv2d_norm_act(*given, **window, eps=eps, activation=activation)
    move_statistics(running_mean, running_var, mean, var, y.data.size // y.shape[1], momentum)
    return y


# -- linear, an activation -------------------------------------------------------------------------
def linear_act_forward(
    x: Array, weight: Array, bias: MaybeArray = None, activation: str = "relu"
) -> tuple[Array, Any]:
    """y = activation(x W^T + b). x (..., I), weight (O, I), bias (O,) or None -> y (..., O).

    Raises ShapeError as linear does.
    """
    z, cache = linear_forward(x, weight, bias)
    forward, backward = ACTIVATIONS[activation]
    y, kept = forward(z)
    return y, (cache, backward, kept)


def linear_act_backward(dy: Array, cache: Any, needs: tuple[bool, ...]) -> Gradients:
    """The parts' gradients, from the last to the first."""
    inner, backward, kept = cache
    return linear_backward(backward(dy, kept), inner, needs)


linear_act = operation(
    linear_act_forward,
    linear_act_backward,
    examples=lambda: [
        example(normal(5, 3), normal(2, 3), normal(2)),
        example(normal(2, 4, 3), normal(2, 3), None, activation="gelu"),
        example(normal(3), normal(2, 3), normal(2), activation="relu6"),
    ],
)


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
    residual: MaybeArray = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    activation: str = "relu",
) -> tuple[Array, Any]:
    """y = activation(conv2d(x, weight, bias) + residual), with "none" too.

    x (N, C, H, W), weight (O, C/G, KH, KW), bias (O) or None, residual like y or None
    -> y (N, O, OH, OW). Raises ShapeError as conv2d does, and for a residual of another shape.
    """
    z, conv = conv2d_forward(x, weight, bias, stride, padding, dilation, groups)
    z = _with_residual(z, residual)
    if activation == "none":
        return z, (conv, None, None, residual is not None)
    forward, backward = ACTIVATIONS[activation]
    y, kept = forward(z)
    return y, (conv, backward, kept, residual is not None)


def conv2d_act_backward(
    dy: Array, cache: Any, needs: tuple[bool, ...] = (True, True, True, True)
) -> Gradients:
    """The parts' gradients, from the last to the first; dresidual is what the activation gives."""
    conv, backward, kept, has_residual = cache
    dz = dy if backward is None else backward(dy, kept)
    gradients = conv2d_backward(dz, conv, needs[:3])
    return (*gradients, dz) if has_residual else gradients


def _conv_examples() -> list[Example]:
    x, b = normal(2, 4, 6, 5), normal(6)
    return [
        example(x, normal(6, 4, 1, 1), b),
        example(x, normal(6, 4, 3, 3), b, None, 2, 1, activation="relu6"),
        example(x, normal(4, 4, 1, 1), None, normal(2, 4, 6, 5, key=1)),
        example(x, normal(4, 1, 3, 3), None, padding=1, groups=4, activation="none"),
        example(x, normal(4, 1, 3, 3), normal(4), padding=1, groups=4, activation="silu"),
    ]


conv2d_act = operation(conv2d_act_forward, conv2d_act_backward, examples=_conv_examples)


# -- an inverted bottleneck ------------------------------------------------------------------------
def bottleneck_forward(
    x: Array,
    expand: Array,
    expand_bias: MaybeArray,
    depthwise: Array,
    depthwise_bias: MaybeArray,
    project: Array,
    project_bias: MaybeArray,
    residual: MaybeArray = None,
    stride: Size = 1,
    padding: Padding = 0,
    activation: str = "relu6",
) -> tuple[Array, Any]:
    """y = project(f(depthwise(f(expand(x))))) + residual [Sandler et al. 2018, section 3.3].

    x (N, C, H, W), expand (E, C, 1, 1), depthwise (E, 1, KH, KW), project (O, E, 1, 1), a bias
    each or None, residual like y or None -> y (N, O, OH, OW); stride and padding are those of the
    depthwise convolution. Raises ShapeError as conv2d does, and for a residual of another shape.
    """
    t, one = conv2d_act_forward(x, expand, expand_bias, activation=activation)
    groups = len(depthwise)
    u, two = conv2d_act_forward(
        t, depthwise, depthwise_bias, None, stride, padding, 1, groups, activation
    )
    y, three = conv2d_act_forward(u, project, project_bias, residual, activation="none")
    return y, (one, two, three)


def bottleneck_backward(dy: Array, cache: Any, needs: tuple[bool, ...] = (True,) * 8) -> Gradients:
    """The parts' gradients, from the last to the first; dresidual = dy."""
    one, two, three = cache
    du, dproject, dproject_bias, *more = conv2d_act_backward(dy, three, (True, *needs[5:7]))
    assert du is not None
    dt, ddepthwise, ddepthwise_bias = conv2d_act_backward(du, two, (True, *needs[3:5]))
    assert dt is not None
    dx, dexpand, dexpand_bias = conv2d_act_backward(dt, one, needs[:3])
    gradients = (dx, dexpand, dexpand_bias, ddepthwise, ddepthwise_bias, dproject, dproject_bias)
    return (*gradients, *more)


def _bottleneck_examples() -> list[Example]:
    x, e, d = normal(2, 3, 6, 5), normal(8, 3, 1, 1), normal(8, 1, 3, 3)
    p, b = normal(3, 8, 1, 1), normal(8)
    return [
        example(x, e, b, d, normal(8, key=1), p, normal(3), normal(2, 3, 6, 5, key=1), 1, 1),
        example(x, e, None, d, b, p, None, None, 2, ((0, 1), (1, 1)), activation="relu"),
        example(x, e, b, d, None, p, None, activation="silu"),
    ]


bottleneck = operation(bottleneck_forward, bottleneck_backward, examples=_bottleneck_examples)
