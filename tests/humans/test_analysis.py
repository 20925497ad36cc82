"""From what was answered to the data of statistics: who counts, what counts, what is known."""

import csv
from pathlib import Path
from typing import Any

import pytest

from glassnet.errors import DataError
from glassnet.humans import checklist
from glassnet.humans.bench import Bench, Benches, Session
from glassnet.humans.export import harmless
from tests.humans.people import finish, join


@pytest.fixture
def bench(here: Benches) -> Bench:
    return here.create("digits", "digits", images=8, training=2, checks=2)


def test_the_test_alone_is_judged(bench: Bench) -> None:
    first, second = join(bench), join(bench)
    finish(first)
    finish(second, lambda trial: [])
    bench.lock()
    found = bench.analysis(exclude=False)
    assert found.people == ("P1", "P2") and len(found.items) == 8 and len(found.trials) == 16
    assert found.correct.tolist() == [[1.0] * 8, [0.0] * 8]
    orders = [t.order for t in found.trials if t.person == "P1"]
    assert orders == list(range(8))
    items = [t.item for t in found.trials if t.person == "P1"]
    assert items == [item.name for item in first.trials if item.kind == "test"]
    assert found.trials[0].seconds == 0.8


def test_the_last_revision_counts(here: Benches) -> None:
    bench = here.create("digits", "digits", images=2)
    session = join(bench)
    finish(session, lambda trial: [])
    view = session.undo()
    truth = list(session.trials[1].truth)
    session.answer(view.trial, view.token, view.revision, truth, 900)
    found = bench.analysis()
    assert [t.answers for t in found.trials] == [(), tuple(truth)]
    assert [t.seconds for t in found.trials] == [0.8, 0.9]


def fast(session: Session) -> None:
    work(session, ms=50)


def elsewhere(session: Session) -> None:
    work(session, events=[{"kind": "blur", "ms": 5}])


def careless(session: Session) -> None:
    """Right wherever it counts, and wrong at each attention check."""
    kinds = [item.kind for item in session.trials]
    work(session, wrong={i for i, kind in enumerate(kinds) if kind == "check"})


def gone(session: Session) -> None:
    work(session, most=4)


def work(
    session: Session,
    ms: float = 800,
    events: Any = (),
    wrong: Any = frozenset(),
    most: int = 99,
) -> None:
    view = session.current()
    while view is not None and view.trial < most:
        given = [] if view.trial in wrong else list(session.trials[view.trial].truth)
        view = session.answer(view.trial, view.token, view.revision, given, ms, events=events).next


@pytest.mark.parametrize(
    ("worker", "rule"),
    [
        (fast, "answered too fast"),
        (elsewhere, "was in other windows too often"),
        (careless, "failed attention checks"),
        (gone, "answered too few images"),
    ],
)
def test_the_rules_that_were_fixed_beforehand(bench: Bench, worker: Any, rule: str) -> None:
    good, bad = join(bench), join(bench)
    finish(good)
    worker(bad)
    found = bench.analysis()
    assert found.people == ("P1",)
    assert found.facts["excluded"] == {rule: 1}
    assert rule in found.facts["quality_checks"]
    assert bench.analysis(exclude=False).people == ("P1", "P2")


def test_who_knows_the_images_is_left_out(bench: Bench) -> None:
    finish(join(bench))
    knows = bench.accept(bench.invite(1)[0])
    knows.consent(True, seen_before=True, about={"age": "30 to 40"})
    finish(knows)
    found = bench.analysis()
    assert found.people == ("P1",)
    assert found.facts["seen_before"] == "1 of 2 people who were asked said so"
    assert found.facts["demographics"] == "age: 30 to 40 (1)"


def test_nobody_has_answered(bench: Bench) -> None:
    join(bench)
    with pytest.raises(DataError, match=r"nobody has answered .* glassnet humans invite digits"):
        bench.analysis()
    fast(join(bench))
    with pytest.raises(DataError, match=r"left out \(1 answered too fast\); .* export digits"):
        bench.analysis()


