"""Muon: what Newton-Schulz does to singular values, and the step by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glassnet as gn
from glassnet import nn, optim
from glassnet.optim import muon_update, newton_schulz
from glassnet.optim.optimizer import OptimError
from tests.optim.rules import parameter, set_grads


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_five_steps_bring_the_singular_values_near_one(rows: int, columns: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(rows, columns))
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    large = s > 0.01 * np.linalg.norm(s)  # a vanishing one takes more steps
    y = newton_schulz(x)
    values = np.diag(u.T @ y @ vt.T)
    assert values[large].min() > 0.6
    assert values.max() < 1.25
    np.testing.assert_allclose(y, (u * values) @ vt, atol=1e-9)  # the directions stay


def test_a_step_maps_singular_values_by_the_polynomial() -> None:
    s = np.array([0.9, 0.3, 0.1])
    s /= np.linalg.norm(s)
    y = newton_schulz(7 * np.diag(s), steps=1)
    np.testing.assert_allclose(np.diag(y), 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5, rtol=1e-12)


def test_the_length_of_the_gradient_does_not_matter_and_zero_stays_zero() -> None:
    x = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_allclose(newton_schulz(1e5 * x), newton_schulz(x), rtol=1e-9)
    np.testing.assert_array_equal(newton_schulz(np.zeros((3, 5))), 0)
    assert newton_schulz(x.astype(np.float32)).dtype == np.float32


def test_tall_and_wide_are_each_others_transpose() -> None:
    x = np.random.default_rng(0).normal(size=(3, 7))
    np.testing.assert_allclose(newton_schulz(x.T), newton_schulz(x).T, rtol=1e-12)


@pytest.mark.parametrize(
    ("adjust", "scale"),
    [(None, np.sqrt(6 / 2)), ("original", np.sqrt(6 / 2)), ("match_rms_adamw", 0.2 * np.sqrt(6))],
)
def test_the_first_step_by_hand(adjust: str | None, scale: float) -> None:
    draw = np.random.default_rng(0).normal
    p, g, b = draw(size=(6, 2)), draw(size=(6, 2)), np.zeros((6, 2))
    direction = newton_schulz(0.95 * 0.05 * g + 0.05 * g)
    expected = p - 0.1 * 0.3 * p - 0.1 * scale * direction
    muon_update(p, g, b, lr=0.1, weight_decay=0.3, adjust_lr_fn=adjust)
    np.testing.assert_allclose(p, expected, rtol=1e-9)
    np.testing.assert_allclose(b, 0.05 * g)


def test_filters_are_flattened_to_a_matrix_of_one_row_an_output() -> None:
    filters, matrix = parameter(8, 3, 5, 5), parameter(8, 75)
    filters.data = (
        matrix.data.reshape(8, 3, 5, 5).transpose(2, 3, 1, 0).copy().transpose(3, 2, 0, 1)
    )
    optimizers = [optim.Muon([p], lr=0.02) for p in (filters, matrix)]
    for step in range(3):
        set_grads([matrix], step)
        assert matrix.grad is not None
        filters.grad = type(matrix.grad)(matrix.grad.data.reshape(8, 3, 5, 5))
        for optimizer in optimizers:
            optimizer.step()
    np.testing.assert_allclose(filters.data.reshape(8, 75), matrix.data, rtol=1e-9)


def test_a_bias_is_refused_with_its_shape_and_the_mend() -> None:
    with pytest.raises(OptimError, match=r"\(16,\).*AdamW"):
        optim.Muon([parameter(16, 4), parameter(16)])


def test_muon_for_matrices_and_adamw_for_vectors_in_one() -> None:
    matrix, vector = parameter(4, 3), parameter(4)
    alone = [parameter(4, 3), parameter(4)]
    options = {"lr": 0.01, "weight_decay": 0.1}
    both = optim.MuonAdamW([matrix, vector], **options)
    muon = optim.Muon(alone[:1], adjust_lr_fn="match_rms_adamw", **options)
    adamw = optim.AdamW(alone[1:], **options)
    for step in range(5):
        set_grads([matrix, vector], step)
        set_grads(alone, step)
        for optimizer in (both, muon, adamw):
            optimizer.step()
    np.testing.assert_array_equal(matrix.data, alone[0].data)
    np.testing.assert_array_equal(vector.data, alone[1].data)


def test_a_whole_network_trains_with_it() -> None:
    gn.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    net.append(nn.Linear(16, 2))
    shades = np.arange(0, 256, 4, np.uint8)
    train = gn.data.arrays(
        np.tile(shades[:, None, None, None], (1, 1, 4, 4)), (shades > 100).astype(int)
    )
    optimizer = optim.MuonAdamW(net.parameters(), lr=0.01)
    run = gn.fit(
        net, train, optimizer=optimizer, schedule="one-cycle", epochs=15, batch_size=8,
        progress=False,
    )  # fmt: skip
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"] / 2
    assert run.evaluate(train).accuracy > 0.9
