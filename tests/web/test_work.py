"""The participant's pages and JSON, without a browser."""

import io

import pytest
from PIL import Image

from tests.web.conftest import CLASSES, Make
from tests.web.serving import Person


def start(person: Person, bench) -> dict:
    person.join(bench.invite()[0])
    return person.get("/work/turn").json()


def test_from_the_invitation_to_the_answers(person: Person, make: Make) -> None:
    bench = make()
    token = bench.invite()[0]
    assert "Open it on this device" in person.get(f"/join/{token}").text
    assert "Before you begin" in person.form(f"/join/{token}").text
    assert bench.manifest.consent.splitlines()[0] in person.get("/work").text
    page = person.form(
        "/work/consent", agree="yes", seen="no",
        screen='{"screen": [1280, 800], "window": [1200, 700], "ratio": 1.5, "touch": false}',
    ).text  # fmt: skip
    assert 'id="image"' in page
    panel = person.get("/work/panel").json()
    assert [c["name"] for c in panel["classes"]] == CLASSES
    assert [c["key"] for c in panel["classes"]] == list("1234")

    turn = person.get("/work/turn").json()
    for i in range(8):
        assert (turn["trial"]["number"], turn["trial"]["total"]) == (i + 1, 8)
        body = person.get(f"/work/image/{turn['trial']['image']}")
        assert body.headers["cache-control"] == "no-store"
        side = bench.manifest.display.side
        assert Image.open(io.BytesIO(body.content)).size == (side, side)
        answered = person.answer(turn, CLASSES[i % 4]).json()
        assert answered["feedback"] is None
        turn = answered["turn"]
    assert turn["trial"] is None
    assert "That was the last image" in person.get("/work").text
    assert "Thank you" in person.form("/work/hand-in").text
    assert person.get("/answers").status_code == 403

    bench.lock()
    page = person.get("/answers").text
    assert page.count('class="trial"') == 8
    assert person.post("/answers/tag", {"trial": 0, "causes": ["small"], "note": "so"}).json() == {
        "saved": True
    }
    assert 'value="small" checked' in person.get("/answers").text


def test_an_answer_that_is_sent_again(person: Person, make: Make) -> None:
    turn = start(person, make())
    once, again = (person.answer(turn, "apple").json() for _ in range(2))
    assert once["hash"] == again["hash"]
    assert person.answer(turn, "bridge").status_code == 409


def test_undo_pause_and_reload(person: Person, make: Make) -> None:
    turn = start(person, make())
    person.answer(turn, "apple")
    undone = person.post("/work/undo").json()["trial"]
    assert (undone["number"], undone["revision"], undone["given"]) == (1, 1, ["apple"])
    assert person.answer({"trial": undone}, "bridge").status_code == 200
    assert person.post("/work/pause").json() == {"paused": True}
    assert person.get("/work/turn").json() == {"paused": True}
    assert person.post("/work/answer", {}).status_code == 422
    resumed = person.post("/work/resume").json()["trial"]
    assert resumed["number"] == 2
    assert person.get("/work/turn").json()["trial"]["number"] == 2


def test_training_tells_the_truth_and_the_test_does_not(person: Person, make: Make) -> None:
    turn = start(person, make(training=2, exemplars=2, images=4))
    assert turn["trial"]["phase"] == "training"
    told = person.answer(turn, "apple").json()
    assert told["feedback"]["right"] == (told["feedback"]["truth"] == ["apple"])
    turn = person.answer(told["turn"], "apple").json()["turn"]
    assert turn["trial"]["phase"] == "test"
    assert person.answer(turn, "apple").json()["feedback"] is None


def test_examples_of_a_class(person: Person, make: Make) -> None:
    start(person, make(exemplars=3))
    panel = person.get("/work/panel").json()
    strip = person.get(panel["classes"][1]["sheet"])
    side = panel["display"]["example"]
    assert Image.open(io.BytesIO(strip.content)).size == (3 * side, side)
    assert person.get("/work/examples/4").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": ["no such class"]},
        {"answers": ["apple", "bridge"]},
        {"client_ms": -1},
        {"client_ms": "soon"},
        {"events": [{"kind": "blur", "ms": 3, "truth": 1}]},
        {"events": [{"kind": "x" * 100, "ms": 3}]},
        {"trial": 5},
        {"token": "x"},
        {"extra": 1},
    ],
)
def test_what_is_not_an_answer(person: Person, make: Make, wrong: dict) -> None:
    turn = start(person, make())
    assert person.answer(turn, "apple", **wrong).status_code in (400, 409, 422)
    assert person.answer(turn, "apple").status_code == 200


def test_consent_must_be_given(person: Person, make: Make) -> None:
    token = make().invite()[0]
    person.get(f"/join/{token}")
    person.form(f"/join/{token}")
    assert person.get("/work/turn").json()["trial"] is None
    assert person.form("/work/consent", agree="no", seen="no").status_code == 403
    assert "Before you begin" in person.get("/work").text


def test_a_participant_withdraws(person: Person, make: Make) -> None:
    bench = make()
    turn = start(person, bench)
    person.answer(turn, "apple")
    assert "You have withdrawn" in person.form("/work/withdraw").text
    assert person.answer(turn, "apple").status_code in (403, 409)
    assert bench.status()["withdrawn"] == 1
    assert bench.verify() == []


def test_an_invitation_works_once(app, person: Person, make: Make) -> None:
    bench = make()
    token = bench.invite()[0]
    person.join(token)
    assert person.get(f"/join/{token}").status_code == 410
    assert person.form(f"/join/{token}").status_code == 403
    assert person.get("/join/nonsense").status_code == 404
    assert len(bench.sessions()) == 1
