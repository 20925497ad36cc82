"""Whether the pages can be used without seeing them, without seeing them well, without a mouse."""

from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import CLASSES, Make
from tests.web.test_browser_work import begin, press, ready

pytestmark = pytest.mark.browser

AUDIT = (Path(__file__).parent / "audit.mjs").read_text("utf-8")
CALL = AUDIT.partition("\n() ")[1] + AUDIT.partition("\n() ")[2].rstrip(" ;\n")
LOOKS = {"light": ("light", ""), "dark": ("dark", ""), "high contrast": ("light", "high")}


def complaints(page: Any) -> list[str]:
    """What is wrong with the page as it stands, in each of its looks."""
    found = []
    for look, (scheme, contrast) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.evaluate("look => document.documentElement.dataset.contrast = look", contrast)
        found += [f"{look}: {text}" for text in page.evaluate(CALL)]
    return found


def test_the_audit_finds_what_is_wrong(page: Any) -> None:
    page.goto("/sign-in")
    page.evaluate(
        """() => { document.body.innerHTML = `<h1>a</h1><h1>b</h1><h3>c</h3><button></button>
        <input><img src="/static/icon.svg"><p id="x">t</p><p id="x">t</p><label for="gone">l</label>
        <canvas></canvas><p class="pale">pale</p>`;
        document.querySelector(".pale").style.color = "#bbb" }"""
    )
    found = " ".join(complaints(page))
    for word in ("not one main", "not one h1", "left out", "no name", "no label", "no alt",
                 "twice: #x", "leads nowhere", "contrast 1."):  # fmt: skip
        assert word in found, word


def test_the_owners_pages(page: Any, make: Make) -> None:
    bench = make()
    page.goto("/benches")
    for path in ("/benches", "/benches/new", "/runs", f"/benches/{bench.name}"):
        page.goto(path)
        assert complaints(page) == [], path
    page.get_by_role("button", name="Make links").click()
    page.get_by_role("status").wait_for()
    assert complaints(page) == []


def test_the_participants_pages(page: Any, make: Make) -> None:
    bench = make(images=2, training=1, exemplars=2, changes={"confidence": True})
    page.goto(f"/join/{bench.invite()[0]}")
    assert complaints(page) == []
    page.get_by_role("button", name="Open it on this device").click()
    assert complaints(page) == []
    page.get_by_label("No, as far as I know").check()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Begin").click()
    ready(page, 1)
    assert complaints(page) == []
    page.keyboard.press("1")
    assert complaints(page) == []
    page.keyboard.press("3")
    page.locator("#verdict").wait_for()
    assert complaints(page) == []
    page.keyboard.press("Enter")
    page.locator("#feedback").wait_for(state="hidden")
    ready(page, 1)
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for()
    assert complaints(page) == []
    page.keyboard.press("Enter")
    for number in (1, 2):
        ready(page, number)
        page.keyboard.press("2")
        page.keyboard.press("5")
    page.get_by_role("button", name="Hand in").wait_for()
    assert complaints(page) == []
    page.get_by_role("button", name="Hand in").click()
    bench.lock()
    page.goto("/answers")
    page.locator("summary").first.click()
    assert complaints(page) == []


def test_the_panel_of_many_classes(page: Any, make: Make, many: Path) -> None:
    begin(page, make("imagenet-top5", source=many, images=4, exemplars=1))
    page.keyboard.type("kind 1")
    page.keyboard.press("Enter")
    assert complaints(page) == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty classes of two pictures: more than there are keys."""
    from tests.web.pictures import folder

    return folder(tmp_path_factory.mktemp("many") / "set", [f"kind {i}" for i in range(40)], 2)


def test_what_a_screen_reader_is_told(page: Any, make: Make) -> None:
    begin(page, make(images=3))
    image = page.get_by_role("img", name="Image 1 of 3")
    assert image.is_visible()
    apple = page.get_by_role("button", name="apple", exact=True)
    assert apple.get_attribute("aria-keyshortcuts") == "1"
    assert apple.get_attribute("aria-pressed") == "false"
    assert page.get_by_role("group", name="Classes").is_visible()
    assert page.locator("#said[role=status]").count() == 1
    assert page.get_by_role("progressbar", name="Images done").is_visible()
    press(page, "1")
    assert page.locator("#said").inner_text() == "apple"
    assert page.get_by_role("img", name="Image 2 of 3").is_visible()


def test_the_order_of_the_tab_key(page: Any, make: Make) -> None:
    begin(page, make(images=3))
    press(page, "1")  # so that there is something to undo
    page.locator("body").focus()
    order = []
    for _ in range(7):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert order == ["undo", "pause", "contrast", *CLASSES]
    page.keyboard.press("Enter")  # the button that has the focus
    ready(page, 3)


def test_the_search_speaks_like_a_combobox(page: Any, make: Make, many: Path) -> None:
    begin(page, make("imagenet-top5", source=many, images=4))
    field = page.get_by_role("combobox", name="Search the classes")
    assert field.evaluate("field => field === document.activeElement")
    page.keyboard.type("kind 3")
    page.keyboard.press("ArrowDown")
    active = field.get_attribute("aria-activedescendant")
    option = page.locator(f"#{active}")
    assert option.get_attribute("aria-selected") == "true"
    assert option.get_attribute("role") == "option"
    assert option.get_attribute("aria-setsize") == "13"
    assert page.get_by_role("status").first.inner_text() == "13 of 40 classes fit"
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text() == page.locator("#picked li span").inner_text()


def test_high_contrast_stays(page: Any, make: Make) -> None:
    begin(page, make(images=2))
    button = page.get_by_role("button", name="High contrast")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    paper = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.reload()
    ready(page, 1)
    assert page.locator("#contrast").get_attribute("aria-pressed") == "true"


def test_a_narrow_window(page: Any, make: Make) -> None:
    bench = make()
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/benches", "/benches/new", f"/benches/{bench.name}", "/runs"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
