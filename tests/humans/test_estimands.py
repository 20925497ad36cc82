from dataclasses import replace

import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.answers import Answers, Trial
from glassnet.humans.estimands import average, best, estimands
from tests.humans.crowds import CLASSES, make


def by_key(answers: Answers) -> dict:
    return {human.key: human for human in estimands(answers)}


def test_every_reading_of_the_human() -> None:
    answers = make(people=6)
    found = by_key(answers)
    assert list(found) == [
        "average", "best", "plurality 3", "plurality 6", "consensus",
        *(f"person P{i}" for i in range(1, 7)),
    ]  # fmt: skip
    errors = 1 - answers.correct
    assert found["average"].error == pytest.approx(errors.mean())
    assert found["average"].general and found["average"].name == "the average person"
    assert found["person P2"].error == pytest.approx(errors[1].mean())
    assert found["person P2"].exact is not None
    low, high = found["person P2"].interval
    assert low < found["person P2"].error < high
    assert found["plurality 6"].error < found["plurality 3"].error < found["average"].error


def test_below_five_it_is_these_people() -> None:
    found = by_key(make(people=4))["average"]
    assert found.name == "the average of these 4 people"
    assert not found.general and "these people fixed" in found.method
    assert list(by_key(make(people=2))) == ["average", "best", "person P1", "person P2"]
    assert list(by_key(make(people=1))) == ["person P1"]


def test_people_who_differ_widen_the_average() -> None:
    errors = np.zeros((6, 200))
    errors[:, :20] = 1
    alike = average(errors).interval
    errors[0, 20:140] = 1
    errors[:, :8] = 0
    differ = average(errors)
    assert differ.error == pytest.approx(0.16, abs=0.01)
    assert differ.interval.high - differ.interval.low > 2 * (alike.high - alike.low)


def test_the_best_is_not_the_smallest() -> None:
    """Ten people who are equally good: the smallest of ten rates lies below their common one."""
    generator = np.random.default_rng(0)
    naive, judged = [], []
    for seed in range(30):
        found = best((generator.random((10, 100)) < 0.2) * 1.0, seed)
        naive.append(found.optimistic)
        judged.append(found.error)
    assert np.mean(naive) < 0.16
    assert np.mean(judged) == pytest.approx(0.2, abs=0.02)


def test_a_best_that_stands_out_is_found() -> None:
    errors = np.full((4, 60), 1.0)
    errors[2] = np.arange(60) < 6
    found = best(errors)
    np.testing.assert_array_equal(found.wrong, errors[2])
    assert found.optimistic == pytest.approx(0.1) == found.error


def test_an_image_too_few_saw_has_no_group() -> None:
    answers = make(people=4, images=30)
    fewer = tuple(t for t in answers.trials if t.item != "image 3" or t.person in ("P1", "P2"))
    found = by_key(replace(answers, trials=fewer))
    assert np.isnan(found["plurality 3"].wrong[3])
    assert found["plurality 3"].images == 29
    assert np.isfinite(found["average"].wrong[3])


def test_several_guesses_and_sets() -> None:
    truth = {"a": frozenset({"cat"}), "b": frozenset({"dog", "owl"})}
    given = {
        "P1": (("dog", "cat"), ("dog", "owl")),
        "P2": (("owl", "cat"), ("owl", "dog")),
        "P3": (("dog", "owl"), ("dog",)),
    }
    trials = tuple(
        Trial(person, item, i, answers)
        for person, both in given.items()
        for i, (item, answers) in enumerate(zip("ab", both, strict=True))
    )
    ranked = by_key(Answers(CLASSES, ("a", "b"), truth, trials, guesses=2))
    assert ranked["plurality 3"].wrong == pytest.approx([1 / 3, 0])  # cat, dog, owl: two each
    assert "consensus" not in ranked
    sets = by_key(Answers(CLASSES, ("a", "b"), truth, trials, scoring="exact"))
    assert sets["plurality 3"].wrong == pytest.approx([1, 0])  # {dog, owl} twice, {dog} once
    assert sets["average"].error == pytest.approx(4 / 6)


def test_a_crowd() -> None:
    answers = make(people=5, images=40)
    votes = np.zeros((40, 4), int)
    for trial in answers.trials:
        votes[answers.items.index(trial.item), CLASSES.index(trial.answers[0])] += 1
    single, crowd = by_key(answers), by_key(replace(answers, trials=(), crowd=votes))
    assert list(crowd) == ["average", "plurality 3", "plurality all"]
    assert crowd["average"].error == pytest.approx(single["average"].error)
    np.testing.assert_allclose(crowd["plurality 3"].wrong, single["plurality 3"].wrong)
    np.testing.assert_allclose(crowd["plurality all"].wrong, single["plurality 5"].wrong)


def test_nobody() -> None:
    with pytest.raises(DataError, match="nobody has answered"):
        estimands(replace(make(), trials=()))
    with pytest.raises(DataError, match="in place of trials"):
        replace(make(), crowd=np.ones((120, 4), int))
    with pytest.raises(DataError, match=r"shape \(120, 4\)"):
        replace(make(), trials=(), crowd=np.ones((3, 4), int))
