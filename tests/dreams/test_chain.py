"""Chains visit what the machine believes; what is clamped stays, and only it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import io
from glassnet.dreams import RBM, Chain, associate, load
from glassnet.errors import CheckpointError, DataError, GlassnetError, ShapeError
from tests.dreams.test_rbm import energies, machine


def state_of(chain: Chain) -> Any:
    """What its units are."""
    return chain._walk.state  # type: ignore[attr-defined]


def rbm_of(chain: Chain) -> RBM:
    assert isinstance(chain.model, RBM)
    return chain.model


def seen_and_true(chain: Chain, labels: int) -> Any:
    """How often each (v, y) is met, and how likely the machine finds it: (2^V, L) twice."""
    p = np.exp(energies(rbm_of(chain))).sum(axis=2)
    state = state_of(chain)
    seen = np.zeros_like(p)
    powers = 2 ** np.arange(chain.model.visible)[::-1]
    y = state.y.argmax(axis=1) if labels else np.zeros(chain.count, int)
    np.add.at(seen, ((state.v @ powers).astype(int), y), 1 / chain.count)
    return seen, p


def test_a_free_chain_samples_the_machine() -> None:
    chain = Chain(machine(3, 2, 2), count=20_000)
    frame = chain.step(30)
    seen, p = seen_and_true(chain, 2)
    assert np.abs(seen - p / p.sum()).max() < 4 * np.sqrt(0.25 / 20_000)
    assert frame.step == 30 and frame.visible.shape == (20_000, 3)
    assert frame.hidden[0].shape == (20_000, 2) and frame.label.shape == (20_000, 2)
    np.testing.assert_allclose(frame.label.sum(axis=1), 1, rtol=1e-5)


def test_temperature_flattens_the_distribution() -> None:
    chain = Chain(machine(3, 2), count=20_000)
    chain.step(30, temperature=2)
    p = np.exp(energies(rbm_of(chain)) / 2).sum(axis=2)
    seen, _ = seen_and_true(chain, 0)
    assert np.abs(seen - p / p.sum()).max() < 4 * np.sqrt(0.25 / 20_000)


def test_a_clamped_chain_samples_the_conditional() -> None:
    chain = Chain(machine(3, 2, 2), count=20_000)
    chain.clamp(label=1, pixels=[0, 1, 0], known=[False, True, False])
    frame = chain.step(30)
    seen, p = seen_and_true(chain, 2)
    p[:, 0] = 0
    p[[0, 1, 4, 5]] = 0  # the states whose middle pixel is dark
    assert np.abs(seen - p / p.sum()).max() < 4 * np.sqrt(0.25 / 20_000)
    assert (frame.visible[:, 1] == 1).all() and (frame.label == [0, 1]).all()
    chain.clamp()
    assert (chain.step(5).visible[:, 1] < 1).all()


def test_a_strong_clamp_counts_the_label_weights_so_many_times() -> None:
    chain, rbm = Chain(machine(3, 2, 2), count=20_000), machine(3, 2, 2)
    chain.clamp(label=1, strength=3)
    frame = chain.step(30)
    seen, _ = seen_and_true(chain, 2)
    rbm.label_weight *= 3
    p = np.exp(energies(rbm)).sum(axis=2)
    p[:, 0] = 0
    assert np.abs(seen - p / p.sum()).max() < 4 * np.sqrt(0.25 / 20_000)
    assert (frame.label == [0, 1]).all()


def test_energy_is_the_free_energy_of_what_is_there() -> None:
    chain = Chain(machine(3, 2, 2), count=4)
    frame = chain.step()
    state = state_of(chain)
    np.testing.assert_array_equal(frame.energy, rbm_of(chain).free_energy(state.v, state.y))


def test_chains_start_from_an_image() -> None:
    rbm = RBM(6, 5)
    rbm.weight[...] = np.eye(6, 5) * 40
    rbm.hidden_bias[...] = rbm.visible_bias[...] = -20
    chain = Chain(rbm, count=3)
    image = np.array([1, 0, 1, 0, 1, 0], np.float32)
    chain.start(image.reshape(2, 3))
    assert (chain.look().visible[:, :5].round() == image[:5]).all()
    chain.start(np.stack([image] * 3))
    assert chain.look().step == 0


def test_the_same_seed_dreams_the_same_in_any_portions() -> None:
    made = [Chain(machine(6, 4, 2), 3, seed) for seed in (0, 0, 1)]
    frames = [made[0].step(5), [made[1].step() for _ in range(5)][-1], made[2].step(5)]
    np.testing.assert_array_equal(frames[0].visible, frames[1].visible)
    assert not np.array_equal(frames[0].visible, frames[2].visible)


def test_a_chain_goes_on_from_a_frame() -> None:
    whole, first, second = (Chain(machine(6, 4, 2), 3, seed=5) for _ in range(3))
    for chain in (whole, first, second):
        chain.clamp(label=1, pixels=[0.5] * 6, known=[True, False, False] * 2)
    seen = first.step(4)
    second.resume(seen.step, seen.hidden)
    expected, frame = whole.step(7), second.step(3)
    assert frame.step == 7
    for name in ("visible", "label", "energy"):
        np.testing.assert_array_equal(getattr(frame, name), getattr(expected, name))
    with pytest.raises(ShapeError, match=r"hidden units \(3, 4\), got 1 and \(3, 5\)"):
        second.resume(1, [np.zeros((3, 5))])


@pytest.mark.parametrize("temperature", [1, 2])
def test_gaussian_chains_sample_their_mixture(temperature: float) -> None:
    rbm = RBM(1, 1, gaussian=True)
    rbm.weight[...], rbm.visible_bias[...] = 2, -1  # half around -1, half around 1
    chain = Chain(rbm, count=20_000)
    chain.step(40, temperature)
    v = state_of(chain).v
    assert abs(v.mean()) < 0.06 and v.var() == pytest.approx(1 + temperature, abs=0.1)


def test_association_goes_from_one_class_to_the_other() -> None:
    rbm = RBM(4, 8, labels=2)
    rbm.weight[:2, :4] = rbm.weight[2:, 4:] = 2
    rbm.label_weight[0, :4] = rbm.label_weight[1, 4:] = 8
    rbm.hidden_bias[...] = -6
    rbm.visible_bias[...] = -4
    frames = list(associate(rbm, 0, 1, steps=9))
    assert len(frames) == 9
    np.testing.assert_allclose([f.label[0, 1] for f in frames], np.linspace(0, 1, 9), atol=1e-6)
    assert (frames[0].visible[0] > 0.5).tolist() == [True, True, False, False]
    assert (frames[-1].visible[0] > 0.5).tolist() == [False, False, True, True]


def test_association_hears_strength_and_temperature() -> None:
    rbm = machine(6, 4, 2)
    plain, strong, hot = (
        list(associate(rbm, 0, 1, 5, **more))
        for more in ({}, {"strength": 4.0}, {"temperature": 3.0})
    )
    chain = Chain(rbm, 1)
    chain.clamp(0, strength=4.0)
    chain.step(50)
    np.testing.assert_array_equal(strong[0].visible, chain.step().visible)
    for other in (strong, hot):
        assert any((a.visible != b.visible).any() for a, b in zip(plain, other, strict=True))


@pytest.mark.parametrize(
    ("clamp", "error", "message"),
    [
        ({"label": 2}, DataError, "from 0 to 1, got 2"),
        ({"label": [0.5, 0.2, 0.3]}, ShapeError, r"expected shares \(2,\) or \(3, 2\)"),
        ({"label": [0.5, 0.2]}, DataError, "add up to 1"),
        ({"pixels": [0.5]}, ShapeError, "an image of 4 pixels"),
        ({"pixels": [0, 1, 0, 2]}, DataError, "from 0 to 1"),
        ({"pixels": [0, 1, 0, 1], "known": [True]}, ShapeError, "known for 4 pixels"),
        ({"known": [True] * 4}, GlassnetError, "give the pixels too"),
    ],
)
def test_clamps_that_do_not_fit(clamp: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Chain(machine(4, 3, 2), count=3).clamp(**clamp)


def test_what_a_chain_cannot_be() -> None:
    with pytest.raises(GlassnetError, match="no label units"):
        Chain(machine(4, 3)).clamp(label=0)
    with pytest.raises(GlassnetError, match="at least 1 chain"):
        Chain(machine(4, 3), count=0)
    with pytest.raises(GlassnetError, match="temperature above 0"):
        Chain(machine(4, 3)).step(temperature=0)
    with pytest.raises(GlassnetError, match="at least 2 steps"):
        next(associate(machine(4, 3, 2), 0, 1, 1))


def test_load_reads_what_kind_a_file_holds(tmp_path: Path) -> None:
    rbm = machine(4, 3, 2)
    read = load(rbm.save(tmp_path / "rbm.safetensors"))
    assert isinstance(read, RBM)
    np.testing.assert_array_equal(read.weight, rbm.weight)
    other = io.save(tmp_path / "other.safetensors", {"x": np.zeros(1)}, {"kind": "teapot"})
    with pytest.raises(CheckpointError, match="holds teapot; expected one of RBM"):
        load(other)
