"""`glassnet serve --demo`, from its first start on."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.web import serving
from tests.web.test_browser_work import ready

pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_demo_in_two_minutes(tmp_path: Path, chromium: Any) -> None:
    """From the first start to one's own error beside the network's, on the same twenty digits."""
    start = time.monotonic()
    server = serving.serve(tmp_path, "--demo", "--runs", tmp_path / "runs")
    page = chromium.new_page(base_url=server.url)
    page.goto("/")
    page.get_by_role("button", name="Label 20 digits").click()
    page.get_by_label("No, as far as I know").check()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Begin").click()
    for number in range(1, 21):
        ready(page, number)
        page.keyboard.press(str(number % 10))
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("link", name="See the answers").click()
    page.get_by_role("heading", name="You and the network, on the same 20 images").wait_for()
    scores = page.locator(".score")
    assert scores.count() == 2
    assert "You" in scores.first.inner_text()
    assert "of 20 wrong" in scores.nth(1).inner_text()
    assert page.locator(".trial img").first.evaluate("image => image.naturalWidth") > 0
    taken = time.monotonic() - start
    page.close()
    assert serving.stop(server) == 0
    assert taken < 100  # the rest of two minutes is for looking at twenty digits
