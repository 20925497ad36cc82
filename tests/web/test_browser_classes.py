"""A thousand classes with thirteen examples each, in the browser."""

from typing import Any

import pytest

from glassnet.humans.bench import Bench, Benches
from tests.web.test_browser_work import begin, given, press, ready
from tests.web.thousand import build

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def thousand(benches: Benches) -> Bench:
    return build(benches)


def test_a_thousand_classes(page: Any, thousand: Bench) -> None:
    begin(page, thousand)
    assert page.locator("[role=option]").count() == 1000
    active = page.locator("[aria-selected=true] .name")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowUp")
    assert active.inner_text() == "kind 00-07"

    page.keyboard.type("kind 17-03")
    options = page.locator("#found [role=option]")
    assert options.first.inner_text().startswith("kind 17-03")
    page.keyboard.press("Enter")
    assert page.locator("#picked li span").all_inner_texts() == ["kind 17-03"]
    assert active.inner_text() == "kind 17-03"  # in the panel now, among its like

    page.keyboard.type("g9k9")
    page.keyboard.press("Enter")
    assert page.locator("#picked li span").all_inner_texts() == ["kind 17-03", "kind 09-09"]

    page.keyboard.press("ArrowLeft")  # folds the group
    assert page.locator(".fold", has_text="group 09").get_attribute("aria-expanded") == "false"
    page.keyboard.press("ArrowRight")
    assert page.locator(".fold[aria-expanded=false]").count() == 0


def test_a_group_is_found_by_its_name(page: Any, thousand: Bench) -> None:
    begin(page, thousand)
    page.keyboard.type("group 31")
    assert page.get_by_role("status").first.inner_text() == "25 of 1000 classes fit"
    page.keyboard.press("PageDown")
    for _ in range(30):
        page.keyboard.press("ArrowDown")  # further than the rows that were made at first
    assert page.locator("#found [aria-selected=true] .name").inner_text() == "kind 31-24"


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
