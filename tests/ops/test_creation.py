import numpy as np
import pytest

import glassnet as gn
from glassnet import ops


def test_constants() -> None:
    assert gn.zeros(2, 3).tolist() == [[0] * 3] * 2
    assert gn.ones((2, 3)).tolist() == [[1] * 3] * 2
    assert gn.full((2,), 2.5).tolist() == [2.5, 2.5]
    assert gn.full(2, 7).dtype == np.int64
    assert gn.full(2, 7.0).dtype == np.float32
    assert gn.eye(2).tolist() == [[1, 0], [0, 1]]
    assert gn.eye(2, 3).shape == (2, 3)
    assert gn.zeros().shape == ()


def test_dtypes_and_gradients() -> None:
    assert gn.zeros(2).dtype == gn.rand(2).dtype == gn.randn(2).dtype == np.float32
    assert gn.randn(2, dtype=np.float64).dtype == np.float64
    assert gn.ones(2, dtype=np.int64).dtype == np.int64
    assert gn.zeros(2, requires_grad=True).requires_grad
    assert gn.randn(2, requires_grad=True).requires_grad


def test_ranges() -> None:
    assert gn.arange(3).tolist() == [0, 1, 2]
    assert gn.arange(3).dtype == np.int64
    assert gn.arange(1, 2, 0.25).tolist() == [1, 1.25, 1.5, 1.75]
    assert gn.arange(1, 2, 0.25).dtype == np.float32
    assert gn.arange(3, dtype=np.float64).dtype == np.float64


def test_the_seed_decides_the_numbers() -> None:
    gn.manual_seed(3)
    first = gn.randn(4), gn.rand(4)
    gn.manual_seed(3)
    again = gn.randn(4), gn.rand(4)
    gn.manual_seed(4)
    other = gn.randn(4), gn.rand(4)
    for a, b, c in zip(first, again, other, strict=True):
        assert a.tolist() == b.tolist() != c.tolist()


def test_random_numbers_have_their_moments() -> None:
    gn.manual_seed(0)
    assert gn.randn(100_000).mean().item() == pytest.approx(0, abs=0.02)
    assert gn.randn(100_000).var().item() == pytest.approx(1, abs=0.02)
    assert gn.rand(100_000).mean().item() == pytest.approx(0.5, abs=0.01)


def test_like_another() -> None:
    image = gn.Tensor(np.ones((2, 5, 5, 3)).transpose(0, 3, 1, 2))
    for y in (gn.zeros_like(image), gn.ones_like(image), gn.full_like(image, 2.0)):
        assert y.data.strides == image.data.strides
        assert y.dtype == np.float64
    assert gn.zeros_like(image, dtype=np.int64).dtype == np.int64
    assert ops.rand_like(image).shape == ops.randn_like(image).shape == image.shape
    assert ops.randn_like(image).dtype == np.float64
