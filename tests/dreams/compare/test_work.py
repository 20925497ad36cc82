"""A grid that is killed at any moment goes on where it was: with real processes and real kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from glassnet.dreams.compare import Digits, Plan, Store
from glassnet.dreams.compare.plot import plot
from glassnet.dreams.compare.summary import points
from glassnet.dreams.compare.work import run, work

OPTIONS = ("--arms", "patches,scratch", "--labels", "10,20", "--seeds", "2", "--seconds", "0.4")
ENOUGH = 120.0  # seconds until the first cell, on a machine that does other things too


def start(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "glassnet", "compare-pretraining", *OPTIONS, "--judged", "50",
               "--processes", "1", "--json", "--out", str(out)]  # fmt: skip
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def lines(out: Path) -> bytes:
    path = out / "cells.jsonl"
    return path.read_bytes() if path.exists() else b""


def test_a_kill_loses_no_finished_cell_and_none_is_done_twice(
    published_data: Path, tmp_path: Path
) -> None:
    killed = start(tmp_path)
    until = time.monotonic() + ENOUGH
    while lines(tmp_path).count(b"\n") < 3 and time.monotonic() < until:
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    before = lines(tmp_path)
    assert killed.returncode == -signal.SIGKILL
    assert 3 <= before.count(b"\n") < 8

    again = start(tmp_path)
    output, errors = again.communicate(timeout=ENOUGH)
    assert again.returncode == 0, errors
    after = lines(tmp_path)
    assert after.startswith(before)  # what was done stands as it was
    cells = [(r["arm"], r["labels"], r["seed"]) for r in map(json.loads, after.splitlines())]
    assert Counter(cells) == Counter(  # each once
        (a, n, s) for a in ("patches", "scratch") for n in (10, 20) for s in (0, 1)
    )
    assert f"{before.count(chr(10).encode())} cells are done already" in errors
    answer = json.loads(output)
    assert {p["arm"] for p in answer["points"]} == {"patches", "scratch"}
    assert answer["crossings"][0]["arm"] == "patches" and Path(answer["plot"]).stat().st_size > 5000


def test_what_is_all_done_is_not_begun(tmp_path: Path) -> None:
    plan = Plan(("scratch",), labels=(10,), seeds=(0,), seconds=1.0, judged=10)
    row = {"arm": "scratch", "labels": 10, "seed": 0, "wrong": 3, "judged": 10, "error": 0.3}
    Store(tmp_path, plan).add(row)
    began = time.monotonic()
    assert run(tmp_path, plan, processes=2) == [row]
    assert time.monotonic() - began < 2


def test_a_group_that_another_process_is_at_is_waited_for(
    published_data: Path, tmp_path: Path
) -> None:
    """The claim is given up in the middle, as by a kill; this process then does the group."""
    plan = Plan(("scratch",), labels=(10,), seeds=(0,), seconds=0.2, judged=50, timer="cpu")
    store, other = Store(tmp_path, plan), Store(tmp_path, plan)
    digits = Digits.load(50)
    held = other.claim("scratch", 0)
    assert held.__enter__()
    import threading

    worker = threading.Thread(target=work, args=(store, digits))
    worker.start()
    worker.join(6)
    assert worker.is_alive() and store.rows() == []
    held.__exit__(None, None, None)
    worker.join(ENOUGH)
    assert [r["labels"] for r in store.rows()] == [10]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_plot_is_drawn(tmp_path: Path, suffix: str) -> None:
    rows: list[Any] = [
        {"arm": arm, "labels": n, "seed": s, "wrong": w + s, "judged": 1000, "error": (w + s) / 1e3}
        for arm, w in (("patches", 50), ("scratch", 80))
        for n in (10, 100)
        for s in (0, 1, 2)
    ]
    path = plot(points(rows), tmp_path / f"errors.{suffix}", "a title")
    content = path.read_bytes()
    assert len(content) > 8000 and content.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
