"""The operations under the names that PyTorch's `nn.functional` has: `F.relu(x)`, `F.conv2d(...)`.

Nothing is written twice: every name is the operation of `glassnet.ops` itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    batch_norm,
    binary_cross_entropy_with_logits,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    dropout2d,
    elu,
    embedding,
    gelu,
    group_norm,
    huber_loss,
    instance_norm,
    kl_div,
    l1_loss,
    leaky_relu,
    linear,
    local_response_norm,
    log_softmax,
    max_pool1d,
    max_pool2d,
    maxout,
    mse_loss,
    multi_margin_loss,
    one_hot,
    pad,
    relu,
    relu6,
    scaled_dot_product_attention,
    sigmoid,
    silu,
    smooth_l1_loss,
    softmax,
    softplus,
    tanh,
)
from glassnet.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "maxout",
    "mse_loss",
    "multi_margin_loss",
    "one_hot",
    "pad",
    "relu",
    "relu6",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`ops.layer_norm` with PyTorch's arguments: over the last axes, which are `normalized_shape`.

    x (..., *normalized_shape) -> the same. Raises ShapeError where x does not end in that shape.
    """
    shape = tuple(normalized_shape)
    if x.shape[x.ndim - len(shape) :] != shape:
        raise ShapeError(f"expected x (..., {', '.join(map(str, shape))}), got shape {x.shape}")
    if weight is None and bias is None and len(shape) > 1:
        weight = Tensor(np.ones(shape, x.dtype))  # tells the operation over which axes
    y: Tensor = ops.layer_norm(x, weight, bias, eps)
    return y
