from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from glassnet.humans.comparison import compare, compare_all
from glassnet.humans.estimands import average, best, estimands, person
from tests.humans.crowds import make

RNG = np.random.default_rng(0)


def coins(share: float, n: int = 300) -> np.ndarray:
    return (RNG.random(n) < share).astype(float)


def test_one_person_is_mcnemar_and_tango() -> None:
    mine, network = coins(0.2), coins(0.1)
    found = compare(person("P", mine), "n", network)
    b, c = int(((network == 1) & (mine == 0)).sum()), int(((network == 0) & (mine == 1)).sum())
    assert found.p == pytest.approx(binomtest(b, b + c).pvalue)
    assert found.p_permutation == pytest.approx(found.p, abs=0.01)
    assert found.difference == pytest.approx((b - c) / 300)
    assert found.interval.low < found.difference < found.interval.high
    assert (found.test, found.method) == ("exact McNemar", "Tango's score interval")
    assert found.discordant is not None and found.discordant.network_only == b


def test_only_common_images_count() -> None:
    mine, network = np.array([1, 0, 1, np.nan]), np.array([0, 0, np.nan, 1])
    found = compare(person("P", mine), "n", network)
    assert (found.images, found.human_error, found.network_error) == (2, 0.5, 0.0)
    assert compare_all([person("P", mine[:3])], {"n": np.array([np.nan] * 3)}) == []


def test_people_in_general_need_more_than_one_of_them() -> None:
    """Five people of very different skill: certain about these five, not about people."""
    skill = np.array([0.02, 0.02, 0.05, 0.30, 0.35])
    errors = np.stack([coins(share) for share in skill])
    found = compare(average(errors), "n", coins(0.05))
    assert found.test == "crossed t"
    assert found.p_permutation < 0.001 < 0.05 < found.p
    assert found.difference == pytest.approx(found.network_error - found.human_error)
    assert found.verdict is None and found.spread is not None


def test_a_chosen_person_is_tested_by_permutation() -> None:
    errors = np.stack([coins(0.2) for _ in range(4)])
    found = compare(best(errors), "n", coins(0.02))
    assert found.test == "permutation" and found.p < 0.001
    assert found.needed is not None and found.needed < 300
    same = compare(best(errors), "n", best(errors).wrong)
    assert same.needed is None and same.p == 1


def test_holm_within_each_reading() -> None:
    answers = make(networks={"a": 0.18, "b": 0.1, "c": 0.02})
    errors = {name: 1 - answers.model_correct(name) for name in answers.models}
    found = compare_all(estimands(answers), errors)
    assert len(found) == 3 * 11
    for key in {c.estimand for c in found}:
        family = sorted((c for c in found if c.estimand == key), key=lambda c: c.p)
        assert family[0].adjusted == pytest.approx(min(3 * family[0].p, 1))
        assert all(c.adjusted >= c.p for c in family)
        assert all(c.verdict is not None and c.p_not_inferior is None for c in family)


def test_one_person_in_common_is_no_sample_of_people() -> None:
    errors = np.full((6, 20), np.nan)
    errors[0, :10] = coins(0.3, 10)
    errors[1:, 10:] = coins(0.3, 10)
    network = np.concatenate([coins(0.3, 10), np.full(10, np.nan)])
    found = compare(average(errors), "n", network)
    assert found.images == 10 and found.spread is None


def test_a_margin() -> None:
    mine = coins(0.1, 2000)
    network = mine.copy()
    network[np.flatnonzero(mine == 0)[:4]] = 1
    network[np.flatnonzero(mine == 1)[:4]] = 0
    for human in (person("P", mine), replace(person("P", mine), wrong=mine * 0.99)):
        (found,) = compare_all([human], {"n": network}, margin=0.02)
        assert found.verdict is not None
        assert found.verdict.not_inferior and found.verdict.words == "not worse by the margin"
    errors = np.stack([mine] * 6)
    (found,) = compare_all([average(errors)], {"n": network}, margin=0.02)
    assert found.verdict is not None and found.verdict.not_inferior


def test_three_images_are_too_few() -> None:
    answers = make(people=1, images=10, networks={"n": 0.05})
    (found,) = compare_all(estimands(answers), {"n": 1 - answers.model_correct("n")})
    assert found.verdict is not None and found.verdict.kind == "too few images"
