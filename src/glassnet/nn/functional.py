"""The operations under the names that PyTorch's `nn.functional` has: `F.relu(x)`, `F.conv2d(...)`.

Nothing is written twice: every name is the operation of `glassnet.ops` itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassnet.errors import ShapeError
from glassnet.ops.activation import (
    elu,
    gelu,
    leaky_relu,
    maxout,
    relu,
    relu6,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from glassnet.ops.attention import scaled_dot_product_attention
from glassnet.ops.conv import conv1d, conv2d
from glassnet.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from glassnet.ops.dropout import dropout, dropout2d
from glassnet.ops.index import embedding, one_hot
from glassnet.ops.loss import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multi_margin_loss,
    smooth_l1_loss,
)
from glassnet.ops.matmul import linear
from glassnet.ops.norm import batch_norm, group_norm, instance_norm, local_response_norm
from glassnet.ops.norm import layer_norm as _layer_norm
from glassnet.ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from glassnet.ops.shape import pad
from glassnet.ops.softmax import log_softmax, softmax
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
    y: Tensor = _layer_norm(x, weight, bias, eps)
    return y
