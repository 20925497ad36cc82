"""A participant's way through a bench, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import pytest

from glassnet.errors import Conflict, DataError, NotFound, Refused
from glassnet.humans.bench import Bench, Benches, Session, TrialView
from tests.humans.people import finish, join


@pytest.fixture
def bench(benches: Benches) -> Bench:
    return benches.create("digits", "digits", images=6, training=2)


def answer(session: Session, view: TrialView, *answers: str, **more: Any) -> Any:
    return session.answer(view.trial, view.token, view.revision, list(answers), 700, **more)


def test_the_way_through(bench: Bench) -> None:
    session = bench.accept(bench.invite(1)[0])
    assert session.state == "consent"
    with pytest.raises(Refused, match="consent"):
        session.current()
    session.consent(True)
    view = session.current()
    assert view is not None
    assert (view.phase, view.number, view.total, view.shows) == ("training", 1, 2, 1)
    truth = session.trials[0].truth[0]
    receipt = answer(session, view, truth)
    assert receipt.feedback is not None and receipt.feedback.right
    receipt = answer(session, receipt.next)
    assert receipt.feedback is not None and not receipt.feedback.right
    view = receipt.next
    assert (view.trial, view.phase, view.number, view.total) == (2, "test", 1, 6)
    while view is not None:
        receipt = answer(session, view, "7")
        assert receipt.feedback is None and not receipt.repeated
        view = receipt.next
    assert session.state == "done" and session.current() is None
    assert session.progress()["answered"] == 8
    session.lock()
    assert session.state == "locked"
    with pytest.raises(Refused, match="after the test is locked"):
        session.reveal()
    bench.lock()
    assert len(session.reveal()) == 6
    assert bench.verify() == []


def test_consent_is_needed_and_given_once(bench: Bench) -> None:
    session = bench.accept(bench.invite(1)[0])
    with pytest.raises(Refused, match="without consent"):
        session.consent(False)
    session.consent(True)
    with pytest.raises(Conflict):
        session.consent(True)


def test_the_same_answer_again_gets_its_receipt_again(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    assert view is not None
    first = answer(session, view, "1")
    again = answer(session, view, "1")
    assert again == replace(first, repeated=True)
    with pytest.raises(Conflict, match="otherwise"):
        answer(session, view, "2")
    assert [e.kind for e, _ in bench.records.entries(session.id)] == ["consent", "answer"]


def test_a_wrong_token_or_trial_is_refused(bench: Bench) -> None:
    session, other = join(bench), join(bench)
    view, theirs = session.current(), other.current()
    assert view is not None and theirs is not None
    for wrong in (
        replace(view, token=theirs.token),
        replace(view, trial=1),
        replace(view, trial=99),
        replace(view, trial=-1),
        replace(view, revision=1),
    ):
        with pytest.raises(Conflict):
            answer(session, wrong, "1")
    assert session.progress()["answered"] == 0


@pytest.mark.parametrize(
    ("answers", "more", "said"),
    [
        (["cow"], {}, "no class"),
        (["1", "2"], {}, "taken at most"),
        ("1", {}, "list of names"),
        (["1"], {"client_ms": -1}, "time to answer"),
        (["1"], {"client_ms": float("nan")}, "time to answer"),
        (["1"], {"confidence": 0.5}, "confidence"),
        (["1"], {"events": [{"kind": "theft"}]}, "event of kind"),
        (["1"], {"events": [{"kind": "blur"}] * 201}, "events at once"),
        (["1"], {"events": [{"kind": "blur", "ms": float("inf")}]}, "number of milliseconds"),
    ],
)
def test_answers_that_mean_nothing(
    here: Benches, answers: Any, more: dict[str, Any], said: str
) -> None:
    session = join(here.create("digits", "digits", images=3))
    view = session.current()
    assert view is not None
    with pytest.raises(DataError, match=said):
        session.answer(
            view.trial, view.token, view.revision, answers, **({"client_ms": 5.0} | more)
        )


def test_undo_keeps_both_answers_and_the_last_counts(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    for _ in range(4):
        assert view is not None
        view = answer(session, view, "1").next
    assert view is not None and (view.trial, view.can_undo) == (4, True)
    back = session.undo()
    assert (back.trial, back.revision, back.given) == (3, 1, ("1",))
    back = session.undo()
    assert (back.trial, back.revision) == (2, 1)
    with pytest.raises(Refused, match="taken back"):
        session.undo()  # the training phase told the truth
    after = answer(session, back, "2").next
    assert after is not None and (after.trial, after.revision, after.shows) == (4, 0, 2)
    entries = bench.records.entries(session.id, "answer")
    assert [(e.trial, e.revision) for e, _ in entries] == [(0, 0), (1, 0), (2, 0), (3, 0), (2, 1)]
    final = bench.records.final(session.id)
    assert (final[2]["answers"], final[3]["answers"]) == (["2"], ["1"])


def test_an_answer_is_undone_after_the_last_trial_too(bench: Bench) -> None:
    session = join(bench)
    finish(session)
    back = session.undo()
    assert session.state == "test"
    assert answer(session, back, "3").next is None
    session.lock()
    with pytest.raises(Refused, match="over"):
        session.undo()


def test_pause_and_resume_at_the_same_trial(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    assert view is not None and view.image is not None
    session.pause()
    session.pause()
    assert session.paused
    with pytest.raises(Refused, match="paused"):
        answer(session, view, "1")
    with pytest.raises(NotFound):
        session.image(view.image)
    again = bench.session(session.id).resume()
    assert again is not None
    assert (again.trial, again.token, again.image, again.shows) == (0, view.token, view.image, 2)
    answer(session, again, "1")
    kinds = [entry.kind for entry, _ in bench.records.entries(session.id)]
    assert kinds == ["consent", "pause", "resume", "shown", "answer"]


def test_an_image_that_may_be_shown_once_is_shown_once(here: Benches) -> None:
    session = join(here.create("brief", "digits", "forced-choice", images=4, training=0))
    view = session.current()
    assert view is not None and view.image is not None
    assert (view.fixation_ms, view.exposure_ms, view.mask_ms) == (300, 200, 200)
    assert session.image(view.image)
    again = session.current()  # the page was loaded again
    assert again is not None and again.image is None
    with pytest.raises(NotFound):
        session.image(view.image)
    following = answer(session, again, "1").next
    assert following is not None and following.image == again.preload
    assert session.image(following.image)
    back = session.undo()
    assert back.image is None


def test_images_are_one_s_own_and_only_in_time(bench: Bench) -> None:
    session, other = join(bench), join(bench)
    view, theirs = session.current(), other.current()
    assert view is not None and theirs is not None
    assert view.image is not None and view.preload is not None
    assert len({len(session.image(id)) for id in (view.image, view.preload)}) == 1
    for strange in (theirs.image, "", "x" * 22, bench.manifest.items[0].name):
        with pytest.raises(NotFound):
            session.image(str(strange))
    after = answer(session, view, "1").next
    with pytest.raises(NotFound):
        session.image(view.image)
    finish(session)
    with pytest.raises(NotFound):
        session.image(after.image)
    bench.lock()
    assert session.image(view.image)


def test_a_page_is_told_no_truth(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    told = repr(bench.manifest.public())
    while view is not None:
        receipt = answer(session, view, "1")
        told += repr(asdict(view))
        view = receipt.next
    for item in bench.manifest.items:
        assert item.name not in told and item.sha256 not in told
    assert "truth" not in told


def test_each_person_has_an_order_of_their_own(bench: Bench) -> None:
    orders = [[item.name for item in join(bench).trials] for _ in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    assert len({frozenset(order[:2]) for order in orders}) == 1  # training comes first
    assert orders[0] == [item.name for item in bench.sessions()[0].trials]


def test_events_are_logged(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    assert view is not None
    session.record([{"kind": "offline", "ms": 3}])
    answer(session, view, "1", events=[{"kind": "blur", "ms": 20}, {"kind": "focus", "ms": 90.24}])
    [(_, content)] = bench.records.entries(session.id, "answer")
    assert content["events"] == [{"kind": "blur", "ms": 20.0}, {"kind": "focus", "ms": 90.2}]
    [(entry, content)] = bench.records.entries(session.id, "events")
    assert (entry.trial, content["events"]) == (0, [{"kind": "offline", "ms": 3.0}])


def test_both_clocks(bench: Bench) -> None:
    session = join(bench)
    view = session.current()
    assert view is not None
    session.answer(view.trial, view.token, view.revision, ["1"], 123.44)
    [(_, content)] = bench.records.entries(session.id, "answer")
    assert content["client_ms"] == 123.4
    assert 0 <= content["server_ms"] < 10_000


def test_a_late_answer_counts_as_none(here: Benches) -> None:
    timing = {"deadline_ms": 1000}
    bench = here.create("timed", "digits", images=2, changes={"timing": timing})
    session = join(bench)
    view = session.current()
    assert view is not None
    truth = session.trials[0].truth[0]
    session.answer(view.trial, view.token, view.revision, [truth], 1001)
    finish(session)
    bench.lock()
    late, intime = session.reveal()
    assert (late.answers, late.right) == ((), False)
    assert (intime.answers, intime.right) == (session.trials[1].truth, True)


def test_confidence_is_asked_where_the_protocol_asks(here: Benches) -> None:
    bench = here.create("sure", "digits", images=2, changes={"confidence": True})
    session = join(bench)
    view = session.current()
    assert view is not None and view.confidence
    with pytest.raises(DataError, match="how sure"):
        answer(session, view, "1")
    with pytest.raises(DataError, match="from 0 to 1"):
        answer(session, view, "1", confidence=1.1)
    answer(session, view, "1", confidence=0.75)
    [content] = bench.records.final(session.id).values()
    assert content["confidence"] == 0.75


def test_withdrawal_erases_the_content_and_the_chain_still_holds(bench: Bench) -> None:
    session, stays = join(bench), join(bench)
    finish(session)
    finish(stays)
    session.withdraw()
    session.withdraw()
    assert session.state == "withdrawn"
    assert bench.records.entries(session.id) == []
    assert bench.verify() == []
    assert bench.status()["withdrawn"] == 1
    for deed in (session.current, session.undo, session.reveal, session.lock):
        with pytest.raises(Refused, match="withdrawn"):
            deed()
    bench.lock()
    found = bench.analysis()
    assert found.people == (stays.person,)
    assert found.facts["withdrawn"] == 1


def test_tags_after_the_lock(bench: Bench) -> None:
    session = join(bench)
    finish(session, lambda trial: ["8"])
    with pytest.raises(Refused):
        session.tag(2, ["fine"])
    bench.lock()
    session.tag(2, ["fine"])
    session.tag(2, ["label", "other"], "it is a nine")
    with pytest.raises(DataError, match="cause"):
        session.tag(2, ["bad luck"])
    with pytest.raises(NotFound):
        session.tag(99, ["fine"])
    shown = session.reveal()[0]
    assert (shown.trial, shown.causes, shown.note) == (2, ("label", "other"), "it is a nine")
    facts = bench.analysis().facts
    assert facts["wrong_labels"] == {session.trials[2].name: ["it is a nine"]}
    assert facts["causes"]["participants"] == {"the given label is wrong": 1, "something else": 1}


def test_many_at_once_lose_and_double_nothing(bench: Bench) -> None:
    people = [join(bench) for _ in range(12)]
    views = [person.current() for person in people]

    def twice(k: int) -> list[Any]:
        view = views[k // 2]
        assert view is not None
        return [people[k // 2], answer(people[k // 2], view, "4")]

    with ThreadPoolExecutor(24) as pool:
        receipts = list(pool.map(twice, range(24)))
    assert sum(receipt.repeated for _, receipt in receipts) == 12
    assert all(len(bench.records.entries(p.id, "answer")) == 1 for p in people)
    assert bench.verify() == []
