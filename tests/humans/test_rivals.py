"""Models beside people: a run of glassnet's own, and answers from files."""

import json
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn
from glassnet.data import Dataset, demo_digits
from glassnet.errors import Conflict, DataError
from glassnet.humans.bench import Bench, Benches
from glassnet.train import fit


@pytest.fixture
def bench(here: Benches) -> Bench:
    return here.create("digits", "digits", images=40)


def trained(out: Path, data: Dataset) -> Path:
    gn.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    fit(net, data, epochs=2, out=str(out), progress=False)
    return out


def test_a_run_sees_exactly_the_bench_s_images(bench: Bench, tmp_path: Path) -> None:
    learned, held_out = demo_digits()
    run = gn.load(trained(tmp_path / "run", learned))
    answers = bench.add_model("net", tmp_path / "run", "2026-05").answers
    names = held_out.files()
    rows = [names.index(item.name) for item in bench.manifest.of_kind("test")]
    expected = run.predict(held_out.batch(rows)[0])
    for item, row in zip(bench.manifest.of_kind("test"), expected, strict=True):
        assert answers[item.name][0] == str(row.argmax())
        assert len(set(answers[item.name])) == 5
    stored = bench.models()["net"]
    assert dict(stored.answers) == dict(answers)
    assert (stored.date, stored.source) == ("2026-05", "the run run")
    first = bench.manifest.of_kind("test")[0].name
    assert stored.confidence[first] == pytest.approx(float(expected[0].max()), abs=1e-6)


def test_a_run_that_knows_other_classes(bench: Bench, tmp_path: Path) -> None:
    learned, _ = demo_digits()
    renamed = Dataset(learned._images, learned.labels, list("abcdefghij"), "letters")
    with pytest.raises(DataError, match="does not know the class '0'"):
        bench.add_model("net", trained(tmp_path / "run", renamed))


def test_numbers_mean_the_classes_of_the_source(here: Benches, tmp_path: Path) -> None:
    """Also where a hierarchy lays the classes out in another order and names them anew."""
    entries = [
        {"wnid": str(k), "names": [f"digit {k}"], "gloss": "", "path": ["all", str(k % 3), f"d{k}"]}
        for k in range(10)
    ]
    nodes = dict.fromkeys(["all", "0", "1", "2", *(f"d{k}" for k in range(10))], "group")
    (tmp_path / "tree.json").write_text(json.dumps({"nodes": nodes, "classes": entries}))
    bench = here.create("tree", "digits", images=20, hierarchy=tmp_path / "tree.json")
    assert [c.number for c in bench.manifest.classes] == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]
    items = bench.manifest.of_kind("test")
    numbers = np.array([int(item.truth[0].removeprefix("digit ")) for item in items])
    np.save(tmp_path / "model.npy", numbers)
    answers = bench.add_model("perfect", tmp_path / "model.npy").answers
    assert all(answers[item.name] == item.truth for item in items)
    learned, _ = demo_digits()
    run = bench.add_model("net", trained(tmp_path / "run", learned)).answers
    assert np.mean([run[i.name][0] == i.truth[0] for i in items]) > 0.5


def test_a_name_stands_for_one_model(bench: Bench, tmp_path: Path) -> None:
    items = [item.name for item in bench.manifest.of_kind("test")]
    for digit in "12":
        path = tmp_path / f"{digit}.json"
        path.write_text(json.dumps(dict.fromkeys(items, digit)))
    bench.add_model("net", tmp_path / "1.json")
    bench.add_model("net", tmp_path / "1.json")
    with pytest.raises(Conflict, match="other answers"):
        bench.add_model("net", tmp_path / "2.json")
    with pytest.raises(DataError, match="name of a model"):
        bench.add_model("", tmp_path / "2.json")
    assert list(bench.models()) == ["net"]


def test_a_bench_of_a_run_s_test_set(here: Benches, tmp_path: Path) -> None:
    learned, held_out = demo_digits()
    gn.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    source = {"data": "demo-digits", "size": None, "fraction": 0.2, "seed": 0}
    out = str(tmp_path / "run")
    fit(net, learned, epochs=1, out=out, progress=False, about={"source": source})
    bench = here.create("of-run", out, images=30, training=5)
    tested = {item.name for item in bench.manifest.of_kind("test")}
    assert tested <= set(held_out.files()) and bench.add_model("net", out).answers.keys() == tested
    practised = {item.name for item in bench.manifest.of_kind("training")}
    assert practised <= set(learned.files())
