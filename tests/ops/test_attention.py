"""Attention: means of values, what masks hide, and rows that see nothing."""

from typing import Any

import numpy as np
import pytest

from glassnet.errors import ShapeError
from glassnet.ops._samples import normal, uniform
from glassnet.ops.attention import scaled_dot_product_attention as attention
from glassnet.ops.softmax import softmax
from glassnet.tensor import Tensor
from tests.helpers import check, run

Q, K, V = normal(2, 4, 5), normal(2, 6, 5, key=1), normal(2, 6, 3, key=2)


def test_is_softmax_of_the_products_times_the_values() -> None:
    p = softmax(Tensor(Q @ K.transpose(0, 2, 1) / np.sqrt(5))).data
    check(attention, Q, K, V, expected=p @ V)
    p = softmax(Tensor(0.1 * Q @ K.transpose(0, 2, 1))).data
    check(attention, Q, K, V, scale=0.1, expected=p @ V)


def test_a_query_that_fits_all_alike_reads_the_mean() -> None:
    mean = np.broadcast_to(V.mean(axis=1, keepdims=True), (2, 4, 3))
    check(attention, 0 * Q, K, V, expected=mean)


def test_causal_sees_the_past_alone() -> None:
    y = attention(Tensor(Q), Tensor(K), Tensor(V), is_causal=True).data
    np.testing.assert_allclose(y[:, 0], V[:, 0], rtol=1e-12)
    changed = V.copy()
    changed[:, 2:] = 99
    again = attention(Tensor(Q), Tensor(K), Tensor(changed), is_causal=True).data
    assert np.array_equal(y[:, :2], again[:, :2])
    check(attention, Q, K, V, is_causal=True)


def test_kinds_of_mask_agree() -> None:
    seen = uniform(4, 6) > 0.4
    (by_bool,) = check(attention, Q, K, V, seen)
    added = attention(Tensor(Q), Tensor(K), Tensor(V), np.where(seen, 0, -np.inf))
    np.testing.assert_allclose(added.data, by_bool, rtol=1e-12)
    triangle = np.tri(4, 6, dtype=bool)
    causal = attention(Tensor(Q), Tensor(K), Tensor(V), is_causal=True)
    assert np.array_equal(causal.data, attention(Tensor(Q), Tensor(K), Tensor(V), triangle).data)


@pytest.mark.parametrize("shape", [(4, 6), (1, 6), (2, 1, 6), (2, 4, 6)])
def test_a_mask_that_is_added_can_be_learned(shape: tuple[int, ...]) -> None:
    check(attention, Q, K, V, normal(*shape))


def test_a_query_that_sees_nothing_reads_0() -> None:
    seen = np.ones((4, 6), bool)
    seen[1] = False
    for mask in (seen, np.where(seen, 0, -np.inf)):
        q = Tensor(Q, requires_grad=True)
        y = attention(q, Tensor(K), Tensor(V), mask)
        y.backward(np.ones(y.shape))
        assert q.grad is not None
        assert not y.data[:, 1].any()
        assert not q.grad.data[:, 1].any()
        assert np.isfinite(q.grad.data).all()


def test_the_order_of_the_keys_makes_no_difference() -> None:
    order = [3, 0, 5, 1, 4, 2]
    one = attention(Tensor(Q), Tensor(K), Tensor(V)).data
    other = attention(Tensor(Q), Tensor(K[:, order]), Tensor(V[:, order])).data
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_extremes_heads_and_an_empty_batch() -> None:
    values, gradients = run(attention, (300 * np.sign(Q), 300 * np.sign(K), V), {})
    assert all(np.isfinite(a).all() for a in (*values, *gradients))
    heads = normal(2, 3, 4, 5)
    check(attention, heads, heads, heads)
    check(attention, Q, K[:1], V[:1])  # one set of keys for the whole batch
    check(attention, Q[:0], K[:0], V[:0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((Q, K[..., 1:], V), "same number of features"),
        ((Q, K, V[:, 1:]), "each key needs one value"),
        ((Q[0, 0], K, V), r"query \(..., L, E\)"),
        ((Q, K, V, np.ones((3, 6), bool)), "does not accept"),
    ],
)
def test_what_does_not_fit(arrays: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        attention(*map(Tensor, arrays))


def test_one_mask_at_a_time() -> None:
    with pytest.raises(ValueError, match="not both"):
        attention(Tensor(Q), Tensor(K), Tensor(V), np.zeros((4, 6)), is_causal=True)
