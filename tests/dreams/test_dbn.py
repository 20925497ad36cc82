"""Deep belief networks: what goes up and down, and that learning makes dreams like the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet.dreams import DBN, RBM, Chain, load
from glassnet.errors import CheckpointError, GlassnetError, ShapeError

SIDE = 4


def stripes(count: int, seed: int = 0) -> tuple[Any, Any]:
    """4x4 images of one bar, lying (0) or standing (1), with a fiftieth of the pixels flipped."""
    draw = np.random.default_rng(seed)
    y, at = draw.integers(0, 2, count), draw.integers(0, SIDE, count)
    x = np.zeros((count, SIDE, SIDE), np.float32)
    for i in range(count):
        x[i].T[at[i]] = 1
        if not y[i]:
            x[i] = x[i].T
    noise = draw.random(x.shape) < 0.02
    return np.abs(x - noise).reshape(count, -1), y


@pytest.fixture(scope="module")
def learned() -> DBN:
    """Small and greedy."""
    x, y = stripes(2000)
    dbn = DBN(16, (24, 16, 32), labels=2)
    top = {"method": "pcd", "epochs": 20}
    dbn.fit(x, y, [{}, {}, top], epochs=12, lr=0.3, batch_size=20, method="cd", binarise=True)
    return dbn


def test_it_tells_classes_apart(learned: DBN) -> None:
    x, y = stripes(500, seed=1)
    assert (learned.predict(x) == y).mean() > 0.95
    np.testing.assert_allclose(learned.p_class(x).sum(axis=1), 1, rtol=1e-5)


def lies(images: Any) -> Any:
    """Whether some row is brighter than any column, of images (N, 16): (N,)."""
    square = images.reshape(-1, SIDE, SIDE)
    return square.sum(axis=2).max(axis=1) > square.sum(axis=1).max(axis=1)


@pytest.mark.parametrize("label", [0, 1])
def test_it_dreams_the_class_that_is_clamped(learned: DBN, label: int) -> None:
    chain = Chain(learned, count=200)
    chain.clamp(label)
    frame = chain.step(50)
    assert [h.shape[1] for h in frame.hidden] == [24, 16, 32]
    assert (lies(frame.visible) == (label == 0)).mean() > 0.75


def test_it_completes_what_is_half_known(learned: DBN) -> None:
    image = np.zeros((SIDE, SIDE), np.float32)
    image[1] = 1
    known = np.zeros((SIDE, SIDE), bool)
    known[:, :2] = True
    chain = Chain(learned, count=100)
    chain.clamp(pixels=image, known=known)
    dreamt = chain.step(50).visible.reshape(-1, SIDE, SIDE)
    assert (dreamt[:, :, :2] == image[:, :2]).all()
    assert dreamt[:, 1, 2:].mean() > 0.7 > 0.3 > dreamt[:, [0, 2, 3], 2:].mean()


def test_chains_start_from_an_image(learned: DBN) -> None:
    x, y = stripes(50, seed=2)
    chain = Chain(learned, count=50)
    chain.start(x)
    assert (lies(chain.look().visible) == (y == 0)).mean() > 0.8


def test_up_down_refuses_an_average() -> None:
    with pytest.raises(GlassnetError, match="averages nothing"):
        DBN(9, (4, 4)).up_down(np.zeros((2, 9)), average=0.5)


@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_up_down_brings_both_directions_closer_to_the_data(learned: DBN, method: str) -> None:
    x, y = stripes(2000)
    dbn = copy(learned)
    rows = dbn.up_down(x, y, epochs=8, lr=0.05, lower_lr=0.2, batch_size=50, method=method)
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert rows[-1]["awake"] < rows[0]["awake"]
    assert rows[-1]["asleep"] < rows[0]["asleep"]
    held_out, labels = stripes(500, seed=1)
    assert (dbn.predict(held_out) == labels).mean() > 0.95
    assert not np.array_equal(dbn.lower[0].recognition, dbn.lower[0].generative)


def test_labels_can_learn_faster_than_the_rest() -> None:
    x, y = stripes(200)
    moved = []
    for gain in (0.0, 1.0, 4.0):
        dbn = DBN(16, (8, 8), labels=2)
        before = dbn.top.label_weight.copy()
        dbn.up_down(x, y, epochs=1, lr=0.1, batch_size=200, label_gain=gain)
        moved.append(np.abs(dbn.top.label_weight - before).sum())
    assert moved[0] == 0
    assert moved[2] == pytest.approx(4 * moved[1], rel=1e-3)


def copy(dbn: DBN) -> DBN:
    made = DBN(dbn.visible, dbn.hidden, dbn.labels)
    for name, p in made.parameters.items():
        p[...] = dbn.parameters[name]
    return made


def test_the_same_seed_gives_the_same_weights() -> None:
    x, y = stripes(200)
    made = []
    for seed in (0, 0, 1):
        dbn = DBN(16, (8, 8), labels=2)
        dbn.fit(x, y, epochs=2, seed=seed)
        dbn.up_down(x, y, epochs=2, seed=seed)
        made.append(b"".join(p.tobytes() for p in dbn.parameters.values()))
    assert made[0] == made[1] != made[2]


def test_layers_learn_one_at_a_time_as_all_at_once() -> None:
    x, y = stripes(200)
    whole, parts = DBN(16, (8, 8), labels=2), DBN(16, (8, 8), labels=2)
    heard: list[tuple[int, int]] = []
    whole.fit(x, y, epochs=2, watch=lambda layer, epoch, row: heard.append((layer, epoch)))
    for i in range(2):
        parts.fit(x, y, epochs=2, only=i)
    for name, p in whole.parameters.items():
        np.testing.assert_array_equal(p, parts.parameters[name])
    assert heard == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_each_layer_has_settings_of_its_own() -> None:
    x, y = stripes(100)
    dbn = DBN(16, (8, 8), labels=2)
    made = dbn.fit(x, y, [{"epochs": 1}, {"method": "pt", "temperatures": 2}], epochs=2)
    assert [(one.epochs, one.method) for one in made] == [(1, "pcd"), (2, "pt")]
    with pytest.raises(GlassnetError, match="settings of 2 layers, got 1"):
        dbn.fit(x, y, [{}])


def test_it_learns_without_labels() -> None:
    x, _ = stripes(200)
    dbn = DBN(16, (8, 8), labels=0)
    dbn.fit(x, epochs=1)
    dbn.up_down(x, epochs=1)
    assert dbn.transform(x).shape == (200, 8)
    assert Chain(dbn).step().label.shape == (1, 0)
    with pytest.raises(GlassnetError, match="no label units"):
        dbn.predict(x)


def test_directions_start_as_one_machine() -> None:
    dbn = DBN(6, (5, 4), labels=0)
    layer = dbn.lower[0]
    x = np.random.default_rng(0).random((3, 6)).astype(np.float32)
    rbm = dbn.machines()[0]
    np.testing.assert_allclose(layer.up(x), rbm.p_hidden(x), rtol=1e-6)
    np.testing.assert_allclose(layer.down(layer.up(x)), rbm.p_visible(layer.up(x)), rtol=1e-6)
    layer.generative += 1
    assert (layer.recognition != layer.generative).all()
    assert [one.hidden for one in dbn.machines()] == [5, 4]


def test_states_go_down_likeliest_or_drawn() -> None:
    dbn = DBN(6, (5, 4, 3), labels=0)
    for p in dbn.parameters.values():
        p[...] = np.random.default_rng(len(p)).standard_normal(p.shape)
    h = np.array([[0.9, 0.2, 0.6, 0.4]], np.float32)
    first = dbn.lower[1].down(np.array([[1, 0, 1, 0]], np.float32))
    pixels, above = dbn.down(h)
    np.testing.assert_array_equal(above, first)
    np.testing.assert_array_equal(pixels, dbn.lower[0].down((first > 0.5).astype(np.float32)))
    many = np.tile(h, (20_000, 1))
    drawn = dbn.down(many, np.random.default_rng(0))[1]
    states = np.array(list(np.ndindex(2, 2, 2, 2)), np.float32)
    chances = np.prod(np.where(states == 1, h, 1 - h), axis=1)
    np.testing.assert_allclose(drawn.mean(axis=0), chances @ dbn.lower[1].down(states), atol=0.02)


def test_files(tmp_path: Path, learned: DBN) -> None:
    read = load(learned.save(tmp_path / "dbn.safetensors"))
    assert isinstance(read, DBN) and repr(read) == repr(learned)
    for name, p in learned.parameters.items():
        np.testing.assert_array_equal(p, read.parameters[name])
    with pytest.raises(CheckpointError, match="no deep belief network"):
        DBN.load(RBM(3, 2).save(tmp_path / "rbm.safetensors"))


def test_what_does_not_fit() -> None:
    with pytest.raises(GlassnetError, match="at least two hidden layers"):
        DBN(16, (8,))
    with pytest.raises(ShapeError, match=r"expected examples \(N, 16\)"):
        DBN(16, (8, 8)).predict(np.zeros((2, 9)))
