"""Clocks with a timer of the test's own: what is spent, left and over."""

from __future__ import annotations

from glassnet.dreams.compare.clock import Clock, steps


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_clock_counts_from_its_start() -> None:
    time = Time()
    clock = Clock(10, time)
    assert (clock.spent, clock.left, clock.share, clock.over) == (0, 10, 0, False)
    time.now += 4
    assert (clock.spent, clock.left, clock.share, clock.over) == (4, 6, 0.4, False)
    time.now += 7
    assert (clock.spent, clock.left, clock.share, clock.over) == (11, 0, 1, True)


def test_a_part_is_no_longer_than_what_is_left() -> None:
    time = Time()
    clock = Clock(10, time)
    time.now += 7
    assert clock.part(2).seconds == 2
    assert clock.part(5).seconds == 3
    assert clock.part(5).spent == 0


def test_no_seconds_are_over_at_once() -> None:
    assert Clock(0, Time()).over and Clock(0, Time()).share == 1


def test_steps_end_a_loop_after_as_many_looks_everywhere() -> None:
    clock, rounds = steps(5), 0
    while not clock.over:
        rounds += 1
    assert rounds == 4  # the start was a look too