def test_all_that_apply_are_scored_as_a_set(here: Benches, tmp_path: Path) -> None:
    from tests.humans.test_images import photograph

    rows = ["path,label"]
    for k, label in enumerate(("cat|dog", "dog", "cat|cow|dog")):
        photograph(k).save(tmp_path / f"{k}.png")
        rows.append(f"{k}.png,{label}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    bench = here.create("multi", str(tmp_path / "list.csv"), "multi-label", images=3, checks=0)
    assert (bench.manifest.choice, bench.manifest.guesses) == ("all", 3)
    session = join(bench)
    finish(session, lambda t: ["dog", "cat"])
    bench.lock()
    found = bench.analysis()
    assert found.scoring == "exact"
    right = dict(zip(found.items, found.correct[0].tolist(), strict=True))
    assert right == {"0.png": 1.0, "1.png": 0.0, "2.png": 0.0}
    assert {r.truth: r.right for r in session.reveal()} == {
        ("cat", "dog"): True, ("dog",): False, ("cat", "cow", "dog"): False,
    }  # fmt: skip


def test_the_facts_are_for_the_checklist(bench: Bench) -> None:
    finish(join(bench))
    bench.state_facts({"ethics": "board 7", "pay": "none"})
    bench.state_facts({"pay": "a coffee"})
    facts = bench.analysis().facts
    assert (facts["ethics"], facts["pay"]) == ("board 7", "a coffee")
    assert (facts["invited"], facts["started"], facts["completed"]) == (1, 1, 1)
    assert facts["source"] == "the test images of digits (1,000 images)"
    assert facts["locked"] is False and facts["chains_hold"] is True
    filled = {f.field.key: f.text for f in checklist.fill(facts, {})}
    for key in (
        "sampling effort seen_before training items_in_one_sitting order_randomised "
        "quality_checks same_interface explanations instructions completion_rate ethics pay"
    ).split():
        assert filled[key] != checklist.NOT_REPORTED, key
    bench.lock()
    assert bench.analysis().facts["locked"] is True


def test_an_audit_of_labels(here: Benches) -> None:
    bench = here.create("audit", "digits", images=2, changes={"show_label": True})
    session = join(bench)
    view = session.current()
    assert view is not None and view.label == session.trials[0].truth[0]
    session.answer(view.trial, view.token, view.revision, ["1"], 9, wrong_label="it is a one")
    assert bench.analysis(exclude=False).facts["wrong_labels"] == {
        session.trials[0].name: ["it is a one"]
    }


def test_every_revision_is_a_row(bench: Bench, tmp_path: Path) -> None:
    session, gone = join(bench), join(bench)
    finish(session)
    view = session.undo()
    session.answer(view.trial, view.token, view.revision, [], 700, events=[{"kind": "hidden"}])
    finish(gone)
    gone.withdraw()
    path = tmp_path / "answers.csv"
    assert bench.export(path) == 13
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13 and {row["person"] for row in rows} == {"P1"}
    old, new = [row for row in rows if row["trial"] == "11"]
    assert (old["revision"], old["final"], old["correct"]) == ("0", "0", "1")
    assert (new["revision"], new["final"], new["correct"], new["blurred"]) == ("1", "1", "0", "1")
    assert (new["answer_1"], new["client_ms"]) == ("", "700.0")
    assert [row["phase"] for row in rows].count("training") == 2
    assert list(rows[0])[:10] == (
        "bench session person trial revision final phase item truth answer_1".split()
    )


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", '=HYPERLINK("http://x")']
)
def test_cells_are_harmless(cell: str) -> None:
    assert harmless(cell) == "'" + cell
    assert harmless("cat") == "cat" and harmless(-3.5) == -3.5 and harmless(None) is None


def test_a_class_that_is_a_formula_stays_a_class(here: Benches, tmp_path: Path) -> None:
    from tests.humans.test_images import photograph

    evil, script = '=HYPERLINK("http://x")', "<script>alert(1)</script>"
    for k in range(2):
        photograph(k).save(tmp_path / f"{k}.png")
    with open(tmp_path / "list.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], ["0.png", evil], ["1.png", script]])
    bench = here.create("evil", str(tmp_path / "list.csv"), images=2)
    assert set(bench.manifest.class_names) == {evil, script}
    finish(join(bench))
    bench.export(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'" + evil in cells and not any(cell.startswith("=") for cell in cells)
