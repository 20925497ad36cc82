"""A thousand classes with thirteen examples each, in the browser."""

import statistics
from typing import Any

import pytest

from glassnet.humans.bench import Bench, Benches
from glassnet.humans.build import Body
from glassnet.humans.images import fingerprint, padded, to_png
from glassnet.humans.manifest import Class, Item, Manifest
from tests.web.pictures import picture, strip
from tests.web.test_browser_work import begin, given, press, ready

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GROUPS, EACH = 40, 25
LENGTH = 200_000


@pytest.fixture(scope="module")
def thousand(benches: Benches) -> Bench:
    """13,000 generated pictures as examples, 1,000 classes in 40 groups, four test images."""
    classes = tuple(
        Class(f"kind {g:02}-{k:02}", ("thing", f"group {g:02}"), f"also called g{g}k{k}")
        for g in range(GROUPS)
        for k in range(EACH)
    )
    shown = [picture(10_000_000 + i, 256) for i in range(4)]
    items = tuple(
        Item(f"image {i}", "test", (classes[i].name,), fingerprint(image))
        for i, image in enumerate(shown)
    )
    manifest = Manifest(
        "thousand", "imagenet-top5", "A thousand kinds", "generated pictures", classes, items,
        "We look at pages.", {c.name: tuple(map(str, range(13))) for c in classes},
        choice="ranked", guesses=5, length=LENGTH,
    )  # fmt: skip
    bodies = [Body("strip", str(i), strip(i)) for i in range(len(classes))]
    bodies += [Body("shown", f"image {i}", padded(to_png(p), LENGTH)) for i, p in enumerate(shown)]
    benches.add(manifest, bodies)
    return benches.get("thousand")


TIME_A_KEY = """() => {
    window.took = new Promise((resolve) => addEventListener("keydown", (event) => {
        const after = () => setTimeout(() => resolve(performance.now() - event.timeStamp));
        requestAnimationFrame(after);
    }, { once: true, capture: true }));
}"""


def latency(page: Any, key: str) -> float:
    """Milliseconds from a key's event to the end of the frame that shows what it did."""
    page.evaluate(TIME_A_KEY)
    page.keyboard.press(key)
    return page.evaluate("took")


def first_image(page: Any) -> float:
    """Milliseconds from asking for the page to an image that can be answered."""
    page.reload()
    ready(page, 1)
    return page.evaluate("performance.now()")


def test_a_thousand_classes(page: Any, thousand: Bench, record_property: Any) -> None:
    begin(page, thousand)
    painted = min(first_image(page) for _ in range(5))
    assert page.locator("[role=option]").count() == 1000

    times = [latency(page, key) for key in ("ArrowDown", "PageDown", "ArrowDown", "ArrowUp") * 5]
    times += [latency(page, key) for key in "kind 17-03"]
    options = page.locator("[role=option]:visible")
    assert options.first.inner_text().startswith("kind 17-03")
    times.append(latency(page, "Enter"))
    assert page.locator("#picked li span").all_inner_texts() == ["kind 17-03"]

    for key in "g9k9":
        times.append(latency(page, key))
    times.append(latency(page, "Enter"))
    assert page.locator("#picked li span").all_inner_texts() == ["kind 17-03", "kind 09-09"]

    times.append(latency(page, "ArrowLeft"))  # folds the group
    assert page.locator(".fold", has_text="group 09").get_attribute("aria-expanded") == "false"
    times.append(latency(page, "ArrowRight"))
    assert page.locator(".fold[aria-expanded=false]").count() == 0
    record_property("milliseconds to the first image", painted)  # docs/human-bench.md has them
    record_property("milliseconds from a key to the screen", statistics.median(times))


def test_the_list_scrolls_without_loading_it_all(page: Any, thousand: Bench) -> None:
    sheets: list[str] = []
    page.on("request", lambda r: sheets.append(r.url) if "/examples/" in r.url else None)
    begin(page, thousand)
    page.wait_for_timeout(500)
    assert 3 <= len(sheets) < 100
    page.locator("#classes").evaluate("box => box.scrollTo(0, box.scrollHeight / 2)")
    page.wait_for_timeout(800)
    loaded = page.locator("img.strip").evaluate_all(
        "all => all.filter(i => i.complete && i.naturalWidth === 1248).length"
    )
    assert 6 <= loaded < 200
    assert any(url.endswith("/examples/500") for url in sheets)


def test_to_the_end_by_keys_alone(page: Any, thousand: Bench) -> None:
    begin(page, thousand)
    wanted = [("kind 03-14", "kind 39-24"), ("kind 00-00",), ("kind 20-20",), ("kind 01-01",)]
    for number, names in enumerate(wanted, 1):
        ready(page, number)
        for name in names:
            page.keyboard.type(name.split()[1])
            page.keyboard.press("Enter")
        page.keyboard.type("05-05")
        page.keyboard.press("Enter")
        page.keyboard.press("Backspace")  # takes the last guess back
        if number < len(wanted):
            press(page, "Enter")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    sessions = thousand.sessions()
    assert sessions[-1].state == "locked"
    assert given(thousand) == wanted
