"""What is labelled, how settings are chosen, and that every arm has the same seconds."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import pytest

from glassnet.dreams.compare import (
    ARMS,
    Digits,
    Plan,
    arms,  # noqa: F401  (enters them into the table)
)
from glassnet.dreams.compare.arm import Arm, Setting
from glassnet.dreams.compare.clock import Clock, steps
from glassnet.dreams.compare.grid import TUNING, chosen, run_cell, run_group, tune
from glassnet.dreams.compare.work import warm_up
from glassnet.errors import GlassnetError

LABELS = np.repeat(np.arange(10), 200)
NAMES = ["boltzmann", "denoising", "patches", "transfer", "scratch"]


class Fake(Arm):
    """Trains for as long as it may; its second setting knows the truth, the others never do."""

    settings: ClassVar[tuple[Setting, ...]] = ({"name": "a"}, {"name": "b"}, {"name": "c"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.calls: list[tuple[int, str, float]] = []
        self.knows = False

    def prepare(self, unlabelled: Any, clock: Clock) -> None:
        while not clock.over:
            pass

    def train(self, x: Any, y: Any, setting: Setting, clock: Clock) -> None:
        self.calls.append((len(x), setting["name"], clock.seconds))
        self.knows = setting["name"] == "b"
        while not clock.over:
            pass

    def predict(self, x: Any) -> Any:
        truth = x[:, 0, 0, 0].astype(np.int64)
        return truth if self.knows else (truth + 1) % 10


def images(labels: Any) -> Any:
    return np.tile(labels.astype(np.uint8)[:, None, None, None], (1, 1, 28, 28))


def digits() -> Digits:
    return Digits(images(LABELS), LABELS, images(LABELS[::10]), LABELS[::10])


@pytest.mark.parametrize("count", [10, 50, 1000])
def test_as_many_of_each_digit_are_labelled_and_small_sets_lie_in_larger_ones(count: int) -> None:
    rows = chosen(LABELS, count, seed=3)
    assert np.bincount(LABELS[rows]).tolist() == [count // 10] * 10
    assert set(rows) < set(chosen(LABELS, 2 * count - (count == 1000) * 200, seed=3))
    assert not np.array_equal(rows, chosen(LABELS, count, seed=4))


def test_all_labels_are_all_whatever_the_seed() -> None:
    assert chosen(LABELS, 60_000, 0).tolist() == list(range(2000))
    with pytest.raises(GlassnetError, match="fewer than 30 examples"):
        chosen(np.repeat(np.arange(10), [20] + [200] * 9), 300, 0)


def test_every_setting_is_tried_on_what_is_held_out_in_equal_time() -> None:
    arm = Fake(0)
    found = tune(arm, images(LABELS), LABELS, Clock(0.3))
    assert found.setting == {"name": "b"}
    assert [(n, name) for n, name, _ in arm.calls] == [(1600, "a"), (1600, "b"), (1600, "c")]
    assert [row["wrong"] for row in found.tried] == [400, 0, 400]
    for _, _, seconds in arm.calls:
        assert seconds == pytest.approx(0.3 * TUNING / 3, rel=0.05)


def test_no_more_than_2000_are_held_out() -> None:
    labels = np.repeat(np.arange(10), 2000)
    arm = Fake(0)
    found = tune(arm, images(labels), labels, steps(40))
    assert found.tried[0]["held_out"] == 2000 and arm.calls[0][0] == 18_000


def test_with_one_label_a_class_the_default_gets_all_the_time() -> None:
    arm = Fake(0)
    plan = Plan(("scratch",), seconds=0.2)
    row = run_cell(arm_named(arm), 10, plan, digits(), charged=0.05)
    assert row["setting"] == {"name": "a"} and row["tried"] == [] and row["error"] == 1.0
    assert arm.calls[0][2] == pytest.approx(0.15, rel=0.05)


def arm_named(arm: Any) -> Any:
    type(arm).name = "fake"
    return arm


def test_a_cell_spends_its_seconds_and_hardly_more(monkeypatch: Any) -> None:
    monkeypatch.setitem(ARMS, "fake", Fake)
    Fake.name = "fake"
    plan = Plan(("fake", "scratch"), labels=(10, 100, 500), seconds=0.3, judged=10, timer="cpu")
    began = time.process_time()
    rows = list(run_group("fake", 0, plan, digits(), [10, 100, 500]))
    for row in rows:
        seconds = row["seconds"]
        assert seconds["pretraining"] == pytest.approx(0.1, abs=0.02)  # a third, once
        assert seconds["all"] == pytest.approx(0.3, abs=0.03)
        parts = seconds["pretraining"] + seconds["tuning"] + seconds["training"]
        assert parts == pytest.approx(seconds["all"], abs=0.01)
    assert len({row["seconds"]["pretraining"] for row in rows}) == 1
    assert time.process_time() - began < 0.1 + 3 * 0.2 + 0.3  # it was charged, not spent, thrice
    assert [row["setting"]["name"] for row in rows] == ["a", "b", "b"]


@pytest.fixture(scope="module")
def mnist(published_data: Any) -> Digits:
    return Digits.load(judged=500)


def test_the_judged_digits_are_of_all_classes(mnist: Digits) -> None:
    assert mnist.x.shape == (60_000, 1, 28, 28) and 495 <= len(mnist.test_y) <= 505
    assert np.bincount(mnist.test_y).min() >= 40


@pytest.mark.parametrize("name", NAMES)
def test_each_arm_keeps_to_its_budget(name: str, mnist: Digits) -> None:
    """1.2 processor seconds: a clock is looked at in every loop."""
    plan = Plan((name, "scratch"), labels=(1000,), seconds=1.2, timer="cpu", judged=500)
    warm_up(ARMS[name](0), mnist)
    (row,) = run_group(name, 0, plan, mnist, [1000])
    assert len(row["tried"]) == 3
    assert 0.8 * 1.2 < row["seconds"]["all"] < 1.2 + 0.5


@pytest.mark.parametrize(
    ("name", "looks"),
    [("boltzmann", 300), ("denoising", 60), ("patches", 40), ("transfer", 60), ("scratch", 60)],
)
def test_each_arm_reads_digits_and_begins_anew_each_time(
    name: str, looks: int, mnist: Digits
) -> None:
    """What one call learned from labels must not reach the next: steps and answers repeat."""
    arm = ARMS[name](0)
    arm.prepare(mnist.x[:2000], steps(12))
    answers = []
    for setting, count in ((0, looks), (-1, 8), (0, looks)):
        arm.train(mnist.x[:500], mnist.y[:500], arm.settings[setting], steps(count))
        answers.append(arm.predict(mnist.test_x[:200]))
    np.testing.assert_array_equal(answers[0], answers[2])
    assert (answers[0] != mnist.test_y[:200]).mean() < 0.6  # 0.9 is chance


def test_every_arm_has_as_many_settings_to_try() -> None:
    assert {name: len(kind.settings) for name, kind in ARMS.items()} == dict.fromkeys(NAMES, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arms": ("patches",)}, "take it along"),
        ({"arms": ("scratch", "magic")}, "no arm 'magic'; there are"),
        ({"labels": (15,)}, "multiples of 10"),
        ({"seconds": 0.0}, "seconds above 0"),
        ({"timer": "sun"}, "wall or cpu"),
    ],
)
def test_a_plan_that_means_nothing_is_refused(options: Any, message: str) -> None:
    with pytest.raises(GlassnetError, match=message):
        Plan(**({"arms": ("scratch",)} | options))
