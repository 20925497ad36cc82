"""Attention: each query reads a mean of the values, weighted by how well it fits their keys.

L queries, S keys and values, E features of queries and keys, F of values; ... batch and heads
query (..., L, E), key (..., S, E), value (..., S, F), y (..., L, F)
scores (..., L, S): how well they fit; p (..., L, S): the weights, whose rows sum to 1
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._samples import normal, uniform
from glassnet.tape import Array

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention_forward(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> tuple[Array, Any]:
    """y = p value, p = softmax(scale query key^T + mask) [Vaswani et al. 2017, section 3.2.1].

    scale is 1 / sqrt(E) unless given. attn_mask (..., L, S) is added, or if boolean says which keys
    a query sees; `is_causal` lets query l see the keys up to l. A query that sees no key reads 0.
    Raises ShapeError where the shapes do not fit, ValueError for both kinds of mask at once.
    """
    _check(query, key, value)
    if is_causal and attn_mask is not None:
        raise ValueError("give attn_mask or is_causal=True, not both: put the one into the other")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = query @ key.swapaxes(-1, -2) * scale  # (..., L, S)
    if is_causal:
        attn_mask = np.tri(*scores.shape[-2:], dtype=bool)
    if attn_mask is not None and attn_mask.dtype == bool:
        scores = np.where(attn_mask, scores, -np.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask.astype(scores.dtype, copy=False)
    p = _softmax(scores)
    learned = attn_mask is not None and attn_mask.dtype != bool
    return p @ value, (query, key, value, p, scale, learned)


def scaled_dot_product_attention_backward(dy: Array, cache: Any) -> tuple[Array | None, ...]:
    """dvalue = p^T dy; dp = dy value^T; dscores = p (dp - sum over keys of p dp), by softmax;
    dquery = scale dscores key, dkey = scale dscores^T query, dmask = dscores.
    """
    query, key, value, p, scale, learned = cache
    dvalue = p.swapaxes(-1, -2) @ dy  # (..., S, F)
    dp = dy @ value.swapaxes(-1, -2)  # (..., L, S)
    dscores = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
    dquery = dscores @ key * scale  # (..., L, E)
    dkey = dscores.swapaxes(-1, -2) @ query * scale  # (..., S, E)
    return dquery, dkey, dvalue, dscores if learned else None


def _softmax(scores: Array) -> Array:
    """softmax over the last axis, 0 in a row of -inf alone."""
    largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(scores - np.where(largest == -np.inf, 0, largest))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def _check(query: Array, key: Array, value: Array) -> None:
    shapes = f"query {query.shape}, key {key.shape}, value {value.shape}"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError(
            f"expected query (..., L, E), key (..., S, E), value (..., S, F): {shapes}"
        )
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(f"queries and keys must have the same number of features: {shapes}")
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"each key needs one value: {shapes}")


def _examples() -> list[Example]:
    q, k, v = normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 2)
    return [
        example(q, k, v),
        example(q, k, v, normal(4, 6), scale=0.3),
        example(q, k, v, uniform(2, 1, 4, 6) > 0.4),
        example(q, k, v, is_causal=True),
        example(normal(4, 5), normal(1, 5), normal(1, 5, key=1)),
        example(normal(0, 4, 5), normal(0, 6, 5), normal(0, 6, 2)),
    ]


scaled_dot_product_attention = operation(
    scaled_dot_product_attention_forward,
    scaled_dot_product_attention_backward,
    examples=_examples,
    broadcasts=True,
)
