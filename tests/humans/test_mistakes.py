from dataclasses import replace

import numpy as np
import pytest

from glassnet.humans.answers import Answers, ModelAnswers, Trial
from glassnet.humans.mistakes import NO_ANSWER, beside, confusion, people_said, share_wrong

CLASSES, ITEMS = ("cat", "dog", "owl"), ("a", "b", "c", "d", "e")
GIVEN = {
    "P1": ("cat", "dog", "cat", "", "owl"),
    "P2": ("dog", "dog", "owl", "cat", "owl"),
    "P3": ("dog", "dog", "owl", "cat", "dog"),
}
TRUE = ("cat", "dog", "cat", "dog", "owl")
NETWORK = ("cat", "owl", "owl", "dog", "owl")
ANSWERS = Answers(
    CLASSES,
    ITEMS,
    {item: frozenset({name}) for item, name in zip(ITEMS, TRUE, strict=True)},
    tuple(
        Trial(person, item, i, (name,) if name else ())
        for person, given in GIVEN.items()
        for i, (item, name) in enumerate(zip(ITEMS, given, strict=True))
    ),
    {"n": ModelAnswers({item: (name,) for item, name in zip(ITEMS, NETWORK, strict=True)})},
)


def test_who_errs_where() -> None:
    found = beside(ANSWERS, "n")
    assert (found.only_people, found.only_network, found.both, found.neither) == (2, 1, 1, 1)
    assert [missed.item for missed in found.people_missed] == ["d", "a"]  # the clearest first
    assert found.people_missed[0].people == (("cat", 2), (NO_ANSWER, 1))
    assert found.network_missed[0].item == "b" and found.network_missed[0].network == ("owl",)
    assert found.both_missed[0].people_wrong == pytest.approx(2 / 3)


def test_an_unseen_image_is_in_no_kind() -> None:
    trials = tuple(trial for trial in ANSWERS.trials if trial.item != "b")
    found = beside(replace(ANSWERS, trials=trials), "n")
    assert (found.only_people, found.only_network, found.both, found.neither) == (2, 0, 1, 1)


def test_confusions() -> None:
    assert confusion(ANSWERS).tolist() == [[2, 2, 2], [2, 3, 0], [0, 1, 2]]
    assert confusion(ANSWERS, "n").tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
    either = {**ANSWERS.truth, "a": frozenset({"cat", "dog"})}
    assert confusion(replace(ANSWERS, truth=either)).sum() == 11  # one answer is missing, a is out


def test_a_crowd_says_the_same() -> None:
    said = people_said(ANSWERS)
    counts = np.array([[said[item][name] for name in CLASSES] for item in ITEMS])
    crowd = replace(ANSWERS, trials=(), crowd=counts)
    assert confusion(crowd).tolist() == confusion(ANSWERS).tolist()
    np.testing.assert_allclose(share_wrong(crowd)[[0, 1, 2, 4]], share_wrong(ANSWERS)[[0, 1, 2, 4]])
