"""The machine against sums over all of its states."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet.dreams import RBM, binarise
from glassnet.dreams.rbm import State
from glassnet.errors import CheckpointError, DataError, GlassnetError, ShapeError


def machine(visible: int = 4, hidden: int = 3, labels: int = 0, **options: Any) -> RBM:
    """Small, with weights large enough to matter."""
    rbm = RBM(visible, hidden, labels, **options)
    draw = np.random.default_rng(1)
    for p in rbm.parameters.values():
        p[...] = draw.standard_normal(p.shape)
    return rbm


def states(count: int) -> Any:
    return np.array(list(product([0, 1], repeat=count)), np.float32)


def energies(rbm: RBM) -> Any:
    """-E of every (v, y, h): (2^V, L or 1, 2^H)."""
    v, h = states(rbm.visible), states(rbm.hidden)
    y = np.eye(rbm.labels, dtype=np.float32) if rbm.labels else np.zeros((1, 0), np.float32)
    made = np.zeros((len(v), len(y), len(h)))
    for i, j, k in product(*map(range, made.shape)):
        made[i, j, k] = -rbm.energy(State(v[i : i + 1], h[k : k + 1], y[j : j + 1]))[0]
    return made


@pytest.mark.parametrize("labels", [0, 3])
def test_conditionals_and_free_energy_are_those_of_the_joint_distribution(labels: int) -> None:
    rbm = machine(labels=labels)
    p = np.exp(energies(rbm))
    v, h = states(4), states(3)
    y = np.eye(labels, dtype=np.float32) if labels else np.zeros((1, 0), np.float32)
    for j in range(len(y)):
        given = np.tile(y[j], (16, 1))
        on = (p[:, j] @ h) / p[:, j].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(rbm.p_hidden(v, given), on, rtol=1e-4)
        want = -np.log(p[:, j].sum(axis=1))
        np.testing.assert_allclose(rbm.free_energy(v, given), want, rtol=1e-4, atol=1e-5)
    visible = (p.sum(axis=1).T @ v) / p.sum(axis=(0, 1))[:, None]
    np.testing.assert_allclose(rbm.p_visible(h), visible, rtol=1e-4)
    np.testing.assert_allclose(
        rbm.free_energy(v), -np.log(p.sum(axis=(1, 2))), rtol=1e-4, atol=1e-5
    )
    if labels:
        each = p.sum(axis=2)
        np.testing.assert_allclose(rbm.p_class(v), each / each.sum(1, keepdims=True), rtol=1e-4)
        over = p.sum(axis=0) / p.sum(axis=(0, 1))
        np.testing.assert_allclose(rbm.p_label(h), over.T, rtol=1e-4)


def test_a_chain_visits_states_as_often_as_they_are_likely() -> None:
    rbm = machine(3, 2, 2)
    p = np.exp(energies(rbm)).sum(axis=2)
    p /= p.sum()
    draw = np.random.default_rng(0)
    state = rbm.gibbs(rbm.start(20_000, draw), draw, 30)
    at = (state.v @ [4, 2, 1]).astype(int), state.y.argmax(axis=1)
    seen = np.zeros_like(p)
    np.add.at(seen, at, 1 / 20_000)
    assert np.abs(seen - p).max() < 4 * np.sqrt(0.25 / 20_000)


def test_gaussian_units() -> None:
    rbm = machine(5, 3, gaussian=True)
    h = states(3)
    np.testing.assert_allclose(rbm.p_visible(h), h @ rbm.weight.T + rbm.visible_bias, rtol=1e-5)
    v = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    y = np.zeros((1, 0), np.float32)
    each = [[-rbm.energy(State(row[None], s[None], y))[0] for s in h] for row in v]
    np.testing.assert_allclose(rbm.free_energy(v), -np.log(np.exp(each).sum(axis=1)), rtol=1e-4)
    draw = np.random.default_rng(0)
    drawn = rbm.sample_visible(np.tile(h[3], (20_000, 1)), draw)
    assert np.abs(drawn.mean(axis=0) - rbm.p_visible(h[3:4])[0]).max() < 0.04
    assert np.abs(drawn.std(axis=0) - 1).max() < 0.04


def test_binarise_is_one_draw_with_the_intensity_as_probability() -> None:
    x = np.full((2000, 10), 0.3)
    drawn = binarise(x, seed=3)
    assert set(np.unique(drawn)) == {0, 1}
    assert abs(drawn.mean() - 0.3) < 0.02
    np.testing.assert_array_equal(drawn, binarise(x, seed=3))
    assert not np.array_equal(drawn, binarise(x, seed=4))
    np.testing.assert_array_equal(binarise(np.array([0, 255], np.uint8)), [0, 1])
    with pytest.raises(DataError, match="from 0 to 1 or bytes"):
        binarise(np.array([1.5]))


def test_files(tmp_path: Path) -> None:
    rbm = machine(labels=3)
    again = RBM.load(rbm.save(tmp_path / "a.safetensors"))
    assert repr(again) == repr(rbm)
    for name, p in rbm.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], p)
    from glassnet import io

    with pytest.raises(CheckpointError, match="no Boltzmann machine"):
        RBM.load(io.save(tmp_path / "b.safetensors", {"x": np.zeros(2)}))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((3, 5)), ShapeError, r"expected examples \(N, 4\), got \(3, 5\)"),
        (np.full((3, 4), np.nan), DataError, "NaN"),
        (np.full((3, 4), 2.0), DataError, "from 0 to 1, got 2 to 2"),
    ],
)
def test_examples_that_do_not_fit(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        machine().transform(x)


def test_sizes_that_are_none() -> None:
    with pytest.raises(GlassnetError, match="visible and hidden units, got 0 and 3"):
        RBM(0, 3)
