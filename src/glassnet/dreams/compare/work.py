"""Doing the cells that are left, in one process or several."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from glassnet.dreams.compare.arm import Arm, arm
from glassnet.dreams.compare.clock import steps
from glassnet.dreams.compare.grid import Cell, Digits, Plan, Row, run_group
from glassnet.dreams.compare.store import Store
from glassnet.errors import GlassnetError

FEW, STEPS = 300, 12
POLL = 0.5  # seconds between two looks at what the processes have done


def run(
    folder: Path, plan: Plan, processes: int = 1, watch: Callable[[Row, int], None] | None = None
) -> list[Row]:
    """Do what is left of the plan, each process on one thread; gives the rows of all cells.

    watch(row, done) is called after each cell. Raises GlassnetError where a process fails.
    """
    store = Store(folder, plan)
    seen = {_key(row) for row in store.rows()}
    start = multiprocessing.get_context("spawn").Process
    workers = [start(target=_work, args=(folder, plan), daemon=True) for _ in range(processes)]
    if len(seen) < len(plan.cells):
        for name in plan.arms:
            arm(name).check()
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            time.sleep(POLL)
            _tell(store, seen, watch)
        _tell(store, seen, watch)
    rows = store.rows()
    if len(rows) < len(plan.cells):
        raise GlassnetError(
            f"{len(plan.cells) - len(rows)} cells are not done: a process failed (see above); "
            f"what is done is kept in {folder}: call again to go on"
        )
    return rows


def _tell(store: Store, seen: set[Cell], watch: Callable[[Row, int], None] | None) -> None:
    for row in store.rows():
        if _key(row) not in seen:
            seen.add(_key(row))
            if watch is not None:
                watch(row, len(seen))


def _key(row: Row) -> Cell:
    return row["arm"], row["labels"], row["seed"]


def _work(folder: Path, plan: Plan) -> None:
    """What each process does: on one thread, and no longer than its parent lives."""
    from glassnet import set_num_threads

    set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    parent = multiprocessing.parent_process()

    def orphan() -> None:
        if parent is not None and not parent.is_alive():
            sys.exit(1)

    try:
        work(Store(folder, plan), Digits.load(plan.judged), orphan)
    except GlassnetError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def work(store: Store, digits: Digits, after: Callable[[], None] = lambda: None) -> None:
    """Do all groups that are left, in this process, and wait for those that another one is at.

    `after` is called after each cell.
    """
    for name in store.plan.arms:
        warm_up(arm(name)(0), digits)
    groups = store.plan.groups
    while groups := [group for group in groups if not _group(store, digits, *group, after)]:
        time.sleep(POLL)
        after()


def _group(store: Store, digits: Digits, name: str, seed: int, after: Callable[[], None]) -> bool:
    """Do what is left of a group; whether it is done (else another process is at work on it)."""
    with store.claim(name, seed) as mine:
        left = store.left(name, seed)
        if mine and left:
            for row in run_group(name, seed, store.plan, digits, left):
                store.add(row)
                after()
        return mine or not left


def warm_up(learner: Arm, digits: Digits) -> None:
    """Run everything of an arm once for a few steps: kernels are compiled before clocks run."""
    x, y = digits.x[:FEW], digits.y[:FEW]
    learner.prepare(x, steps(STEPS))
    for setting in learner.settings:
        learner.train(x, y, setting, steps(STEPS))
        learner.predict(x)
