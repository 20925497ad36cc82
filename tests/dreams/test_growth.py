"""A machine that grows leaves what can be watched, whole at every moment."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import io
from glassnet.dreams import RBM, fit, growth, load
from glassnet.errors import CheckpointError, DataError, GlassnetError, NotFound

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3
X = (RNG.random((60, 16)) < 0.1 + 0.8 * (np.arange(16) % 3 == Y[:, None])).astype(np.float32)
TRAIN, HELD_OUT = (X[:40], Y[:40]), (X[40:], Y[40:])
SETTINGS: dict[str, Any] = {"method": "pcd", "lr": 0.2, "batch_size": 10, "chains": 10}


def grow(folder: Path, epochs: int = 3, watch: Any = None) -> growth.Growth:
    return growth.grow(folder, TRAIN, HELD_OUT, "stripes", 5, epochs, 7, watch, **SETTINGS)


def test_it_learns_what_fit_teaches(tmp_path: Path) -> None:
    told = grow(tmp_path, 20)
    alone = RBM(16, 5, 3, seed=7)
    history = fit(alone, *TRAIN, validation=HELD_OUT[0], epochs=20, seed=7, **SETTINGS).history
    grown = load(tmp_path / growth.MACHINE)
    assert isinstance(grown, RBM)
    np.testing.assert_array_equal(grown.weight, alone.weight)
    assert [row["gap"] for row in told.rows] == [row["gap"] for row in history]
    assert told.accuracy == (alone.p_class(HELD_OUT[0]).argmax(1) == HELD_OUT[1]).mean() > 0.6
    assert growth.Growth.read(tmp_path) == told


def test_every_epoch_can_be_seen_while_it_learns(tmp_path: Path) -> None:
    def watch(told: growth.Growth) -> None:
        epoch = len(told.rows)
        assert growth.Growth.read(tmp_path).state == "growing"
        assert len(growth.Growth.read(tmp_path).rows) == epoch
        now = load(tmp_path / growth.MACHINE)
        assert isinstance(now, RBM)
        np.testing.assert_allclose(growth.filters(tmp_path, epoch), now.weight.T, atol=2e-3)

    grow(tmp_path, watch=watch)
    first = RBM(16, 5, 3, seed=7).weight.T
    np.testing.assert_allclose(growth.filters(tmp_path, 0), first, atol=1e-4)


def test_one_that_is_interrupted_keeps_its_last_epoch(tmp_path: Path) -> None:
    def watch(told: growth.Growth) -> None:
        if len(told.rows) == 2:
            raise KeyboardInterrupt

    told = grow(tmp_path, watch=watch)
    assert (told.state, len(told.rows), told.accuracy) == ("stopped", 2, None)
    assert growth.Growth.read(tmp_path) == told
    with pytest.raises(CheckpointError, match=r"0003\.safetensors"):
        growth.filters(tmp_path, 3)


def test_a_folder_is_used_again_but_never_mixed(tmp_path: Path) -> None:
    grow(tmp_path / "one", 3)
    grow(tmp_path / "one", 1)
    assert len(list((tmp_path / "one" / growth.FRAMES).iterdir())) == 2
    io.save(tmp_path / "two" / "last.safetensors", {"x": np.zeros(1)})
    with pytest.raises(GlassnetError, match="holds something else"):
        grow(tmp_path / "two")
    assert [path.name for path in growth.growing(tmp_path)] == ["one"]


def test_notes_that_are_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="glassnet dream train"):
        growth.Growth.read(tmp_path)
    for text in ("{", "[]", '{"data": "x"}'):
        (tmp_path / growth.NOTES).write_text(text)
        with pytest.raises(DataError, match="is damaged"):
            growth.Growth.read(tmp_path)
