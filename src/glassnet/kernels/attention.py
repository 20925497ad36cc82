"""Twin of attention: one head of one example at a time.

    B heads of all examples; L queries, S keys and values, E and F features
    query (B, L, E), key (B, S, E), value (B, S, F), y (B, L, F); p (B, L, S), kept for backward

Every step is a product of small matrices, C = scale A V, in tiles that stay in registers
(`microkernel.outer`). Only V is read along its rows, so A may be read along its columns and needs
no transposing; where V has to be turned round (keys for the scores, values for dp), a part copies
it into space of its own. Between the products each row of scores passes through softmax.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, plain, single
from glassnet.kernels.microkernel import outer
from glassnet.kernels.softmax import join
from glassnet.kernels.vector import (
    Floats,
    Longs,
    first,
    lanes,
    load_part,
    max_lanes,
    part,
    select,
    splat,
    store_part,
    sum_lanes,
    unroll,
)
from glassnet.kernels.vector_math import exp

MB, NB = 6, 2  # rows and vectors of a tile: 12 accumulators


# -- products --------------------------------------------------------------------------------------
@part
def product(
    a: Floats, row: int, places: Longs, count: int, v: Floats, ld: int, c: Floats, ldc: int,
    rows: int, columns: int, scale: float,
) -> None:  # fmt: skip
    """c[m, j] = scale * sum over i < count of a[m row + places[i]] v[i, j].

    v and c have `ld` and `ldc` floats a row. The last tile of rows may compute its last row again.
    """
    for m in range(0, rows, MB):
        at = [a + min(m + i, rows - 1) * row for i in unroll(MB)]
        to = [c + min(m + i, rows - 1) * ldc for i in unroll(MB)]
        for j in range(0, columns, NB * lanes()):
            acc = outer(at, places, count, v + j, ld, columns - j, NB * lanes())
            for i in unroll(MB):
                for n in unroll(NB):
                    left = columns - j - n * lanes()
                    if left >= lanes():
                        store_part(to[i] + j + n * lanes(), acc[i][n] * scale, lanes())
                    elif left > 0:
                        store_part(to[i] + j + n * lanes(), acc[i][n] * scale, left)


@part
def turn(x: Floats, y: Floats, rows: int, columns: int) -> None:
    """y[j, i] = x[i, j]; x (rows, columns)."""
    for i in range(rows):
        for j in range(columns):
            y[j * rows + i] = x[i * columns + j]


# -- a row of scores -------------------------------------------------------------------------------
@part
def some(p: Floats, mask: Floats, count: int, MASKED: bool) -> Any:
    """`count` scores with their mask; -inf in the lanes that are not there."""
    v = load_part(p, count)
    if MASKED:
        v = v + load_part(mask, count)
    return select(first(count), v, splat(-math.inf))


@part
def softmax_row(p: Floats, mask: Floats, S: int, seen: int, MASKED: bool) -> None:
    """p = softmax(p + mask) of the first `seen` keys and 0 of the others; 0 where all are -inf."""
    top = splat(-math.inf)
    for s in range(0, seen, lanes()):
        top = join(top, some(p + s, mask + s, min(seen - s, lanes()), MASKED))
    peak = max_lanes(top) + sum_lanes(select(top == top, splat(0.0), top))
    peak = select(peak == -math.inf, 0.0, peak)
    total = splat(0.0)
    for s in range(0, S, lanes()):
        count = max(min(seen - s, lanes()), 0)
        e = exp(some(p + s, mask + s, count, MASKED) - peak)
        total = total + e
        store_part(p + s, e, min(S - s, lanes()))
    whole = sum_lanes(total)
    share = 1.0 / select(whole == 0.0, 1.0, whole)
    for s in range(0, S, lanes()):
        count = min(S - s, lanes())
        store_part(p + s, load_part(p + s, count) * share, count)


@part
def through_softmax(p: Floats, dp: Floats, S: int) -> None:
    """dp = p (dp - sum of p dp), in place: the gradient of the scores of a row."""
    total = splat(0.0)
    for s in range(0, S, lanes()):
        count = min(S - s, lanes())
        total = total + load_part(p + s, count) * load_part(dp + s, count)
    mean = sum_lanes(total)
    for s in range(0, S, lanes()):
        count = min(S - s, lanes())
        g = load_part(p + s, count) * (load_part(dp + s, count) - mean)
        store_part(dp + s, g, count)


# -- the tasks -------------------------------------------------------------------------------------
@task
def attention_up(
    begin: int, end: int, slot: int, query: Floats, key: Floats, value: Floats, mask: Floats,
    y: Floats, p: Floats, space: Floats, order: Longs, L: int, S: int, E: int, F: int,
    scale: float, *, MASKED: bool, CAUSAL: bool,
) -> None:  # fmt: skip
    """Heads `begin` to `end`; space (parts, E S), order = 0, 1, 2, ..."""
    turned = space + slot * E * S
    for b in range(begin, end):
        scores = p + b * L * S
        turn(key + b * S * E, turned, S, E)
        product(query + b * L * E, E, order, E, turned, S, scores, S, L, S, scale)
        for row in range(L):
            seen = min(row + 1, S) if CAUSAL else S
            softmax_row(scores + row * S, mask + row * S, S, seen, MASKED)
        product(scores, S, order, S, value + b * S * F, F, y + b * L * F, F, L, F, 1.0)


@task
def attention_down(
    begin: int, end: int, slot: int, dy: Floats, query: Floats, key: Floats, value: Floats,
    p: Floats, dquery: Floats, dkey: Floats, dvalue: Floats, dscores: Floats, space: Floats,
    order: Longs, column: Longs, L: int, S: int, E: int, F: int, scale: float, *, KEEP: bool,
) -> None:  # fmt: skip
    """Heads `begin` to `end`; column = 0, S, 2 S, ...; dscores (B, L, S) where KEEP, else
    (parts, L, S); space (parts, F S)."""
    turned = space + slot * F * S
    for b in range(begin, end):
        seen, given = p + b * L * S, dy + b * L * F
        g = dscores + (b if KEEP else slot) * L * S
        product(seen, 1, column, L, given, F, dvalue + b * S * F, F, S, F, 1.0)
        turn(value + b * S * F, turned, S, F)
        product(given, F, order, F, turned, S, g, S, L, S, 1.0)
        for row in range(L):
            through_softmax(seen + row * S, g + row * S, S)
        product(g, S, order, S, key + b * S * E, E, dquery + b * L * E, E, L, E, scale)
        product(g, 1, column, L, query + b * L * E, E, dkey + b * S * E, E, S, E, scale)


def scaled_dot_product_attention_forward(
    query: Array, key: Array, value: Array, attn_mask: Array | None = None,
    is_causal: bool = False, scale: float | None = None,
) -> tuple[Array, Any]:  # fmt: skip
    """y = p value, p = softmax(scale query key^T + mask)."""
    query, key, value = plain(query), plain(key), plain(value)
    (*batch, L, E), (S, F) = query.shape, value.shape[-2:]
    scale = E**-0.5 if scale is None else float(scale)
    heads = math.prod(batch)
    y, p = memory.empty((*batch, L, F)), memory.empty((*batch, L, S))
    mask, learned = _added(attn_mask)
    count = parts(heads, heads * L * S * (E + F) // 4)
    run = attention_up.compiled(MASKED=mask is not None, CAUSAL=is_causal)
    order, space = np.arange(max(E, F, S, L)), memory.empty((count, E * S))
    run(heads, count, query, key, value, mask, y, p, space, order, L, S, E, F, scale)
    return y, (query, key, value, p, scale, learned)


def scaled_dot_product_attention_backward(dy: Array, cache: Any) -> tuple[Array | None, ...]:
    """dvalue = p^T dy, and through softmax to query, key and mask."""
    query, key, value, p, scale, learned = cache
    (*batch, L, E), (S, F) = query.shape, value.shape[-2:]
    heads = math.prod(batch)
    grads = [memory.empty(x.shape) for x in (query, key, value)]
    count = parts(heads, heads * L * S * (E + F) // 2)
    dscores = memory.empty(p.shape if learned else (count, L, S))
    order = np.arange(max(E, F, S, L))
    run, space = attention_down.compiled(KEEP=learned), memory.empty((count, F * S))
    given = (plain(dy), query, key, value, p, *grads, dscores, space, order, order * S)
    run(heads, count, *given, L, S, E, F, scale)
    return *grads, dscores if learned else None


def _added(mask: Array | None) -> tuple[Array | None, bool]:
    """The mask as numbers to add, and whether a gradient goes to it."""
    if mask is None:
        return None, False
    if mask.dtype == np.bool_:
        return np.where(mask, np.float32(0), np.float32(-np.inf)), False
    return plain(mask), True


def _serves(
    query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: bool = False,
    scale: float | None = None,
) -> bool:  # fmt: skip
    """The same number of examples and heads in all three; a mask (L, S) for all heads."""
    if not single(query, key, value) or min(query.ndim, key.ndim, value.ndim) < 2:
        return False
    batch, length, features = query.shape[:-2], query.shape[-2:-1], query.shape[-1:]
    same = key.shape[:-2] == batch == value.shape[:-2]
    fits = key.shape[-1:] == features and key.shape[-2] == value.shape[-2]
    usual = same and fits and 0 not in (*query.shape, *key.shape, *value.shape)
    if not usual or attn_mask is None:
        return usual
    known = attn_mask.dtype in (np.bool_, np.float32) and not is_causal
    return known and attn_mask.shape == (*length, key.shape[-2])


register(
    "scaled_dot_product_attention",
    scaled_dot_product_attention_forward,
    scaled_dot_product_attention_backward,
    _serves,
)
