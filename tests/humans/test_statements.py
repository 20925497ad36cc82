from dataclasses import replace

import pytest

from glassnet.humans.comparison import compare_all
from glassnet.humans.estimands import estimands
from glassnet.humans.statements import (
    conclusion,
    exclusions,
    p_value,
    points,
    signed,
    size,
    summary,
)
from glassnet.humans.verdict import Verdict
from tests.humans.crowds import make


@pytest.mark.parametrize(
    ("share", "text"), [(-0.018, "−1.8"), (0.1234, "+12.3"), (0.0, "0.0"), (-0.0001, "0.0")]
)
def test_points_have_their_sign(share: float, text: str) -> None:
    assert points(share) == text


def test_sizes_have_none() -> None:
    assert [size(share) for share in (-0.018, 0.0, 0.02)] == ["1.8", "0.0", "2.0"]


def test_numbers() -> None:
    assert [p_value(p) for p in (0.00002, 0.0213, 0.4567)] == [
        "p < 0.001", "p = 0.021", "p = 0.46",
    ]  # fmt: skip
    assert signed(-0.0281) == "−0.028"


def test_exclusions_are_counted_or_said_not_to_be() -> None:
    assert dict(exclusions({}))["Withdrew (answers erased)"] == "not reported"
    told = dict(exclusions({"withdrawn": 0, "excluded": {"too fast": 2}}))
    assert told["Withdrew (answers erased)"] == "0" and told["Left out: too fast"] == "2"
    assert dict(exclusions({"excluded": {}}))["Left out by the rules"] == "0"
    assert dict(exclusions({"completion_rate": "5 of 7"}))["Completed"] == "5 of 7"
    assert dict(exclusions({}))["Left out by the rules"] == "not reported"
    assert dict(exclusions({"excluded": 3}))["Left out by the rules"] == "3"


def test_sentences_for_every_verdict() -> None:
    answers = make(people=6, networks={"n": 0.1})
    human = estimands(answers)[0]
    (found,) = compare_all([human], {"n": 1 - answers.model_correct("n")})

    def sentence(verdict: Verdict, margin: float = 0.0, **changes: object) -> str:
        changed = replace(found, verdict=verdict, **changes)
        return conclusion(changed, human, 1, margin).replace("\u00a0", " ")

    assert sentence(Verdict("better")).startswith("n makes fewer errors than the average person:")
    assert "Holm" not in sentence(Verdict("better"))
    few = sentence(Verdict("too few images"))
    assert few.startswith("Too few images and people to tell n from the average person")
    assert "with a chance of 80 %; it should find" in few
    assert found.spread is not None
    people = replace(found.spread, between_people=found.spread.variance * 6)
    assert "more people help, not images" in sentence(Verdict("too few images"), spread=people)
    assert "It is shown to be worse by less than 2.0" in sentence(Verdict("not shown", True), 0.02)
    assert "It is not shown to be worse by less" in sentence(Verdict("not shown", False), 0.02)
    assert "worse by less" not in sentence(Verdict("worse", False), 0.02)


def test_the_whole_in_a_sentence() -> None:
    answers = make(people=4, networks={"bad": 0.6, "worse": 0.7})
    errors = {name: 1 - answers.model_correct(name) for name in answers.models}
    humans = estimands(answers)
    told = summary(humans, compare_all(humans, errors))
    assert told[0] == "Beside the average of these 4 people: all 2 networks are worse."
    assert len(told) == 5  # average, best, three, all, consensus
    one = {"bad": errors["bad"]}
    assert summary(humans, compare_all(humans, one))[0].endswith("bad is worse.")
    assert summary(humans, []) == []
    mixed = compare_all(humans[:1], {**errors, "perfect": errors["bad"] * 0})
    assert summary(humans, mixed)[0].endswith(
        "of 3 networks, 1 better (perfect), 2 worse (bad, worse)."
    )
