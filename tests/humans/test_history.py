import pytest

from glassnet.errors import DataError
from glassnet.humans.comparison import compare_all
from glassnet.humans.estimands import estimands
from glassnet.humans.history import history, year
from tests.humans.crowds import make


@pytest.mark.parametrize(
    ("text", "when"), [("2017", 2017.5), ("2017-05", 2017.375), ("2017-07-02", 2017.5)]
)
def test_dates(text: str, when: float) -> None:
    assert year(text) == pytest.approx(when, abs=0.002)


@pytest.mark.parametrize("text", ["", "May 2017", "2017-13", "2017-02-30", "2017-01-01-01"])
def test_no_dates(text: str) -> None:
    with pytest.raises(DataError, match="give a year"):
        year(text)


def test_records_by_date() -> None:
    answers = make(networks={"first": 0.5, "slip": 0.7, "last": 0.1})
    errors = {name: 1 - answers.model_correct(name) for name in answers.models}
    points = history(answers.models, compare_all(estimands(answers)[:1], errors))
    assert [(p.name, p.record) for p in points] == [
        ("first", True), ("slip", False), ("last", True),
    ]  # fmt: skip
    assert points[2].interval.low < points[2].error < points[2].interval.high
