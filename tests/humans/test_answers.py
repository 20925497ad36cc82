import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.answers import Answers, ModelAnswers, Trial

CLASSES = ("cat", "dog", "owl")
TRUTH = {"a": frozenset({"cat"}), "b": frozenset({"dog", "owl"})}


def answers(*trials: Trial, **options: object) -> Answers:
    return Answers(CLASSES, ("a", "b"), TRUTH, trials, **options)  # type: ignore[arg-type]


def trial(person: str, item: str, *given: str, confidence: float | None = None) -> Trial:
    return Trial(person, item, 0, given, confidence=confidence)


def test_right_and_wrong() -> None:
    table = answers(
        trial("p2", "a", "cat"), trial("p1", "a"), trial("p1", "b", "owl"),
    )  # fmt: skip
    assert table.people == ("p1", "p2")
    np.testing.assert_array_equal(table.correct, [[0, 1], [1, np.nan]])


def test_ranked_guesses_count_as_far_as_they_go() -> None:
    given = trial("p", "a", "dog", "cat")
    assert answers(given).correct[0, 0] == 0
    assert answers(given, guesses=2).correct[0, 0] == 1


def test_sets() -> None:
    given = [trial("p", "a", "cat", "dog"), trial("p", "b", "owl", "dog")]
    np.testing.assert_array_equal(answers(*given, scoring="exact").correct, [[0, 1]])


def test_models() -> None:
    model = ModelAnswers({"a": ("dog",)})
    np.testing.assert_array_equal(answers(models={"m": model}).model_correct("m"), [0, np.nan])


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([trial("p", "z", "cat")], {}, "'z', which is no item"),
        ([trial("p", "a", "cow")], {}, "'cow', not one of the 3 classes"),
        ([trial("p", "a"), trial("p", "a")], {}, "'p to a' stands here twice"),
        ([trial("p", "a", confidence=1.5)], {}, "must lie between 0 and 1"),
        ([], {"guesses": 0}, "at least 1"),
        ([], {"models": {"m": ModelAnswers({"z": ("cat",)})}}, "no answer to any"),
        ([], {"models": {"m": ModelAnswers({"a": ("cow",)})}}, "m's answer to a is 'cow'"),
    ],
)
def test_what_does_not_fit(given: list[Trial], options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        answers(*given, **options)


def test_every_item_has_a_truth() -> None:
    with pytest.raises(DataError, match="no truth is given for 'c'"):
        Answers(CLASSES, ("a", "c"), TRUTH, ())
    with pytest.raises(DataError, match="the item 'a' stands here twice"):
        Answers(CLASSES, ("a", "a"), TRUTH, ())
