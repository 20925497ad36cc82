"""`glassnet serve --demo`, from its first start on."""

from pathlib import Path
from typing import Any

import pytest

from tests.web import serving
from tests.web.test_browser_work import ready

pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def label_twenty(page: Any) -> None:
    """Twenty digits by quick fingers, then one's own error beside the network's."""
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


def test_the_demo(tmp_path: Path, chromium: Any) -> None:
    """From the first start on; how long it takes is measured by benchmarks/humans_pages.py."""
    server = serving.serve(tmp_path, "--demo", "--runs", tmp_path / "runs")
    page = chromium.new_page(base_url=server.url)
    label_twenty(page)
    scores = page.locator(".score")
    assert scores.count() == 2
    assert "You" in scores.first.inner_text()
    assert "of 20 wrong" in scores.nth(1).inner_text()
    assert page.locator(".trial img").first.evaluate("image => image.naturalWidth") > 0
    page.close()
    assert serving.stop(server) == 0
