"""A checkpoint holds all, is whole or is told to be damaged, and builds its network again."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import io, nn
from glassnet.errors import CheckpointError
from glassnet.train import Checkpoint, history
from glassnet.train.checkpoint import find
from tests.train.small import fit, weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder that no test changes."""
    out = tmp_path_factory.mktemp("run")
    fit(out, epochs=2)
    return out


def test_all_of_it_comes_back(folder: Path, tmp_path: Path) -> None:
    saved = Checkpoint.load(folder / "last.safetensors")
    saved.save(tmp_path / "again.safetensors")
    again = Checkpoint.load(tmp_path / "again.safetensors")
    for name, value in vars(saved).items():
        np.testing.assert_equal(vars(again)[name], value)
    assert saved.average is not None
    assert saved.progress["step"] == 12
    assert saved.stopped == "finished"
    assert len(saved.optimizer["state"]) == 6
    assert saved.optimizer["state"]["0"]["step"] == 12
    assert history.read(folder / "history.jsonl") == saved.history


def test_it_is_one_plain_safetensors_file(folder: Path) -> None:
    arrays, metadata = io.load(folder / "last.safetensors")
    assert metadata["format"] == 1
    assert arrays["net.0.weight"].shape == (4, 1, 3, 3)
    assert {name.partition(".")[0] for name in arrays} == {"net", "average", "optimizer"}
    json.dumps(metadata)


def test_which(folder: Path) -> None:
    assert find(folder).name == "best.safetensors"
    assert find(folder, "last").name == "last.safetensors"
    assert find(folder / "last.safetensors") == folder / "last.safetensors"
    with pytest.raises(CheckpointError, match="'best' or 'last'"):
        find(folder, "newest")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no checkpoint \(last\.safetensors\)"):
        gn.load(tmp_path)
    with pytest.raises(CheckpointError, match=r"best\.safetensors or last\.safetensors"):
        gn.load(tmp_path, which="best")
    with pytest.raises(CheckpointError, match="no such file"):
        gn.load(tmp_path / "missing")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_cut_short(folder: Path, tmp_path: Path, share: float) -> None:
    whole = (folder / "last.safetensors").read_bytes()
    path = tmp_path / "last.safetensors"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="use another checkpoint"):
        gn.load(tmp_path)


def changed(folder: Path, path: Path, **changes: Any) -> Path:
    arrays, metadata = io.load(folder / "last.safetensors")
    metadata |= changes
    return io.save(path, arrays, {k: v for k, v in metadata.items() if v is not ...})


def test_other_formats(folder: Path, tmp_path: Path) -> None:
    for number, mend in ((2, "update glassnet"), (0, "the glassnet that wrote it")):
        path = changed(folder, tmp_path / "a", format=number)
        with pytest.raises(CheckpointError, match=f"format {number}.*reads format 1; .*{mend}"):
            gn.load(path)
    path = io.save(tmp_path / "weights", nn.Linear(2, 2).state_dict())
    with pytest.raises(CheckpointError, match=r"not a checkpoint.*load_state_dict"):
        gn.load(path)
    path = changed(folder, tmp_path / "b", optimizer=...)
    with pytest.raises(CheckpointError, match=r"not a whole checkpoint of format 1.*'optimizer'"):
        gn.load(path)


def test_a_layer_that_nobody_has_imported(folder: Path, tmp_path: Path) -> None:
    path = changed(folder, tmp_path / "a", architecture={"class": "mine.layers.Swirl"})
    with pytest.raises(CheckpointError, match=r"'mine\.layers\.Swirl' is not known.*import"):
        gn.load(path)


def test_tied_parameters_and_their_average(tmp_path: Path) -> None:
    gn.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 3))
    net[2].weight = net[1].weight
    run = fit(tmp_path, net, epochs=2)
    loaded = gn.load(tmp_path, which="last")
    assert weights(loaded) == weights(run)
    assert loaded.net[2].weight is loaded.net[1].weight


def test_without_validation_the_last_is_the_best(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "last.safetensors", tmp_path)
    assert gn.load(tmp_path, which="best").epoch == 2
