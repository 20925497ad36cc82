"""Products that skip zeros, against NumPy in float64, under guards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet.kernels import dispatch
from tests.kernels.twins import canaries, guarded

sparse = pytest.importorskip("glassnet.kernels.sparse", exc_type=ImportError)
Array = Any
BLOCK = sparse.VECTORS * sparse.host().lanes  # columns of b that it takes at once, and at least


def matrix(*shape: int, share: float = 0.1) -> Array:
    draw = np.random.default_rng(shape)
    return (draw.standard_normal(shape) * (draw.random(shape) < share)).astype(np.float32)


@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 1, BLOCK), (5, 7, BLOCK + 1), (100, 200, 500), (65, 3, 2 * BLOCK + 2)]
)
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_product_is_that_of_numpy(m: int, k: int, n: int, share: float) -> None:
    a, b = guarded(matrix(m, k, share=share)), guarded(matrix(k, n, share=1))
    with canaries():
        y = sparse.times(a, b)
    if y is None:
        assert np.count_nonzero(a) > sparse.DENSE * a.size
        return
    np.testing.assert_allclose(y, a.astype(np.float64) @ b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [(3,), (100, 110), (5, 1, 130), (104, 104, 2)])
@pytest.mark.parametrize(("m", "n"), [(1, BLOCK), (784, 500), (65, 2 * BLOCK + 2)])
def test_sums_of_products_are_those_of_numpy(rows: tuple[int, ...], m: int, n: int) -> None:
    terms = [
        (guarded(matrix(k, m)), guarded(matrix(k, n, share=1)), 0.5 - i) for i, k in enumerate(rows)
    ]
    want = sum(scale * (a.T.astype(np.float64) @ b) for a, b, scale in terms)
    with canaries():
        y = sparse.sum_of_products(terms)
    if y is None:
        assert m == 1
        return
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


def test_dense_matrices_are_left_to_blas() -> None:
    a, b = matrix(20, 30, share=0.9), matrix(30, BLOCK)
    assert sparse.times(a, b) is None
    assert sparse.sum_of_products([(a.T.copy(), b, 1.0)]) is None


def test_what_is_no_number_is_no_zero() -> None:
    a, b = matrix(9, 40), matrix(40, BLOCK, share=1)
    a[3, 5] = np.nan
    y = sparse.times(a, b)
    assert np.isnan(y[3]).all() and np.isfinite(np.delete(y, 3, axis=0)).all()


def test_the_sum_does_not_depend_on_the_threads() -> None:
    from glassnet.kernels import threads

    a, b = matrix(300, 700), matrix(700, 500, share=1)
    before, made = threads.get_num_threads(), []
    for count in (1, 2, 3):
        threads.set_num_threads(count)
        made.append((sparse.times(a, b), sparse.sum_of_products([(a.T.copy(), b, 1.0)])))
    threads.set_num_threads(before)
    for one, other in made[1:]:
        np.testing.assert_array_equal(one, made[0][0])
        np.testing.assert_array_equal(other, made[0][1])


def test_what_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def served(a: Array, b: Array) -> bool:
        return dispatch.sparse_products([(a, b, 1.0)], turned=False) is not None

    a, b = matrix(9, 40), matrix(40, BLOCK)
    assert served(a, b)
    assert not served(a[:, ::2], b[::2])
    assert not served(a, b[:, : BLOCK - 1].copy())
    assert not served(a.astype(np.float64), b)
    assert not served(a[:0], b)
    monkeypatch.setattr(dispatch, "MODE", "reference")
    assert not served(a, b)
