"""Attention layers.

N batch, L queries, S keys, E embed_dim, A heads. Masks are PyTorch's: True, or -inf where they are
numbers to add, keeps a query from a key.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from glassnet import ops
from glassnet.errors import GlassnetError, ShapeError
from glassnet.nn import init
from glassnet.nn.dropout import Dropout
from glassnet.nn.linear import Linear
from glassnet.nn.module import Module, Parameter
from glassnet.nn.norm import LayerNorm
from glassnet.tape import Array
from glassnet.tensor import Tensor, as_array

Mask = Tensor | ArrayLike


class MultiheadAttention(Module):
    """concat over heads of softmax(q k^T / sqrt(E / A) + mask) v, times W_o, + b_o.

    q, k, v are the E / A columns of each head in query W_q^T, key W_k^T, value W_v^T + biases
    [Vaswani et al. 2017, section 3.2.2]. query (L, N, E), key and value (S, N, E), or batch first
    -> output as query, and the weights (N, L, S), a mean over the heads. Parameters: in_proj_weight
    (3 E, E), rows for q, k, v; in_proj_bias (3 E); out_proj.weight (E, E), out_proj.bias (E).
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ShapeError(
                f"MultiheadAttention: embed_dim {embed_dim} is no multiple of num_heads {num_heads}"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.dropout, self.batch_first = dropout, batch_first
        self.in_proj_weight = Parameter(np.empty((3 * embed_dim, embed_dim), np.float32))
        self.in_proj_bias = Parameter(np.empty(3 * embed_dim, np.float32)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again: Glorot's for in_proj_weight, biases 0."""
        init.xavier_uniform_(self.in_proj_weight)
        self.out_proj.reset_parameters()
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Mask | None = None,
        need_weights: bool = True,
        attn_mask: Mask | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """key_padding_mask (N, S); attn_mask (L, S) or (N A, L, S); is_causal: no later keys.

        Without `need_weights` (faster) the second result is None; without
        `average_attn_weights` the weights are those of each head, (N, A, L, S).
        """
        self._check(query, key, value)
        q, k, v = map(self._heads, self._project(query, key, value))  # (N, A, L or S, E / A)
        shape = (len(q), self.num_heads, q.shape[2], k.shape[2])
        mask = _mask(shape, key_padding_mask, attn_mask, is_causal, q.dtype)
        weights = None
        if need_weights or (self.dropout and self.training):
            weights = _weights(q, k, mask)
            y = ops.dropout(weights, self.dropout, self.training) @ v
        else:
            y = ops.scaled_dot_product_attention(q, k, v, mask)
        joined = ops.reshape(ops.transpose(y, 1, 2), len(q), q.shape[2], self.embed_dim)
        output = self.out_proj(joined)
        if not need_weights or weights is None:
            return self._laid_out(output), None
        return self._laid_out(output), weights.mean(dim=1) if average_attn_weights else weights

    def _check(self, *inputs: Tensor) -> None:
        if any(x.ndim != 3 or x.shape[2] != self.embed_dim for x in inputs):
            layout = "(N, L, E)" if self.batch_first else "(L, N, E)"
            raise ShapeError(
                f"expected query, key and value {layout} with E = {self.embed_dim}, got "
                f"{', '.join(str(x.shape) for x in inputs)}"
            )

    def _laid_out(self, x: Tensor) -> Tensor:
        """Between the user's layout and (N, L, E), both ways."""
        return x if self.batch_first else ops.transpose(x, 0, 1)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        if query is key is value:  # one product instead of three
            return ops.chunk(ops.linear(query, self.in_proj_weight, self.in_proj_bias), 3, dim=-1)
        weights = ops.chunk(self.in_proj_weight, 3)
        biases = (None,) * 3 if self.in_proj_bias is None else ops.chunk(self.in_proj_bias, 3)
        return tuple(map(ops.linear, (query, key, value), weights, biases))

    def _heads(self, x: Tensor) -> Tensor:
        """(L, N, E) as the user lays it out -> (N, A, L, E / A)."""
        x = self._laid_out(x)
        return ops.transpose(ops.reshape(x, *x.shape[:2], self.num_heads, -1), 1, 2)


def _mask(
    shape: tuple[int, int, int, int],
    padding: Mask | None,
    attention: Mask | None,
    causal: bool,
    dtype: np.dtype[np.float64],
) -> Array | None:
    """All masks in one that is added to the scores, (N, A, L, S) or what broadcasts to it."""
    batch, _, queries, keys = shape
    masks: list[Array] = []
    if padding is not None:
        masks.append(_additive(padding, ((batch, keys),), "key_padding_mask")[:, None, None])
    if attention is not None:
        given = _additive(attention, (shape[2:], (batch * shape[1], queries, keys)), "attn_mask")
        masks.append(given if given.ndim == 2 else given.reshape(shape))
    if causal:
        masks.append(_additive(~np.tri(queries, keys, dtype=bool), (shape[2:],), "causal"))
    total = masks[0] if masks else None
    for mask in masks[1:]:
        total = total + mask
    return None if total is None else total.astype(dtype)


def _additive(mask: Mask, shapes: tuple[tuple[int, ...], ...], name: str) -> Array:
    array = as_array(mask)
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ShapeError(f"{name} has shape {array.shape}, expected {expected}")
    return np.where(array, -np.inf, 0.0) if array.dtype == bool else array


def _weights(q: Tensor, k: Tensor, mask: Array | None) -> Tensor:
    """softmax(q k^T / sqrt(E / A) + mask), (N, A, L, S); a query that sees no key has weights 0."""
    scores = (q * q.shape[-1] ** -0.5) @ ops.transpose(k, -1, -2)
    if mask is None:
        return ops.softmax(scores)
    sees = np.isfinite(mask).any(axis=-1, keepdims=True)
    return ops.softmax(scores + np.where(sees, mask, 0).astype(mask.dtype)) * sees


class TransformerEncoderLayer(Module):
    """x + attention(x), then x + linear2(dropout(act(linear1(x)))), each normalised after it.

    With `norm_first`, before it. src (L, N, E) or batch first -> the same [Vaswani et al. 2017,
    section 3.1; norm_first: Xiong et al. 2020]. activation "relu" or "gelu".
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if activation not in ("relu", "gelu"):
            raise GlassnetError(f"activation is 'relu' or 'gelu', not {activation!r}")
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation, self.norm_first = activation, norm_first

    def forward(
        self,
        src: Tensor,
        src_mask: Mask | None = None,
        src_key_padding_mask: Mask | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        masks = (src_key_padding_mask, False, src_mask, True, is_causal)
        if self.norm_first:
            x = src + self._attend(self.norm1(src), masks)
            return x + self._feed(self.norm2(x))
        x = self.norm1(src + self._attend(src, masks))
        return self.norm2(x + self._feed(x))

    def _attend(self, x: Tensor, masks: tuple[Any, ...]) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, *masks)[0])

    def _feed(self, x: Tensor) -> Tensor:
        act = ops.relu if self.activation == "relu" else ops.gelu
        return self.dropout2(self.linear2(self.dropout(act(self.linear1(x)))))
