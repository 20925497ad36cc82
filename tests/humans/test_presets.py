"""The protocols, and classes laid out by a hierarchy."""

import json
from pathlib import Path
from typing import Any

import pytest

from glassnet.errors import DataError
from glassnet.humans.manifest import Class
from glassnet.humans.presets import PRESETS, laid_out, preset

TREE: dict[str, Any] = {
    "nodes": {"0": "thing", "1": "animal", "2": "bird", "3": "machine", "a": "crane", "b": "dog",
              "c": "crane", "d": "wren"},
    "classes": [
        {"wnid": "a", "names": ["crane"], "gloss": "a tall bird", "path": ["0", "1", "2", "a"]},
        {"wnid": "c", "names": ["crane", "derrick"], "gloss": "lifts", "path": ["0", "3", "c"]},
        {"wnid": "b", "names": ["dog", "Canis"], "gloss": "barks", "path": ["0", "1", "b"]},
        {"wnid": "d", "names": ["wren"], "gloss": "sings", "path": ["0", "1", "2", "d"]},
    ],
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree.json"
    path.write_text(json.dumps(TREE))
    return path


def test_classes_stand_together_as_the_tree_has_them(tree: Path) -> None:
    named = ["dog", "a", "c_crane_photos", "Wren"]
    classes, renamed = laid_out([Class(name, key=name) for name in named], tree)
    assert [c.name for c in classes] == ["dog", "crane (bird)", "wren", "crane (machine)"] or [
        c.name for c in classes
    ] == ["crane (bird)", "wren", "dog", "crane (machine)"]
    assert renamed == {
        "dog": "dog", "a": "crane (bird)", "c_crane_photos": "crane (machine)", "Wren": "wren",
    }  # fmt: skip
    by_name = {c.name: c for c in classes}
    assert by_name["wren"].path == ("thing", "animal", "bird")
    assert (by_name["wren"].about, by_name["wren"].key) == ("sings", "Wren")


def test_a_name_that_two_classes_share_means_neither(tree: Path) -> None:
    with pytest.raises(DataError, match="wnid"):
        laid_out([Class("crane"), Class("dog")], tree)


def test_a_class_that_is_nowhere(tree: Path) -> None:
    with pytest.raises(DataError, match="1 of 2 classes"):
        laid_out([Class("unicorn"), Class("dog")], tree)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": {}, "classes": [{"wnid": "x"}]}'])
def test_what_is_no_hierarchy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tree.json"
    path.write_text(text)
    with pytest.raises(DataError, match="no hierarchy"):
        laid_out([Class("dog")], path)


def test_the_thousand_classes_of_imagenet(shared_data: Path) -> None:
    path = shared_data / "imagenet-classes.json"
    wnids = [entry["wnid"] for entry in json.loads(path.read_text())["classes"]]
    classes, renamed = laid_out([Class(w, key=w, number=i) for i, w in enumerate(wnids)], path)
    assert len({c.name for c in classes}) == 1000
    assert renamed["n02012849"] == "crane (wading bird)"
    dogs = [i for i, c in enumerate(classes) if "dog" in c.path]
    assert len(dogs) == 118 and dogs == list(range(dogs[0], dogs[0] + 118))  # all in one place
    assert sorted(c.number for c in classes) == list(range(1000))


def test_the_four_protocols() -> None:
    assert set(PRESETS) == {"cifar10-2011", "imagenet-top5", "forced-choice", "multi-label"}
    top5 = preset("imagenet-top5")
    assert (top5.exemplars, top5.fields["guesses"], top5.training > 0) == (13, 5, True)
    with pytest.raises(DataError, match="no protocol"):
        preset("imagenet-top6")
