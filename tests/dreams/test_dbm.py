"""The deep machine against sums over all of its states; that it learns, and dreams."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet.dreams import DBM, RBM, Chain, load
from glassnet.dreams.dbm import Layers
from glassnet.errors import CheckpointError, GlassnetError, ShapeError
from tests.dreams.test_dbn import SIDE, lies, stripes


def machine(labels: int = 2) -> DBM:
    """3 visible, 2 and 2 hidden units, with weights large enough to matter."""
    dbm = DBM(3, (2, 2), labels)
    draw = np.random.default_rng(3)
    for p in dbm.parameters.values():
        p[...] = draw.standard_normal(p.shape)
    return dbm


def states(count: int) -> Any:
    return np.array(list(product([0, 1], repeat=count)), np.float32)


def joint(dbm: DBM) -> Any:
    """exp(-E) of every (v, h1, h2, y): (8, 4, 4, L or 1)."""
    y = np.eye(dbm.labels, dtype=np.float32) if dbm.labels else np.zeros((1, 0), np.float32)
    sets = [states(3), states(2), states(2), y]
    made = np.zeros([len(one) for one in sets])
    for at in product(*(range(len(one)) for one in sets)):
        one = Layers(*(s[i : i + 1] for s, i in zip(sets, at, strict=True)))
        made[at] = np.exp(-dbm.energy(one)[0])
    return made


@pytest.mark.parametrize("labels", [0, 2])
def test_each_layer_is_the_conditional_of_its_neighbours(labels: int) -> None:
    dbm = machine(labels)
    p, on = joint(dbm), states(2)
    v, h1, h2 = states(3)[5:6], states(2)[1:2], states(2)[2:3]
    y = np.eye(labels, dtype=np.float32)[:1] if labels else np.zeros((1, 0), np.float32)

    def odds(weights: Any, of: Any) -> Any:
        share = (weights[:, None] * of).sum(axis=0) / weights.sum()
        return np.log(share / (1 - share))

    np.testing.assert_allclose(dbm.into_first(v, h2)[0], odds(p[5, :, 2, 0], on), rtol=1e-3)
    np.testing.assert_allclose(dbm.into_second(h1, y)[0], odds(p[5, 1, :, 0], on), rtol=1e-3)
    np.testing.assert_allclose(dbm.into_visible(h1)[0], odds(p[:, 1, 2, 0], states(3)), rtol=1e-3)
    if labels:
        want = p[5, 1, 2] / p[5, 1, 2].sum()
        np.testing.assert_allclose(dbm.p_label(h2)[0], want, rtol=1e-4)


def test_the_free_energy_sums_over_what_lies_around_the_first_layer() -> None:
    dbm = machine()
    h1, y = np.repeat(states(2), 2, axis=0), np.tile(np.eye(2, dtype=np.float32), (4, 1))
    want = -np.log(joint(dbm).sum(axis=(0, 2))).reshape(-1)
    np.testing.assert_allclose(dbm.free_energy(h1, y), want, rtol=1e-4)


def test_mean_field_is_a_fixed_point_and_its_bound_holds() -> None:
    dbm, v = machine(), states(3)
    means = dbm.mean_field(v, rounds=200)
    again = dbm.into_second(means.h1, means.y)
    np.testing.assert_allclose(means.h2, 1 / (1 + np.exp(-again)), rtol=1e-4)
    exact = np.log(joint(dbm).sum(axis=(1, 2, 3)))
    assert (dbm.bound(means) <= exact + 1e-4).all()
    assert (dbm.bound(means) > exact - 1.5).all()
    assert (dbm.bound(means) >= dbm.bound(dbm.mean_field(v, rounds=0)) - 1e-4).all()


def test_mean_field_is_exact_where_nothing_depends() -> None:
    dbm = machine(labels=0)
    dbm.parameters["w2"][...] = 0
    exact = np.log(joint(dbm).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(dbm.bound(dbm.mean_field(states(3))), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("labels", "temperature"), [(0, 1.0), (2, 1.0), (2, 2.0)])
def test_chains_sample_the_machine(labels: int, temperature: float) -> None:
    chain = Chain(machine(labels), count=20_000)
    frame = chain.step(30, temperature)
    p = joint(machine(labels)) ** (1 / temperature)
    p = (p / p.sum()).sum(axis=(2, 3))
    state: Any = chain._walk.state  # type: ignore[attr-defined]
    seen = np.zeros_like(p)
    np.add.at(seen, ((state.v @ [4, 2, 1]).astype(int), (state.h1 @ [2, 1]).astype(int)), 1 / 2e4)
    assert np.abs(seen - p).max() < 4 * np.sqrt(0.25 / 20_000)
    assert [h.shape for h in frame.hidden] == [(20_000, 2), (20_000, 2)]
    assert frame.label.shape == (20_000, labels) and frame.energy.shape == (20_000,)


def test_a_chain_goes_on_from_a_frame() -> None:
    whole, first, second = (Chain(machine(), 3, seed=5) for _ in range(3))
    seen = first.step(4)
    second.resume(seen.step, seen.hidden)
    np.testing.assert_array_equal(second.step(3).visible, whole.step(7).visible)
    with pytest.raises(ShapeError, match=r"units \(3, 2\) and \(3, 2\), got 1 and \(3, 2\)"):
        second.resume(1, seen.hidden[1:])


@pytest.fixture(scope="module")
def learned() -> DBM:
    """Stripes, lying and standing."""
    x, y = stripes(2000)
    dbm = DBM(16, (32, 24), labels=2)
    learning = dbm.fit(x, y, rounds=6, epochs=15, lr=0.2, batch_size=10, chains=50, binarise=True)
    assert learning.history[-1]["reconstruction"] < 0.7 * learning.history[0]["reconstruction"]
    return dbm


def test_it_tells_classes_apart_and_dreams_them(learned: DBM) -> None:
    x, y = stripes(500, seed=1)
    assert (learned.predict(x) == y).mean() > 0.9
    assert learned.transform(x).shape == (500, 56)
    for label in (0, 1):
        chain = Chain(learned, count=1000)  # of 200 the share alone varies by 0.03
        chain.clamp(label)
        assert (lies(chain.step(100).visible) == (label == 0)).mean() > 0.8


def test_it_completes_what_is_half_known(learned: DBM) -> None:
    image = np.zeros((SIDE, SIDE), np.float32)
    image[1] = 1
    known = np.zeros((SIDE, SIDE), bool)
    known[:, :2] = True
    chain = Chain(learned, count=200)
    chain.clamp(pixels=image, known=known)
    dreamt = chain.step(100).visible.reshape(-1, SIDE, SIDE)
    assert (dreamt[:, :, :2] == image[:, :2]).all()
    assert dreamt[:, 1, 2:].mean() > dreamt[:, [0, 2, 3], 2:].mean() + 0.4


def test_chains_start_from_an_image(learned: DBM) -> None:
    x, y = stripes(50, seed=2)
    chain = Chain(learned, count=50)
    chain.start(x)
    assert (lies(chain.look().visible) == (y == 0)).mean() > 0.8


def test_the_same_seed_gives_the_same_weights() -> None:
    made = []
    for seed in (0, 0, 1):
        dbm = DBM(16, (8, 8))
        dbm.fit(stripes(100)[0], epochs=2, seed=seed)
        made.append(b"".join(p.tobytes() for p in dbm.parameters.values()))
    assert made[0] == made[1] != made[2]


def test_files(tmp_path: Path) -> None:
    dbm = machine()
    read = load(dbm.save(tmp_path / "dbm.safetensors"))
    assert isinstance(read, DBM) and repr(read) == repr(dbm)
    for name, p in dbm.parameters.items():
        np.testing.assert_array_equal(p, read.parameters[name])
    with pytest.raises(CheckpointError, match="no deep Boltzmann machine"):
        DBM.load(RBM(3, 2).save(tmp_path / "rbm.safetensors"))


def test_what_does_not_fit() -> None:
    with pytest.raises(GlassnetError, match="two hidden layers"):
        DBM(16, (8,))
    with pytest.raises(ShapeError, match="labels y from 0 to 1"):
        machine().fit(np.zeros((4, 3)))
    with pytest.raises(GlassnetError, match="no label units"):
        machine(0).predict(np.zeros((4, 3)))
