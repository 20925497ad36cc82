"""The report in a real browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import glassnet as gn
from glassnet.train import Run

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    with sync.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report(browser: Any, run: Run, tmp_path: Path, scheme: str) -> None:
    path = gn.report(run, path=tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())

    loaded = "Array.from(document.images).map(i => i.complete && i.naturalWidth > 0)"
    assert page.evaluate(loaded)
    assert all(page.evaluate(loaded))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    cell = page.locator("table.confusion tbody tr").first.locator("td.right")
    cell.hover()
    assert page.locator(".readout").inner_text().startswith("cat known as cat: ")
    page.locator("table.confusion td.wrong").first.click()
    assert " taken for " in page.locator(".readout").inner_text()

    colours = "[getComputedStyle(document.body).color, getComputedStyle(document.body).background]"
    ink, paper = page.evaluate(colours)
    assert (ink == "rgb(21, 24, 28)") == (scheme == "light")
    assert "rgb(20, 23, 27)" in paper or scheme == "light"

    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
    page.close()
