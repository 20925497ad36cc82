"""Machines are found by what their files say."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from glassnet import io
from glassnet.dreams import DBM, DBN, RBM
from glassnet.dreams.machines import machine, machines, picture_shape
from glassnet.errors import DataError, NotFound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    RBM(9, 2).save(tmp_path / "plain.safetensors")
    RBM(9, 3).save(tmp_path / "grown" / "machine.safetensors")
    DBN(9, (3, 2, 4)).save(tmp_path / "run" / "belief.safetensors")
    DBM(9, (3, 2)).save(tmp_path / "machine.safetensors")
    RBM(9, 4).save(tmp_path / "too" / "deep" / "down.safetensors")
    io.save(tmp_path / "run" / "last.safetensors", {"x": np.zeros(1)}, {"kind": "run"})
    (tmp_path / "damaged.safetensors").write_bytes(b"not one")
    return tmp_path


def test_names_kinds_and_order(folder: Path) -> None:
    found = {each.name: each.kind for each in machines(folder)}
    assert found == {"plain": "RBM", "grown": "RBM", "run/belief": "DBN", "machine": "DBM"}
    later = time.time() + 10
    os.utime(folder / "plain.safetensors", (later, later))
    assert machines(folder)[0].name == "plain"
    assert machines(folder / "nothing") == []


def test_a_machine_is_opened_once_and_anew_when_its_file_changes(folder: Path) -> None:
    first = machine(folder, "grown").open()
    assert first.hidden == 3 and machine(folder, "grown").open() is first
    RBM(9, 7).save(folder / "grown" / "machine.safetensors")
    later = time.time() + 10
    os.utime(folder / "grown" / "machine.safetensors", (later, later))
    assert machine(folder, "grown").open().hidden == 7


def test_a_file_that_becomes_a_machine_is_found(folder: Path) -> None:
    RBM(9, 7).save(folder / "damaged.safetensors")
    later = time.time() + 10
    os.utime(folder / "damaged.safetensors", (later, later))
    assert machine(folder, "damaged").kind == "RBM"


@pytest.mark.parametrize("name", ["", "nothing", "../plain", "grown/machine", "run/last"])
def test_names_that_are_none(folder: Path, name: str) -> None:
    with pytest.raises(NotFound, match="no machine"):
        machine(folder, name)


def test_pictures_are_square() -> None:
    assert picture_shape(784) == (28, 28)
    with pytest.raises(DataError, match="785 visible units are no square picture"):
        picture_shape(785)
