"""The page people work in, as a person at a keyboard, a mouse or a tablet uses it."""

import csv
import json
from typing import Any

import pytest

from glassnet.humans.bench import Bench
from tests.web.conftest import CLASSES, Make

pytestmark = pytest.mark.browser


def begin(page: Any, bench: Bench) -> None:
    """From the invitation to the first image."""
    page.goto(f"/join/{bench.invite()[0]}")
    page.get_by_role("button", name="Open it on this device").click()
    page.get_by_label("No, as far as I know").check()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Begin").click()
    ready(page, 1)


def ready(page: Any, number: int) -> None:
    """Wait until image `number` can be answered."""
    page.wait_for_function(
        """number => document.getElementById("count")?.textContent.startsWith(`${number} of`) &&
        document.querySelector("#chooser[aria-busy=false]")""",
        arg=number,
    )


def press(page: Any, *keys: str) -> None:
    """Keys, each when the next image can be answered."""
    for key in keys:
        at = int(page.locator("#count").inner_text().split()[0])
        page.keyboard.press(key)
        page.wait_for_function(
            "at => !document.getElementById('count')?.textContent.startsWith(`${at} of`)", arg=at
        )
        if page.locator("#count").count():
            ready(page, at + 1)


def given(bench: Bench) -> list[tuple[str, ...]]:
    """The answers of the bench's only participant, in order."""
    bench.lock()
    return [trial.answers for trial in bench.sessions()[-1].reveal()]


def pixels(page: Any) -> int:
    """How many pixels of the canvas are painted."""
    return page.evaluate(
        """() => { const c = document.getElementById("image");
        const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        return data.filter((value, i) => i % 4 === 3 && value).length }"""
    )


def test_keys_and_buttons_to_the_end(page: Any, make: Make) -> None:
    bench = make(images=4)
    begin(page, bench)
    assert pixels(page) == bench.manifest.display.side**2
    press(page, "1", "3")
    page.get_by_role("button", name="dragon").click()
    ready(page, 4)
    page.keyboard.press("2")
    page.get_by_role("heading", name="That was the last image").wait_for()
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert given(bench) == [("apple",), ("candle",), ("dragon",), ("bridge",)]
    person = bench.sessions()[0]
    assert person.state == "locked"


def test_undo_shows_what_was_answered_and_keeps_both(page: Any, make: Make) -> None:
    bench = make(images=4)
    begin(page, bench)
    press(page, "1")
    page.keyboard.press("Backspace")
    ready(page, 1)
    assert page.locator("#before").inner_text() == "You had answered: apple"
    press(page, "2", "2")
    page.get_by_role("button", name="Undo").click()
    ready(page, 2)
    press(page, "4", "1")
    page.keyboard.press("1")
    page.get_by_role("button", name="Back to the last image").click()
    ready(page, 4)
    page.keyboard.press("3")
    page.get_by_role("button", name="Hand in").click()
    assert given(bench) == [("bridge",), ("dragon",), ("apple",), ("candle",)]


def test_a_pause_covers_the_image_and_a_closed_laptop_comes_back(page: Any, make: Make) -> None:
    bench = make(images=4)
    begin(page, bench)
    press(page, "1")
    page.keyboard.press("Escape")
    veil = page.get_by_role("dialog", name="Paused")
    veil.wait_for()
    assert pixels(page) == 0
    page.keyboard.press("1")  # answers nothing
    page.reload()
    veil.wait_for()
    assert pixels(page) == 0
    page.keyboard.press("Enter")
    ready(page, 2)
    assert pixels(page) > 0
    page.reload()
    ready(page, 2)
    press(page, "2")
    assert page.locator("#count").inner_text() == "3 of 4"


