"""The grid: arms x numbers of labels x seeds, each cell with the same seconds, none done twice.

A cell's seconds go to pretraining, tuning and training, in this order:

    pretraining  at most a third of them. It does not see labels, so it is the same for all cells of
                 an arm and a seed: it is computed once and charged to each of them
    tuning       half of what is left, the same part for each of the arm's settings. A fifth of the
                 labelled digits (at most `held_out`), stratified, is held out; the setting with the
                 fewest errors there is taken, of equals the first. Answering them is paid for, too
    training     with that setting, from all labelled digits, in what is left then

Where a class has only one labelled digit nothing can be held out: every arm then takes its default,
and trains in the time that tuning would have had too. The last look at the clock may be late by one
step; what was spent is measured and kept in the cell's row. Judging on the test set is free.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import data, random
from glassnet.data import Dataset
from glassnet.data.split import stratified
from glassnet.dreams.compare.arm import BASELINE, Arm, Images, Labels, Setting, arm
from glassnet.dreams.compare.clock import TIMERS, Clock
from glassnet.errors import GlassnetError

Row = dict[str, Any]
Cell = tuple[str, int, int]  # arm, labels, seed

PRETRAINING = 1 / 3  # at most, of a cell's seconds
TUNING = 1 / 2  # of what is left
HELD_OUT = 0.2  # of the labelled digits, where that is not too many
_CHOSEN = 0xC4


@dataclass(frozen=True)
class Plan:
    """What is compared; two calls with the same plan go on with each other's work.

    arms      names; labels  numbers of labelled digits, each a multiple of ten
    seeds     each draws its own labelled digits, and all that an arm draws
    seconds   of each cell; timer  "wall", or "cpu" on a machine that does other things too
    judged    test digits that arms are judged on, stratified; 10,000 are all
    held_out  most labelled digits that settings are judged on
    """

    arms: tuple[str, ...]
    labels: tuple[int, ...] = (10, 100, 1000, 10_000, 60_000)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    seconds: float = 240.0
    timer: str = "wall"
    judged: int = 10_000
    held_out: int = 2000

    def __post_init__(self) -> None:
        for name in self.arms:
            arm(name)
        if BASELINE not in self.arms:
            raise GlassnetError(f"the others are compared with '{BASELINE}': take it along")
        if not self.labels or any(n < 10 or n % 10 for n in self.labels):
            raise GlassnetError(
                f"labels are as many of each of ten digits, so multiples of 10; got {self.labels}"
            )
        if not self.seeds or self.seconds <= 0 or self.timer not in TIMERS or self.judged < 10:
            raise GlassnetError(
                "a plan needs at least one seed, seconds above 0, a timer (wall or cpu) and at "
                f"least 10 judged digits, got {self}"
            )

    @property
    def cells(self) -> list[Cell]:
        """All of them; those of one group, an arm and a seed, in a row."""
        return [(a, n, seed) for a, seed in self.groups for n in self.labels]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """(arm, seed): what shares its pretraining. All arms of a seed come together."""
        return [(a, seed) for seed in self.seeds for a in self.arms]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


@dataclass
class Digits:
    """The data: training digits (all are unlabelled data), and those that arms are judged on."""

    x: Images
    y: Labels
    test_x: Images
    test_y: Labels

    @classmethod
    def load(cls, judged: int = 10_000) -> Digits:
        """MNIST. Raises DataError where it is not to be had."""
        train, test = data.mnist()
        rows = np.arange(len(test))
        if judged < len(test):
            rows = stratified(test.labels, judged / len(test))[1]
        return cls(*_whole(train), *test.batch(rows))


def _whole(dataset: Dataset) -> tuple[Images, Labels]:
    return dataset.batch(np.arange(len(dataset)))


def chosen(labels: Labels, count: int, seed: int) -> NDArray[np.intp]:
    """Which examples are labelled: (count,), as many of each class, or all where count is N.

    The first of each class in an order drawn by the seed: those of a small count are among those
    of a larger one. Raises GlassnetError where a class has too few.
    """
    if count >= len(labels):
        return np.arange(len(labels))
    order = random.derive(seed, _CHOSEN).permutation(len(labels))
    known = np.unique(labels)
    each = count // len(known)
    rows = [order[labels[order] == k][:each] for k in known]
    if min(map(len, rows)) < each:
        raise GlassnetError(f"a class has fewer than {each} examples; take fewer labels, or all")
    return np.sort(np.concatenate(rows))


def run_group(name: str, seed: int, plan: Plan, digits: Digits, left: list[int]) -> Iterator[Row]:
    """The rows of the cells (name, n, seed), n in `left`, each as soon as it is done."""
    timer = TIMERS[plan.timer]
    learner, processor = arm(name)(seed), time.process_time()
    clock = Clock(plan.seconds * PRETRAINING, timer)
    learner.prepare(digits.x, clock)
    charged, processor = clock.spent, time.process_time() - processor
    for count in left:
        began = time.process_time()
        row = run_cell(learner, count, plan, digits, charged)
        row["processor_seconds"] = round(processor + time.process_time() - began, 3)
        yield row


def run_cell(learner: Arm, count: int, plan: Plan, digits: Digits, charged: float) -> Row:
    """One cell: tune, train, judge. `charged` seconds are spent already, on pretraining."""
    rows = chosen(digits.y, count, learner.seed)
    x, y = digits.x[rows], digits.y[rows]
    clock = Clock(max(plan.seconds - charged, 0.0), TIMERS[plan.timer])
    tuning = tune(learner, x, y, clock, plan.held_out)
    tuned = clock.spent
    learner.train(x, y, tuning.setting, clock.part(clock.left))
    spent = clock.spent
    wrong = int((learner.predict(digits.test_x) != digits.test_y).sum())
    return {
        "arm": learner.name,
        "labels": count,
        "seed": learner.seed,
        "wrong": wrong,
        "judged": len(digits.test_y),
        "error": wrong / len(digits.test_y),
        "setting": tuning.setting,
        "tried": tuning.tried,
        "seconds": {
            "pretraining": round(charged, 3),
            "tuning": round(tuned, 3),
            "training": round(spent - tuned, 3),
            "all": round(charged + spent, 3),
        },
    }


@dataclass
class Tuning:
    """The setting that was taken, and what each one that was tried came to."""

    setting: Setting
    tried: list[Row] = field(default_factory=list)


def tune(learner: Arm, x: Images, y: Labels, clock: Clock, most: int = 2000) -> Tuning:
    """Try all settings on a part of the labelled digits, by the rule at the head of this file."""
    learn, held = stratified(y, HELD_OUT, learner.seed)
    if len(held) > most:
        held = held[stratified(y[held], most / len(held), learner.seed)[1]]
        learn = np.setdiff1d(np.arange(len(y)), held)
    if not len(held):
        return Tuning(learner.settings[0])
    tried: list[Row] = []
    each = clock.left * TUNING / len(learner.settings)
    for setting in learner.settings:
        part = clock.part(each)
        learner.train(x[learn], y[learn], setting, part)
        wrong = int((learner.predict(x[held]) != y[held]).sum())
        tried.append({"setting": setting, "wrong": wrong, "held_out": len(held),
                      "seconds": round(part.spent, 3)})  # fmt: skip
    fewest = min(tried, key=lambda row: int(row["wrong"]))
    return Tuning(fewest["setting"], tried)
