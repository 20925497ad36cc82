import base64
import hashlib
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet.errors import DataError
from glassnet.look.confusion import confusions, matrix
from glassnet.look.report import per_class, render
from glassnet.train import Evaluation, Run
from tests.look.page import Page
from tests.look.runs import MakeRun, images


@pytest.fixture(scope="module")
def html(run: Run) -> str:
    return gn.report(run).read_text("utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def evaluation(labels: list[int], guesses: list[int], classes: list[str]) -> Evaluation:
    probabilities = np.full((len(labels), len(classes)), 0.1, np.float32)
    probabilities[np.arange(len(labels)), guesses] = np.linspace(0.9, 0.5, len(labels))
    return Evaluation(np.array(labels), probabilities, classes, loss=0.5)


def test_it_lies_in_the_folder_of_the_run(run: Run) -> None:
    assert run.path is not None
    assert gn.report(run) == run.path / "report.html"


def test_it_holds_no_address(page: Page, html: str) -> None:
    assert "http:" not in html
    assert "https:" not in html
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_the_policy_allows_its_own_script_alone(html: str) -> None:
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.replace("&#39;", "'")


def test_a_class_name_stays_text(page: Page, html: str) -> None:
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert(1)</script>" in page.text("th")
    assert "dog & mouse" in page.text("th")
    assert len(page.all("script")) == 1


def test_it_has_all_sections(page: Page) -> None:
    assert page.text("h1") == "small on bright rows"
    for title in (
        "How it learned",
        "Each class",
        "What it takes for what",
        "The worst mistakes",
        "What the first layer looks for",
        "The network",
        "How it was made",
    ):
        assert title in page.text("h2")


def test_the_headline(run: Run, page: Page) -> None:
    assert run.validation is not None
    judged = run.evaluate(run.validation)
    low, high = judged.interval
    text = page.text().replace("\u00a0", " ")
    assert f"{judged.accuracy:.1%}".replace("%", " %") in text
    assert f"95 % interval {100 * low:.1f} to {100 * high:.1f} %" in text
    assert f"{30 - judged.errors} right, {judged.errors} wrong" in text


def test_it_tells_how_to_make_it_again(run: Run, page: Page) -> None:
    text = page.text()
    assert "glassnet train 'a b' --seed 0" in page.text("code")
    for fact in ("AdamW (lr 0.001", "Shift (pixels 1", f"numpy {np.__version__}", "8 x 8 grey"):
        assert fact in text
    assert f"glassnet {gn.__version__}" in text
    assert "30 images to train, 30 held out" in text
    assert f"{run.net.num_parameters():,}" in text


def test_it_can_be_heard(page: Page) -> None:
    """Headings without gaps, texts for pictures, scopes for table headers, one language."""
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all(image.get("alt") for image in page.all("img"))
    assert all(svg.get("aria-label") for svg in page.all("svg"))
    assert all("scope" in th or th.get("aria-hidden") for th in page.all("th"))


def luminance(colour: str) -> float:
    """Relative luminance [WCAG 2.2]."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_has_contrast_enough(html: str, scheme: int) -> None:
    """WCAG's level AA, 4.5 to 1, in light and dark, also on the strongest cells of the matrix."""
    palette = dict(
        re.findall(r"--(\w+): (#\w{6});", re.findall(r":root \{(.*?)\}", html, re.S)[scheme])
    )
    pairs = [(text, "paper") for text in ("ink", "quiet", "judge", "train")]
    pairs += [("ink", ground) for ground in ("panel", "right", "wrong", "note")]
    for text, ground in pairs:
        dark, light = sorted((luminance(palette[text]), luminance(palette[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_it_is_well_formed(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)


def test_pictures_are_inside(page: Page) -> None:
    shown = page.all("img")
    assert sum(image.get("class") == "pixels" for image in shown) == len(shown)
    assert len(shown) > 4  # mistakes, and the four filters


def test_weights_of_the_last_epoch_have_been_chosen_by_nobody(html: str) -> None:
    assert "flatters" not in html


def test_weights_chosen_on_the_judging_images_are_said_to_be(make_run: MakeRun) -> None:
    run = make_run(["a", "b"])
    run.epoch = 1
    assert run.validation is not None
    assert "those of epoch 1, chosen as the best on these" in " ".join(
        render(run, run.validation).split()
    )
    other = images(["a", "b"], 20)
    assert "flatters" not in render(run, other)


def test_other_data(run: Run, tmp_path: Path) -> None:
    path = gn.report(run, images(run.classes, 9), tmp_path / "other.html")
    assert path == tmp_path / "other.html"
    assert "of 9 held-out images" in Page(path.read_text("utf-8")).text()


def test_what_was_evaluated_already_is_not_evaluated_again(run: Run, tmp_path: Path) -> None:
    perfect = evaluation([0, 1, 2], [0, 1, 2], run.classes)
    path = gn.report(run, images(run.classes, 3), tmp_path / "r.html", perfect)
    text = Page(path.read_text("utf-8")).text()
    assert "Not one of the 3 images was taken for something else." in text
    assert "100.0\u00a0%" in path.read_text("utf-8")


def test_without_data_it_tells_of_the_training(run: Run, tmp_path: Path) -> None:
    assert run.path is not None
    loaded = gn.load(run.path, which="last")
    text = Page(gn.report(loaded, path=tmp_path / "r.html").read_text("utf-8")).text()
    assert "not judged on held-out images" in text
    assert "How it learned" in text
    assert "Each class" not in text


def test_other_classes_are_an_error(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the data bright rows has x, y"):
        gn.report(run, images(["x", "y"], 4), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_run_without_a_folder_needs_a_path(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(["a", "b"], epochs=1)
    with pytest.raises(DataError, match="path="):
        gn.report(run)
    assert gn.report(run, path=tmp_path / "r.html").is_file()


def test_a_hundred_classes_in_colour(make_run: MakeRun) -> None:
    names = [f"class {k}" for k in range(100)]
    run = make_run(names, channels=3, epochs=1, count=400)
    html = render(run, run.validation)
    page = Page(html)
    assert "The 60 better classes" in page.text("summary")  # 20 of 100 have no image here
    assert "confusions dense" in html
    assert html.count('scope="row">class ') == 100 + 80  # in the matrix and the table of classes
    assert len(html) < 1_000_000


def test_plain_features_have_no_pictures() -> None:
    rng = np.random.default_rng(0)
    rows = gn.data.arrays(rng.normal(size=(40, 5)), rng.integers(0, 2, 40), ["no", "yes"])
    gn.manual_seed(0)
    run = gn.fit(gn.nn.Linear(5, 2), rows, rows, epochs=1, progress=False)
    page = Page(render(run, rows))
    assert page.all("img") == []
    assert "taken for" in page.text("figcaption")


def test_confusions_in_words() -> None:
    judged = evaluation([0, 0, 0, 1, 1, 2], [1, 1, 0, 2, 1, 2], ["4", "9", "7"])
    pairs = confusions(judged.confusion, judged.classes)
    assert [(p["truth"], p["guess"], p["times"], p["of"]) for p in pairs] == [
        ("4", "9", 2, 3),
        ("9", "7", 1, 2),
    ]


def test_the_matrix() -> None:
    judged = evaluation([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], ["a", "b"])
    table = matrix(judged.confusion, judged.classes)
    assert [row["cells"] for row in table["rows"]] == [[(3, 0.75), (1, 1.0)], [(0, 0), (2, 1.0)]]
    assert [row["total"] for row in table["rows"]] == [4, 2]


def test_classes_stand_on_one_axis_the_worst_first() -> None:
    judged = evaluation([0, 0, 1, 1], [0, 0, 1, 0], ["a", "b", "c"])
    table = per_class(judged)
    assert [row["name"] for row in table["worst"]] == ["b", "a"]
    assert table["without"] == ["c"]
    for row in [table["all"], *table["worst"]]:
        assert 0 <= row["low_at"] <= row["accuracy_at"] <= row["high_at"] <= 100
