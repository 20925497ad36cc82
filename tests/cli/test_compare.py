"""`glassnet compare-pretraining`: its words and its answer, from cells whose errors are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glassnet.cli.compare import _plan
from glassnet.dreams.compare import Plan, Store
from tests.cli.conftest import Invoke

ERRORS = {"patches": {10: 200, 100: 100, 1000: 60}, "scratch": {10: 400, 100: 110, 1000: 30}}
WORDS = ("compare-pretraining", "--arms", "patches,scratch", "--labels", "10,100,1000", "--seeds",
         3, "--seconds", 7, "--judged", 1000)  # fmt: skip


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A finished comparison: k-means patches are better up to between 100 and 1,000 labels."""
    plan = Plan(("patches", "scratch"), (10, 100, 1000), (0, 1, 2), 7.0, "wall", 1000)
    store = Store(tmp_path / "out", plan)
    for arm, labels, seed in plan.cells:
        wrong = ERRORS[arm][labels] + (seed - 1)
        seconds = {"pretraining": 1.0, "tuning": 2.0, "training": 4.0, "all": 7.0 + seed / 100}
        store.add({"arm": arm, "labels": labels, "seed": seed, "wrong": wrong, "judged": 1000,
                   "error": wrong / 1000, "seconds": seconds})  # fmt: skip
    return tmp_path / "out"


def test_errors_crossings_seconds_and_plot_are_told(done: Path, invoke: Invoke) -> None:
    result = invoke(*WORDS, "--out", done)
    assert result.exit_code == 0, result.output
    assert "18 cells are done already" in result.stdout
    assert "40.0 % (39.8-40.2)" in result.stdout  # 400 of 1,000, +- t(0.975, 2) / sqrt(3) / 1000
    assert "seconds a cell: 7.00 to 7.02 of 7" in result.stdout
    assert (done / "errors.png").stat().st_size > 5000


def test_json_is_one_object_with_the_crossing(done: Path, invoke: Invoke) -> None:
    result = invoke(*WORDS, "--out", done, "--json")
    answer: Any = json.loads(result.stdout.splitlines()[-1])
    (crossing,) = answer["crossings"]
    assert crossing["arm"] == "patches"
    assert 100 < crossing["low"] < crossing["at"] < crossing["high"] < 200
    assert len(answer["points"]) == 6 and answer["seconds"] == [7.0, 7.02]
    assert answer["plan"]["labels"] == [10, 100, 1000]


def test_never_and_beyond_have_words_in_json(done: Path, invoke: Invoke) -> None:
    path = done / "cells.jsonl"
    path.write_text(path.read_text().replace('"patches"', '"x"').replace('"scratch"', '"patches"')
                    .replace('"x"', '"scratch"'))  # fmt: skip
    answer = json.loads(invoke(*WORDS, "--out", done, "--json").stdout.splitlines()[-1])
    assert answer["crossings"] == [
        {"arm": "patches", "at": "beyond", "low": "beyond", "high": "beyond"}
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--arms", "scratch,magic"), "no arm 'magic'; there are"),
        (("--arms", "patches"), "compared with 'scratch'"),
        (("--labels", "10,many"), "numbers with commas"),
        (("--labels", "15"), "multiples of 10"),
        (("--seconds", "8"), "other seconds; go on with the options"),
    ],
)
def test_what_cannot_be_is_said(
    done: Path, invoke: Invoke, words: tuple[str, ...], message: str
) -> None:
    result = invoke(*WORDS, "--out", done, *words)
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())


def test_missing_data_are_named_before_anything_begins(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glassnet import data
    from glassnet.errors import DataError

    def missing() -> None:
        raise DataError("cifar10 is not at ...; set GLASSNET_DATA")

    monkeypatch.setattr(data, "mnist", lambda: None)
    monkeypatch.setattr(data, "cifar10", missing)
    words = ("--arms", "transfer,scratch", "--out", tmp_path)
    result = invoke("compare-pretraining", *words)
    assert result.exit_code == 1 and "cifar10 is not at" in result.stderr


def test_quick_is_a_smaller_plan_that_options_change() -> None:
    given = dict.fromkeys(("seconds", "seeds", "labels", "judged")) | {
        "arms": "patches,scratch", "timer": "wall"
    }  # fmt: skip
    quick, full = _plan(given | {"quick": True}), _plan(given | {"quick": False})
    assert quick.seconds < 10 < full.seconds and quick.judged < full.judged == 10_000
    assert quick.labels == full.labels and quick.seeds == full.seeds == (0, 1, 2, 3, 4)
    assert _plan(given | {"quick": True, "seconds": 9.0}).seconds == 9.0


def test_help_has_an_example(invoke: Invoke) -> None:
    assert "glassnet compare-pretraining --quick" in invoke("compare-pretraining", "--help").stdout
