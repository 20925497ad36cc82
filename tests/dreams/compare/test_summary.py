"""Intervals and crossing points, on curves for which they are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from glassnet.dreams.compare.summary import (
    Crossing,
    crossing,
    interval,
    last_crossing,
    points,
)

LABELS = np.array([10, 100, 1000, 10_000])


def rows(errors: dict[tuple[str, int], list[int]], judged: int = 9999) -> list[Any]:
    return [
        {"arm": arm, "labels": n, "seed": seed, "wrong": w, "judged": judged, "error": w / judged}
        for (arm, n), wrong in errors.items()
        for seed, w in enumerate(wrong)
    ]


@pytest.mark.parametrize(
    ("d", "at"),
    [
        ([-1, -1, 1, 1], 100 * math.sqrt(10)),  # the middle between 100 and 1,000, in logarithms
        ([-3, 1, 1, 1], 10 * 10**0.75),
        ([-1, 0, 1, 2], 100),
        ([1, 1, 1, 1], 0),
        ([0, 0, 0, 0], 0),  # not better is not better
        ([-1, -1, -1, -1], math.inf),
        ([1, 1, 1, -1], math.inf),  # still better at the end
        ([-1, 1, -1, 1], 1000 * math.sqrt(10)),  # of several the last
    ],
)
def test_the_crossing_of_a_known_curve(d: list[float], at: float) -> None:
    assert last_crossing(LABELS, np.array(d, float)) == pytest.approx(at)


def test_students_interval_is_that_of_the_tables() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])  # t(0.975, 4) = 2.7764
    low, high = interval(values)
    assert (low, high) == pytest.approx((3 - 2.7764 * 0.70711, 3 + 2.7764 * 0.70711), rel=1e-4)
    assert interval(values[:1]) == (None, None)


def test_a_point_has_error_and_ratio_by_seed() -> None:
    found = points(rows({("patches", 10): [99, 199], ("scratch", 10): [199, 99]}))
    patches, scratch = found
    assert patches.error == pytest.approx(149 / 9999)
    assert patches.ratio == pytest.approx(1.0, rel=1e-6)  # twice as good, then half as good
    assert patches.ratio_low is not None and patches.ratio_low < 0.5
    assert patches.low == 0.0  # an error is no less than none
    assert (scratch.ratio, scratch.ratio_low) == (None, None)


def exact(arm: list[int], scratch: list[int], noise: int = 0, seeds: int = 5) -> list[Any]:
    off = np.array([-2, -1, 0, 1, 2][:seeds]) * noise
    errors: dict[tuple[str, int], list[int]] = {}
    for n, a, s in zip(LABELS.tolist(), arm, scratch, strict=True):
        errors["patches", n] = (a + off).tolist()
        errors["scratch", n] = [s] * seeds
    return rows(errors)


def test_the_crossing_without_noise_has_no_width() -> None:
    found = crossing(exact([1000, 500, 400, 300], [2000, 1000, 200, 100]), "patches")
    assert found is not None and found.at == found.low == found.high
    assert found.at == pytest.approx(100 * math.sqrt(10), rel=2e-3)  # half and twice


def test_noise_makes_the_crossing_uncertain() -> None:
    errors = [1000, 500, 400, 300], [2000, 1000, 200, 100]
    narrow, wide = (crossing(exact(*errors, noise=n), "patches") for n in (5, 60))
    assert narrow is not None and wide is not None
    assert narrow.low and narrow.high and wide.high is not None and wide.low is not None
    assert narrow.low < narrow.at < narrow.high
    assert wide.low < narrow.low and narrow.high < wide.high
    assert crossing(exact(*errors, noise=60), "patches") == wide  # the draws are repeatable


def test_the_interval_reaches_to_never_and_beyond_where_the_arms_are_alike() -> None:
    found = crossing(exact([400, 200, 100, 50], [400, 200, 100, 50], noise=1), "patches")
    assert found is not None and (found.low, found.high) == (0, math.inf)
    assert "never to beyond all" in str(found)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Curves whose crossing is known, seen through five noisy seeds."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        errors: dict[tuple[str, int], list[int]] = {}
        for n, d in zip(LABELS.tolist(), (-0.6, -0.3, 0.3, 0.6), strict=True):
            errors["scratch", n] = [1000] * 5
            errors["patches", n] = (
                (1000 * np.exp(d + 0.3 * draw.standard_normal(5))).astype(int).tolist()
            )
        found = crossing(rows(errors), "patches")
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 100 * math.sqrt(10) <= found.high
    assert held >= 52


def test_one_seed_has_a_crossing_and_no_interval() -> None:
    found = crossing(exact([1000, 500, 400, 300], [2000, 1000, 200, 100], seeds=1), "patches")
    assert found is not None and (found.low, found.high) == (None, None)
    assert str(found) == "316"


def test_an_arm_without_the_other_has_no_crossing() -> None:
    assert crossing(rows({("patches", 10): [3, 4]}), "patches") is None


def test_a_crossing_in_words() -> None:
    assert str(Crossing("a", 0.0, 0.0, 1234.4)) == "never (95 % interval: never to 1,234)"
    assert str(Crossing("a", math.inf, 50.0, math.inf)).startswith("beyond all (95 %")
