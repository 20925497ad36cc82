import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet.errors import DataError
from glassnet.humans.answers import ModelAnswers
from glassnet.humans.checklist import NOT_REPORTED
from glassnet.humans.published import geirhos
from glassnet.humans.report import FACTS, Report, analyse
from tests.humans.crowds import make
from tests.look.page import Page

FACTS_OF_A_BENCH = {
    "title": "Cats <b>& dogs",
    "withdrawn": 2,
    "excluded": {"attention checks failed": 1},
    "started": 9,
    "locked": True,
    "manifest": "ab" * 32,
    "chains_hold": True,
    "adjudicated": False,
    "screens": ["1280 x 800"],
    "wrong_labels": {"image 3": ["it is a fox"]},
    "ethics": "board 7",
    "causes": {"participants": {"label": 3}, "adjudicators": {"small": 4}},
}


def png(item: str) -> bytes | None:
    if item[-1] in "13579":
        return None
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def report() -> Report:
    answers = make(
        networks={"weak": 0.5, "like": 0.2, "strong": 0.02},
        confidence=True,
        facts=FACTS_OF_A_BENCH,
    )
    everyone = make(people=8, networks={"weak": 0.5, "like": 0.2, "strong": 0.02})
    return analyse(answers, seed=1, margin=0.02, everyone=everyone)


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return report.html(png)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_verdicts(report: Report) -> None:
    told = report.to_json()["verdicts"]
    assert told["weak"]["average"] == "worse"
    assert told["strong"]["average"] == "better"
    assert told["like"]["average"] in ("not shown", "too few images")
    assert set(told["weak"]) == {human.key for human in report.humans}


def test_each_network_has_its_sentence(report: Report) -> None:
    weak, like, strong = report.conclusions
    assert weak.startswith("weak makes more errors than the average person: ")
    assert "Holm over 3 networks" in strong and "on the same 120 images" in strong
    assert "to be worse by less than 2.0 points" in like
    found = report.comparison("average", "strong")
    assert found is not None and f"{100 * found.human_error:.1f}\u00a0%" in strong


def test_it_repeats() -> None:
    answers = make(people=5, images=40, networks={"n": 0.1})
    first, again = (analyse(answers, seed=1).to_json() for _ in range(2))
    assert first == again


def test_json(report: Report) -> None:
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["people"] == 6 and told["images"] == 120 and told["answers"] == 720
    assert told["primary"] == "average"
    assert len(told["comparisons"]) == 3 * len(told["estimands"])
    assert "wrong" not in told["estimands"][0]
    assert len(told["checklist"]) == 40
    assert told["exclusions"]["Withdrew (answers erased)"] == "2"
    assert told["exclusions"]["Began"] == "9" and "Finished" not in told["exclusions"]
    assert told["crowd"]["calibration"]["brier"] > 0
    assert [point["date"] for point in told["history"]] == ["2014", "2016-05", "2018-01-31"]
    assert any("nobody left out" in text for text in told["other_exclusions"])


def test_the_checklist_is_measured_stated_or_missing(report: Report) -> None:
    filled = {entry.field.key: entry.text for entry in report.checklist}
    assert filled["people"] == "6 people"
    assert filled["human_items"] == "120 images"
    assert filled["ethics"] == "board 7"
    assert filled["pay"] == NOT_REPORTED
    assert "crossed t" in filled["difference_tested"]
    assert "median" in filled["time_per_item"]
    assert "nobody left out" in filled["other_exclusions"]


def test_it_holds_no_address_and_no_program(page: Page, html: str) -> None:
    assert "http:" not in html and "https:" not in html
    assert "<script>alert" not in html and "<b>& dogs" not in html
    assert "<script>alert(1)</script>" in page.text("th")
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)


