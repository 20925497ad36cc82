"""Initialisers: the variances of their papers, from enough draws to see them."""

import math

import numpy as np
import pytest

import glassnet as gn
from glassnet import GlassnetError, ShapeError, nn, random
from glassnet.nn import init

WEIGHT = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9
EVEN = math.sqrt(3.0)  # largest value of a uniform distribution in standard deviations


def fresh(shape=WEIGHT, dtype=np.float32):
    return nn.Parameter(np.full(shape, np.nan, dtype))


@pytest.mark.parametrize(
    ("fill", "variance", "largest"),
    [
        (lambda t, g: init.kaiming_uniform_(t, generator=g), 2 / FAN_IN, EVEN),
        (lambda t, g: init.kaiming_uniform_(t, math.sqrt(5), generator=g), 1 / 3 / FAN_IN, EVEN),
        (lambda t, g: init.kaiming_normal_(t, mode="fan_out", generator=g), 2 / FAN_OUT, 6),
        (
            lambda t, g: init.kaiming_normal_(t, nonlinearity="tanh", generator=g),
            25 / 9 / FAN_IN,
            6,
        ),
        (lambda t, g: init.xavier_uniform_(t, generator=g), 2 / (FAN_IN + FAN_OUT), EVEN),
        (lambda t, g: init.xavier_normal_(t, 3.0, generator=g), 18 / (FAN_IN + FAN_OUT), 6),
        (lambda t, g: init.lecun_normal_(t, generator=g), 1 / FAN_IN, 6),
        (lambda t, g: init.lecun_uniform_(t, generator=g), 1 / FAN_IN, EVEN),
        (lambda t, g: init.uniform_(t, -1, 1, generator=g), 1 / 3, EVEN),
        (lambda t, g: init.normal_(t, 0, 0.5, generator=g), 1 / 4, 6),
        # the variance of a normal distribution that is cut at two standard deviations
        (lambda t, g: init.trunc_normal_(t, 0, 0.5, -1, 1, generator=g), 0.7737413 / 4, 2.28),
    ],
)
def test_mean_and_variance(fill, variance, largest):
    weight = fresh()
    assert fill(weight, random.derive(1)) is weight
    n, std = weight.numel(), math.sqrt(variance)
    assert abs(weight.data.mean()) < 5 * std / math.sqrt(n)
    assert weight.data.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / n))
    assert np.abs(weight.data).max() <= largest * std * (1 + 1e-6)
    assert np.abs(weight.data).max() > 0.99 * min(largest, 3) * std


def test_the_draws_depend_on_the_generator_and_on_nothing_else():
    plain, double = fresh(), fresh(dtype=np.float64)
    filters = nn.Parameter(np.empty((3, 3, 32, 64), np.float32).transpose(3, 2, 0, 1))
    for weight in (plain, double, filters):
        init.kaiming_normal_(weight, generator=random.derive(7))
    np.testing.assert_array_equal(plain.data, filters.data)
    np.testing.assert_allclose(plain.data, double.data, rtol=1e-6)
    gn.manual_seed(7)
    init.kaiming_normal_(other := fresh())
    np.testing.assert_array_equal(other.data, plain.data)


@pytest.mark.parametrize("shape", [(8, 8), (4, 20), (20, 4), (6, 3, 2, 2)])
def test_orthogonal(shape):
    weight = fresh(shape, np.float64)
    init.orthogonal_(weight, gain=2.0, generator=random.derive(0))
    rows = weight.data.reshape(shape[0], -1)
    gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_has_no_preferred_sign():
    signs = [
        np.sign(init.orthogonal_(fresh((3, 3)), generator=random.derive(i)).data[0, 0])
        for i in range(200)
    ]
    assert abs(np.mean(signs)) < 0.25


def test_constants():
    weight = fresh((2, 3))
    assert not init.zeros_(weight).data.any()
    assert (init.ones_(weight).data == 1).all()
    assert (init.constant_(weight, 0.25).data == 0.25).all()


def test_gains_and_fans():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 1.0) == 1
    assert init.calculate_gain("conv2d") == init.calculate_gain("linear") == 1
    assert init.fans(fresh()) == (FAN_IN, FAN_OUT)
    assert init.fans(fresh((5, 7))) == (7, 5)


def test_errors():
    with pytest.raises(GlassnetError, match="no gain is known for 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(GlassnetError, match="'fan_in' or 'fan_out'"):
        init.kaiming_normal_(fresh(), mode="both")
    with pytest.raises(ShapeError, match="for a bias use zeros_"):
        init.xavier_normal_(fresh((3,)))
    with pytest.raises(GlassnetError, match="near the mean"):
        init.trunc_normal_(fresh(), mean=10.0)


def test_layers_start_from_pytorchs_distribution():
    layer = nn.Conv2d(32, 64, 3)
    bound = 1 / math.sqrt(FAN_IN)
    for p in layer.parameters():
        assert 0.9 * bound < np.abs(p.data).max() <= bound * (1 + 1e-6)
    assert layer.weight.data.std() == pytest.approx(bound / EVEN, rel=0.02)


def test_dirac_hands_its_input_on() -> None:
    layer = nn.Conv2d(3, 5, 3, padding=1, bias=False)
    init.dirac_(layer.weight)
    x = gn.randn(2, 3, 4, 4)
    y = gn.ops.conv2d(x, layer.weight, None, 1, 1)
    np.testing.assert_array_equal(y.data[:, :3], x.data)
    assert not y.data[:, 3:].any()
    with pytest.raises(ShapeError, match=r"filters \(O, C, \*K\), got shape \(3, 3\)"):
        init.dirac_(gn.zeros(3, 3))
