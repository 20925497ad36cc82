"""Tags and adjudication: several judges, and nothing that tells who gave an answer."""

from dataclasses import asdict

import pytest

from glassnet.errors import DataError, NotFound, Refused
from glassnet.humans.answers import ModelAnswers
from glassnet.humans.bench import Bench, Benches
from glassnet.humans.rivals import keep
from tests.humans.people import finish, join


@pytest.fixture
def bench(benches: Benches) -> Bench:
    """Ten digits; a person says 1 to the first two of the source, a model 1 and 2."""
    made = benches.create("digits", "digits", images=10)
    items = [item.name for item in made.manifest.items]
    truth = {item.name: item.truth[0] for item in made.manifest.items}
    other = {name: next(d for d in "123" if d != truth[name]) for name in items}
    session = join(made)
    finish(
        session,
        lambda t: [other[n] if (n := session.trials[t].name) in items[:2] else truth[n]],
    )
    said = {name: (truth[name],) for name in items}
    said[items[1]] = (next(d for d in "456" if d != truth[items[1]]),)
    keep(made, "net", ModelAnswers(said))
    return made


def test_only_after_the_lock(bench: Bench) -> None:
    for deed in (
        lambda: bench.cases("A1"),
        lambda: bench.case_image("x"),
        lambda: bench.adjudicate("A1", "x"),
    ):
        with pytest.raises(Refused, match="after the test is locked"):
            deed()


def test_a_case_does_not_tell_who_answered(bench: Bench) -> None:
    bench.lock()
    cases = bench.cases("A1")
    assert len(cases) == 2
    assert sorted(len(case.answers) for case in cases) == [1, 2]
    told = repr([asdict(case) for case in cases])
    hidden = ["net", "P1", *(s.id for s in bench.sessions())]
    hidden += [item.name for item in bench.manifest.items]
    assert not any(f"'{name}'" in told for name in hidden)
    assert all(len(bench.case_image(c.image)) == bench.manifest.length for c in cases)
    with pytest.raises(NotFound):
        bench.case_image("guess")


def test_several_judge_and_most_decide(bench: Bench) -> None:
    bench.lock()
    case = next(case for case in bench.cases("A1") if len(case.answers) == 2)
    fine, wrong = case.answers
    for judge in ("A1", "A2", "A3"):
        bench.adjudicate(judge, case.id, [fine] if judge != "A3" else [], {wrong: ["fine"]})
    bench.adjudicate("A2", case.id, [fine], {wrong: ["small", "other"]}, True, "is a 7")
    [judged] = [c for c in bench.cases("A1") if c.judged]
    assert judged.id == case.id
    plain, accepting = bench.analysis(), bench.analysis(adjudicated=True)
    grown = {i for i in plain.items if plain.truth[i] != accepting.truth[i]}
    assert len(grown) == 1
    [item] = grown
    assert accepting.truth[item] == plain.truth[item] | {fine}
    facts = accepting.facts
    assert facts["adjudicators"] == ["A1", "A2", "A3"]
    assert facts["causes"]["adjudicators"] == {
        "classes that differ finely": 2,
        "small or thin object": 1,
        "something else": 1,
    }
    assert facts["wrong_labels"] == {item: ["is a 7"]}


def test_judgements_that_do_not_fit(bench: Bench) -> None:
    bench.lock()
    case = bench.cases("A1")[0]
    absent = next(d for d in "0123456789" if d not in case.answers)
    with pytest.raises(DataError, match="no answer to this image"):
        bench.adjudicate("A1", case.id, [absent])
    with pytest.raises(DataError, match="no answer to this image"):
        bench.adjudicate("A1", case.id, [], {absent: ["fine"]})
    with pytest.raises(DataError, match="no cause"):
        bench.adjudicate("A1", case.id, [], {case.answers[0]: ["luck"]})
    with pytest.raises(NotFound):
        bench.adjudicate("A1", "guess")
    assert not any(c.judged for c in bench.cases("A1"))


def test_each_adjudicator_has_an_order_of_their_own(here: Benches) -> None:
    bench = here.create("many", "digits", images=30)
    finish(join(bench), lambda trial: ["0"])
    bench.lock()
    orders = [[case.id for case in bench.cases(name)] for name in ("A1", "A2")]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])