def test_it_is_well_formed_and_can_be_heard(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all(image.get("alt") for image in page.all("img"))
    assert all(svg.get("aria-label") for svg in page.all("svg"))
    assert all("scope" in th or th.get("aria-hidden") for th in page.all("th"))


def test_it_tells_everything(page: Page, report: Report) -> None:
    for title in (
        "The verdict",
        "Errors beside each other",
        "Differences, network less human",
        "Error by error",
        "What is taken for what",
        "Why they err",
        "The people",
        "Networks by date against the human line",
        "How many images and people",
        "What a report of a human baseline must state",
        "How it was computed",
    ):
        assert title in page.text("h2")
    text = page.text().replace("\u00a0", " ")
    for sentence in report.conclusions:
        assert sentence.replace("\u00a0", " ") in text
    for words in (
        "ab" * 32,
        "variational",
        "Tango",
        "not reported",
        "the given label is wrong",
        "every session's chain verifies",
        "1280 x 800",
        "of 1 image somebody",
    ):
        assert words in text
    assert "the test is not over" not in text.lower()
    assert len(page.all("svg")) == 4  # learning, speed, calibration, history


def test_pictures_where_there_are_some(page: Page) -> None:
    shown = [image for image in page.all("img") if (image["src"] or "").startswith("data:image")]
    assert 0 < len(shown) < page.text("span").count("network:")
    assert all(image["class"] == "pixels" for image in shown)  # 30 pixels, enlarged as they are


def test_without_networks_it_speaks_of_the_people(tmp_path: Path) -> None:
    report = analyse(make(people=3, images=40))
    assert report.compared == () and report.conclusions == ()
    text = Page(report.write(tmp_path / "r.html").read_text("utf-8")).text()
    assert "No network stands beside these people yet" in text
    assert "needs at least 5" in text  # the mixed model, refused
    assert "Error by error" not in text


def test_one_person_alone() -> None:
    report = analyse(make(people=1, images=60, networks={"n": 0.01}))
    assert report.primary.key == "person P1"
    text = Page(report.html()).text()
    assert "error consistency among people needs at least two" in text
    assert "confidence was not asked" in text
    assert "exact McNemar" in report.conclusions[0]


def test_an_unlocked_bench_is_said_to_be() -> None:
    answers = make(people=2, images=30, facts={"locked": False})
    assert "The test is not over." in Page(analyse(answers).html()).text()


def test_nobody_ever_errs() -> None:
    answers = make(people=6, images=50, error=1e-9, networks={"n": 1e-9})
    report = analyse(answers)
    assert report.to_json()["crowd"]["consistency"]["kappa"] is None
    text = Page(report.html()).text()
    assert "undefined: agreement by chance alone is 1.000" in text
    assert "Too few images" in report.conclusions[0]


def test_a_crowd(tmp_path: Path) -> None:
    answers = make(people=5, images=40, networks={"n": 0.05})
    votes = np.zeros((40, 4), int)
    for trial in answers.trials:
        votes[answers.items.index(trial.item), answers.classes.index(trial.answers[0])] += 1
    report = analyse(replace(answers, trials=(), crowd=votes))
    assert report.to_json()["answers"] == 200
    assert "known by their counts alone" in Page(report.html()).text()


def test_networks_that_say_how_sure_they_are() -> None:
    answers = make(people=2, images=25, networks={"n": 0.2, "silent": 0.2})
    sure = replace(answers.models["n"], confidence=dict.fromkeys(answers.items, 0.9))
    report = analyse(replace(answers, models={**answers.models, "n": sure}))
    assert set(report.people.sure) == {"n"}
    error = 1 - answers.model_correct("n").mean()
    assert report.people.sure["n"].gap == pytest.approx(abs(0.1 - error))
    assert "not known" in Page(report.html()).text("td")
    ranked = replace(answers, models={"n": sure}, guesses=2)
    assert analyse(ranked).people.sure == {}


def test_a_thousand_classes() -> None:
    """Ranked guesses among very many classes: no matrix, no consensus, a small page."""
    answers = make(people=3, images=20, networks={"n": 0.1}, guesses=5)
    many = replace(answers, classes=(*answers.classes, *(f"class {i}" for i in range(996))))
    report = analyse(many)
    assert "consensus" not in {human.key for human in report.humans}
    html = report.html()
    assert 'class="confusion"' not in html and "taken for" in html
    assert len(html) < 300_000
    single = analyse(replace(many, guesses=1))
    assert "consensus" not in {human.key for human in single.humans}


def test_margins_are_shares() -> None:
    with pytest.raises(DataError, match=r"0\.01 is one point"):
        analyse(make(people=1, images=5), margin=2)


def test_facts_are_described() -> None:
    assert all(FACTS.values())


@pytest.mark.data
def test_real_trials(shared_data: Path) -> None:
    """A person in a network's place is, rightly, not told from people."""
    answers = geirhos(shared_data / "human" / "model-vs-human" / "edge")
    held = "subject-04"
    given = {trial.item: trial.answers for trial in answers.trials if trial.person == held}
    report = analyse(
        replace(
            answers,
            trials=tuple(trial for trial in answers.trials if trial.person != held),
            models={"one of them": ModelAnswers(given)},
        )
    )
    assert report.to_json()["verdicts"]["one of them"]["average"] in ("not shown", "too few images")
    assert report.people.networks["one of them"].kappa == pytest.approx(0.32, abs=0.1)