def test_both_clocks_and_the_window_that_was_left(page: Any, make: Make, tmp_path: Any) -> None:
    bench = make(images=2)
    begin(page, bench)
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    page.wait_for_timeout(400)
    press(page, "1")
    page.keyboard.press("2")
    page.get_by_role("button", name="Hand in").click()
    bench.lock()
    bench.export(tmp_path / "answers.csv")
    with open(tmp_path / "answers.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["blurred"] for row in rows] == ["1", "0"]
    assert 400 <= float(rows[0]["client_ms"]) <= float(rows[0]["server_ms"]) + 50


def test_a_key_that_is_held_answers_once(page: Any, make: Make) -> None:
    begin(page, make(images=4))
    page.keyboard.down("1")
    ready(page, 2)
    for _ in range(5):
        page.keyboard.down("1")  # what a keyboard sends on and on
    page.wait_for_timeout(300)
    assert page.locator("#count").inner_text() == "2 of 4"
    page.keyboard.up("1")
    press(page, "1")


def test_withdrawing_in_a_pause(page: Any, make: Make) -> None:
    bench = make(images=4)
    begin(page, bench)
    press(page, "1")
    page.keyboard.press("Escape")
    page.get_by_text("Withdraw from this test").click()
    page.get_by_role("button", name="Erase my answers").click()
    page.get_by_role("heading", name="You have withdrawn").wait_for()
    assert bench.status()["withdrawn"] == 1


def test_a_test_that_ends_while_one_works(page: Any, make: Make) -> None:
    bench = make(images=4)
    begin(page, bench)
    bench.lock()
    page.keyboard.press("1")
    page.get_by_role("heading", name="This session has stopped").wait_for()
    page.get_by_role("link", name="Load again").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    page.complaints.clear()


def test_confidence(page: Any, make: Make) -> None:
    bench = make(images=2, changes={"confidence": True})
    begin(page, bench)
    page.keyboard.press("3")
    page.get_by_role("group", name="How sure are you?").wait_for()
    press(page, "4")
    page.keyboard.press("1")
    page.get_by_role("button", name="100 %").click()
    page.get_by_role("button", name="Hand in").click()
    bench.lock()
    assert [trial.confidence for trial in bench.analysis(exclude=False).trials] == [0.8, 1.0]


def test_five_ranked_guesses(page: Any, make: Make) -> None:
    bench = make(images=2, changes={"choice": "ranked", "guesses": 3})
    begin(page, bench)
    for key in "312":
        page.keyboard.press(key)
    guesses = page.locator("#picked li span")
    assert guesses.all_inner_texts() == ["candle", "apple", "bridge"]
    page.keyboard.press("4")  # no more than three
    page.get_by_role("button", name="Raise bridge").click()
    page.get_by_role("button", name="Take out candle").click()
    assert guesses.all_inner_texts() == ["bridge", "apple"]
    press(page, "Enter")
    page.keyboard.press("4")
    page.get_by_role("button", name="Done with this image").click()
    page.get_by_role("button", name="Hand in").click()
    assert given(bench) == [("bridge", "apple"), ("dragon",)]


def test_all_that_apply(page: Any, make: Make) -> None:
    bench = make("multi-label", images=1)
    begin(page, bench)
    for key in "1421":
        page.keyboard.press(key)
    assert page.locator("#picked li").all_inner_texts() != []
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Hand in").click()
    assert [set(answers) for answers in given(bench)] == [{"dragon", "bridge"}]


def test_the_given_label_is_wrong(page: Any, make: Make) -> None:
    bench = make("multi-label", images=1, changes={"show_label": True})
    begin(page, bench)
    assert page.locator("#given-name").inner_text() in CLASSES
    page.keyboard.press("2")
    page.get_by_label("The given label is wrong").check()
    page.get_by_label("Why").fill("it is a 3 of something")
    assert page.locator("#picked li").count() == 1  # letters in the field are no keys
    page.get_by_role("button", name="Done with this image").click()
    page.get_by_role("button", name="Hand in").wait_for()


def test_a_glance_and_a_mask(page: Any, make: Make) -> None:
    bench = make("forced-choice", images=3)
    page.add_init_script(
        """const draw = CanvasRenderingContext2D.prototype.drawImage;
        const put = CanvasRenderingContext2D.prototype.putImageData;
        window.seen = [];
        CanvasRenderingContext2D.prototype.drawImage = function (...a) {
            seen.push(["image", performance.now()]); return draw.apply(this, a) };
        CanvasRenderingContext2D.prototype.putImageData = function (...a) {
            seen.push(["mask", performance.now()]); return put.apply(this, a) };"""
    )
    begin(page, bench)
    seen = page.evaluate("seen")
    assert [kind for kind, _ in seen] == ["image", "mask"]
    asked = bench.manifest.timing.exposure_ms
    assert asked is not None
    assert asked - 20 < seen[1][1] - seen[0][1] < asked + 250  # a busy machine drops frames
    assert pixels(page) == 0
    page.reload()  # seen once is seen once
    ready(page, 1)
    assert page.locator("#memory").is_visible()
    press(page, "1", "2")
    page.keyboard.press("3")
    page.get_by_role("button", name="Hand in").wait_for()


def test_training_with_feedback(page: Any, make: Make) -> None:
    bench = make(images=2, training=2, exemplars=3)
    begin(page, bench)
    assert page.locator("#phase").inner_text() == "Training"
    for number in (1, 2):
        ready(page, number)
        page.keyboard.press("1")
        verdict = page.locator("#verdict")
        verdict.wait_for()
        assert verdict.inner_text().startswith(("Right: apple", "It is: "))
        page.locator("#examples").wait_for()
        page.keyboard.press("Enter")
        page.locator("#feedback").wait_for(state="hidden")
    ready(page, 1)
    assert page.locator("#phase").inner_text() == ""
    press(page, "1")


def test_a_line_that_fails_loses_nothing(page: Any, make: Make) -> None:
    bench = make(images=3)
    begin(page, bench)
    failures = iter([True, True, False])

    def unreliable(route: Any) -> None:
        if next(failures, False):
            route.fulfill(status=503, body="{}", content_type="application/json")
        else:
            route.continue_()

    page.route("**/work/answer", unreliable)
    page.keyboard.press("2")
    page.get_by_role("alert").filter(has_text="nothing is lost").wait_for()
    ready(page, 2)
    assert page.locator("#trouble").is_hidden()
    press(page, "3")
    assert [one["answered"] for one in bench.status()["people"]] == [2]
    assert all("503" in text for text in page.complaints)
    page.complaints.clear()


def test_a_tablet(chromium: Any, url: str, make: Make) -> None:
    bench = make(images=3)
    context = chromium.new_context(
        base_url=url, viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    begin(page, bench)
    buttons = page.locator("#chooser button")
    boxes = [button.bounding_box() for button in buttons.all()]
    assert all(box["height"] >= 44 and box["width"] >= 44 for box in boxes)
    assert all(box["y"] + box["height"] <= 1180 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= 820
    buttons.nth(2).tap()
    ready(page, 2)
    screen = json.loads(page.evaluate("JSON.stringify([screen.width, screen.height])"))
    assert screen == [820, 1180]
    context.close()
