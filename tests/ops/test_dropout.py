"""Dropout: the expected value is kept whatever p is, and the gradient meets the same mask."""

import numpy as np
import pytest

from glassnet import random
from glassnet.errors import ShapeError
from glassnet.ops._samples import normal
from glassnet.ops.dropout import dropout, dropout2d
from glassnet.tensor import Tensor


@pytest.mark.parametrize("p", [0.1, 0.2, 0.75, 0.9])
def test_keeps_the_expected_value(p: float) -> None:
    """ConvNetJS scales by p, not by 1 - p: right at p = 0.5 alone."""
    y = dropout(Tensor(np.ones(100_000)), p, generator=random.derive(1)).data
    assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
    assert np.mean(y == 0) == pytest.approx(p, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=5 * np.sqrt(p / (1 - p) / 100_000))


def test_the_gradient_meets_the_same_mask() -> None:
    x = Tensor(normal(50, 40), requires_grad=True)
    y = dropout(x, 0.3, generator=random.derive(2))
    dy = normal(50, 40, key=1)
    y.backward(dy)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, dy * (y.data / x.data), rtol=1e-12)


def test_at_its_ends() -> None:
    x = Tensor(normal(4, 5).astype(np.float32), requires_grad=True)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x
    y = dropout(x, 1.0)
    y.backward(np.ones((4, 5), np.float32))
    assert x.grad is not None
    assert y.dtype == np.float32
    assert not y.data.any()
    assert not x.grad.data.any()
    assert dropout(Tensor(np.zeros((0, 3))), 0.5).shape == (0, 3)


def test_the_current_generator_decides() -> None:
    x = Tensor(np.ones(1000))
    with random.using(random.derive(3)):
        one, two = dropout(x).data, dropout(x).data
    with random.using(random.derive(3)):
        again = dropout(x).data
    assert np.array_equal(one, again)
    assert not np.array_equal(one, two)


def test_dropout2d_drops_whole_channels() -> None:
    y = dropout2d(Tensor(np.ones((200, 10, 3, 2))), 0.25, generator=random.derive(4)).data
    channels = y.reshape(2000, 6)
    assert np.array_equal(channels.min(1), channels.max(1))
    assert np.mean(channels == 0) == pytest.approx(0.25, abs=0.05)
    assert set(np.unique(y)) == {0.0, 1 / 0.75}


def test_what_does_not_fit() -> None:
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="probability to drop"):
            dropout(Tensor(np.ones(3)), p)
    with pytest.raises(ShapeError, match=r"drops channels .* got shape \(3, 4\)"):
        dropout2d(Tensor(np.ones((3, 4))))
