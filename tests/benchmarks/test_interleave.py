"""Contenders take turns, and what is compared was measured in the same turn."""

import pytest

from benchmarks import interleave as bench


def test_contenders_take_turns_and_the_first_turn_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench, "PAUSE", 0)
    calls = []
    contenders = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = bench.interleave(contenders, turns=3, seconds=0)
    assert "".join(calls) == "abababab"
    assert {name: len(t) for name, t in times.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_taken_turn_by_turn():
    slow_machine = [1.0, 10.0, 2.0]  # it drifts, for both
    assert bench.ratio([2 * t for t in slow_machine], slow_machine) == "2.00 (2.00 to 2.00)"
    assert bench.milliseconds(slow_machine) == "2000.00"
