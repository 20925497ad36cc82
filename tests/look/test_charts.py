import itertools
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from glassnet.look.charts import COLOURS, Curve, line_chart, spread

LOSS = [
    Curve("training", [1, 2, 3], [2.0, 1.0, 0.5], "train"),
    Curve("validation", [1, 2, 3], [1.8, 0.9, 0.5], "judge"),
]


def drawing(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def test_text_stays_text_and_colours_are_the_pages() -> None:
    svg = line_chart("loss", "Loss over 3 epochs.", LOSS)
    root = drawing(svg)
    assert {"training", "validation", "1", "2", "3"} <= {t.text for t in root.iter("text")}
    assert "var(--train)" in svg
    assert "var(--judge)" in svg
    assert not any(colour in svg for colour in COLOURS.values())
    assert not re.search(r"#[0-9a-f]{6}", svg)


def test_it_stands_in_a_page() -> None:
    """No document of its own, no address, ids of its own, and a text for who cannot see it."""
    svg = line_chart("loss", 'Loss "<3".', LOSS)
    assert "http" not in svg
    assert "<?xml" not in svg
    assert "<metadata" not in svg
    root = drawing(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'Loss "<3".'
    ids = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("loss-") for name in ids)
    used = [v[1:] for e in root.iter() for k, v in e.attrib.items() if k == "href"]
    assert set(used) <= set(ids)


def test_the_same_curves_give_the_same_drawing() -> None:
    assert line_chart("loss", "", LOSS) == line_chart("loss", "", LOSS)


def test_labels_at_one_place_are_moved_apart() -> None:
    root = drawing(line_chart("loss", "", LOSS))
    heights = {t.text: float(t.attrib["y"]) for t in root.iter("text")}
    assert abs(heights["training"] - heights["validation"]) > 14


def test_nothing_to_draw() -> None:
    assert line_chart("loss", "", []) == ""
    assert line_chart("loss", "", [Curve("training", [], [], "train")]) == ""


def test_one_epoch_is_a_dot() -> None:
    root = drawing(line_chart("loss", "", [Curve("training", [1], [0.7], "train")]))
    assert "1" in {t.text for t in root.iter("text")}


def test_accuracy_is_in_percent_and_points_at_its_best() -> None:
    curve = Curve("validation", [1, 2, 3], [0.5, 0.9, 0.8], "judge")
    root = drawing(line_chart("accuracy", "", [curve], percent=True, mark=(2, 0.9, "90.0 %")))
    texts = {t.text for t in root.iter("text")}
    assert {"50 %", "90.0 %"} <= texts


def test_a_great_range_is_logarithmic() -> None:
    curve = Curve("training", [1, 2, 3], [10.0, 1.0, 0.1], "train")
    texts = {t.text for t in drawing(line_chart("loss", "", [curve], log=True)).iter("text")}
    assert {"0.1", "1", "10"} <= texts


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=8))
def test_spread(heights: list[float]) -> None:
    heights = sorted(heights)
    moved = spread(heights, 15)
    assert len(moved) == len(heights)
    assert all(b - a > 15 - 1e-6 for a, b in itertools.pairwise(moved))
    assert abs(sum(moved) - sum(heights)) < 1e-6
    if all(b - a >= 15 for a, b in itertools.pairwise(heights)):
        assert moved == heights
