"""The report in a real browser."""

from pathlib import Path
from typing import Any

import pytest

import glassnet as gn
from glassnet.train import Run

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report(chromium: Any, run: Run, tmp_path: Path, scheme: str) -> None:
    path = gn.report(run, path=tmp_path / "report.html")
    page = chromium.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
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
