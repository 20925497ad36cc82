"""The report on people in a real browser."""

from pathlib import Path
from typing import Any

import pytest

from glassnet.humans.report import analyse
from tests.humans.crowds import make

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report(chromium: Any, tmp_path: Path, scheme: str) -> None:
    answers = make(people=4, images=40, networks={"weak": 0.5, "strong": 0.02}, confidence=True)
    path = analyse(answers).write(tmp_path / "report.html")
    page = chromium.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    second = page.locator("table.confusion").nth(1)
    second.locator("td.right").first.hover()
    assert page.locator(".readout").nth(1).inner_text().startswith("cat known as cat: ")
    assert page.locator(".readout").nth(0).inner_text().strip() == ""

    fold = page.locator("#differences ~ details")
    assert not fold.get_by_text("Beside a plurality of 3").is_visible()
    fold.locator("summary").click()
    assert fold.get_by_text("Beside a plurality of 3").is_visible()

    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
    page.close()
