"""The results on disk: what a kill may leave there, and who may work on what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glassnet.dreams.compare import Plan, Store
from glassnet.errors import GlassnetError

PLAN = Plan(("patches", "scratch"), labels=(10, 20), seeds=(0, 1), seconds=1.0, judged=10)


def row(arm: str = "scratch", labels: int = 10, seed: int = 0, **more: Any) -> Any:
    return {"arm": arm, "labels": labels, "seed": seed, **more}


def test_what_was_added_is_found_in_the_plans_order(tmp_path: Path) -> None:
    store = Store(tmp_path, PLAN)
    assert store.rows() == [] and store.left("scratch", 1) == [10, 20]
    store.add(row(seed=1))
    store.add(row("patches", 20))
    assert [r["arm"] for r in Store(tmp_path, PLAN).rows()] == ["patches", "scratch"]
    assert store.left("scratch", 1) == [20] and store.left("patches", 0) == [10]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_that_a_kill_cut_is_no_cell_and_spoils_no_other(tmp_path: Path, cut: int) -> None:
    store = Store(tmp_path, PLAN)
    store.add(row(wrong=1))
    store.add(row(labels=20, wrong=2))
    path = tmp_path / "cells.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    lost = cut > 1  # without its line's end alone it is whole
    assert len(store.rows()) == 2 - lost
    store.add(row(labels=20, wrong=3))
    store.add(row("patches", wrong=4))
    assert [r["wrong"] for r in store.rows()] == [4, 1, 3 if lost else 2]


def test_a_cell_counts_once(tmp_path: Path) -> None:
    store = Store(tmp_path, PLAN)
    for wrong in (1, 2):
        store.add(row(wrong=wrong))
    assert [r["wrong"] for r in store.rows()] == [1]


def test_another_plan_in_the_folder_is_refused(tmp_path: Path) -> None:
    Store(tmp_path, PLAN)
    with pytest.raises(GlassnetError, match="other seconds; go on with"):
        Store(tmp_path, Plan(PLAN.arms, PLAN.labels, PLAN.seeds, 2.0, judged=10))
    Store(tmp_path, PLAN)
    assert json.loads((tmp_path / "plan.json").read_text())["seconds"] == 1.0


def test_a_group_is_claimed_by_one_at_a_time(tmp_path: Path) -> None:
    one, other = Store(tmp_path, PLAN), Store(tmp_path, PLAN)
    with one.claim("scratch", 0) as mine:
        assert mine
        with other.claim("scratch", 0) as too, other.claim("scratch", 1) as next_one:
            assert not too and next_one
    with other.claim("scratch", 0) as after:
        assert after
