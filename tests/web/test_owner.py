"""The owner's pages, and adjudication."""

import io
import re
import zipfile
from pathlib import Path

import httpx
import pytest

from glassnet.humans.bench import Bench
from tests.web.conftest import CLASSES, Make
from tests.web.pictures import folder
from tests.web.serving import Person


def archive(path: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for file in sorted(path.rglob("*.png")):
            packed.write(file, file.relative_to(path))
    return stream.getvalue()


def answered(url: str, bench: Bench, wrong: int = 2) -> None:
    """Somebody answers the whole bench, the first `wrong` images wrongly."""
    with httpx.Client(base_url=url) as client:
        person = Person(client)
        person.join(bench.invite()[0])
        turn = person.get("/work/turn").json()
        for item in bench.sessions()[-1].trials:
            name = item.truth[0]
            at = CLASSES.index(name) + (turn["trial"]["number"] <= wrong)
            turn = person.answer(turn, CLASSES[at % 4]).json()["turn"]
        person.form("/work/hand-in")


def test_a_bench_from_an_archive(owner: Person, photos: Path, benches) -> None:
    assert "imagenet-top5" in owner.get("/benches/new").text
    page = owner.form(
        "/benches", files={"upload": ("my pictures.zip", archive(photos))}, name="from-archive",
        source="upload", preset="imagenet-top5", images="8", exemplars="2", training="2",
        seed="3", consent="We thank you.", confidence="yes",
    )  # fmt: skip
    assert page.url.path == "/benches/from-archive", page.text
    manifest = benches.get("from-archive").manifest
    assert manifest.class_names == tuple(CLASSES)
    assert (manifest.consent, manifest.confidence, manifest.seed) == ("We thank you.", True, 3)
    assert manifest.digest[:16] in page.text
    assert "from-archive" in owner.get("/benches").text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.zip", b"not an archive", "x.zip"),
        ("x.exe", b"MZ", "choose a file that ends in .zip"),
        ("", b"", "choose a file"),
    ],
)
def test_what_is_no_archive(owner: Person, name: str, content: bytes, says: str) -> None:
    answer = owner.form(
        "/benches", files={"upload": (name, content)} if name else None, name="no",
        source="upload", preset="cifar10-2011",
    )  # fmt: skip
    assert answer.status_code == 400
    assert says in answer.text


def test_an_archive_that_climbs_out(owner: Person, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("../../evil.png", b"x")
    files = {"upload": ("x.zip", stream.getvalue())}
    answer = owner.form("/benches", files=files, name="no", source="upload", preset="cifar10-2011")
    assert answer.status_code == 400
    assert "refused" in answer.text


@pytest.mark.parametrize("source", ["/etc", "run:../..", "run:nothing", "../data", ""])
def test_no_path_of_the_server_is_taken(owner: Person, source: str) -> None:
    answer = owner.form("/benches", name="no", source=source, preset="cifar10-2011")
    assert answer.status_code in (400, 422)


def test_a_class_that_wants_to_be_a_program(owner: Person, person: Person, make, tmp_path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    photos = folder(tmp_path / "evil", ["fine", evil.replace("/", "")], 8)
    bench = make(source=photos, images=4)
    for text in (owner.get(f"/benches/{bench.name}").text, owner.get("/benches").text):
        assert "<img src=x" not in text
    person.join(bench.invite()[0])
    assert "<img src=x" not in person.get("/work").text
    assert person.get("/work/panel").headers["content-type"] == "application/json"


def test_invitations(owner: Person, make: Make) -> None:
    bench = make()
    page = owner.form(f"/benches/{bench.name}/invite", people="3", days="2", role="participant")
    links = re.findall(r"<code>(http://[^<]+/join/[^<]+)</code>", page.text)
    assert len(links) == len(set(links)) == 3
    assert bench.status()["invitations"]["sent"] == 3
    assert "/join/" not in owner.get(f"/benches/{bench.name}").text  # shown once
    for wrong in ({"people": "0"}, {"people": "501"}, {"days": "x"}, {"role": "owner"}):
        fields = {"people": "1", "days": "7", "role": "participant"} | wrong
        assert owner.form(f"/benches/{bench.name}/invite", **fields).status_code == 422


def test_from_the_lock_to_the_report(owner: Person, url: str, make: Make) -> None:
    bench = make(images=8)
    answered(url, bench)
    at = f"/benches/{bench.name}"
    rows = "image,answer\n" + "\n".join(
        f"{item.name},{item.truth[0]}" for item in bench.manifest.of_kind("test")
    )
    page = owner.form(
        f"{at}/models",
        files={"upload": ("perfect.csv", rows.encode())},
        title="perfect",
        date="2020",
    )
    assert "perfect" in page.text, page.text
    assert owner.get(f"{at}/report").status_code == 404
    page = owner.form(f"{at}/facts", pay="12 an hour", found="   ")
    assert 'value="12 an hour"' in page.text
    assert bench.facts() == {"pay": "12 an hour"}
    page = owner.form(f"{at}/lock")
    assert "Make the report" in page.text
    report = owner.form(f"{at}/report")
    assert report.status_code == 200, report.text
    assert "12 an hour" in report.text
    policy = report.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    table = owner.get(f"{at}/export")
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.text.splitlines()) == 9


def test_a_model_with_other_classes(owner: Person, make: Make) -> None:
    bench = make()
    files = {"upload": ("x.csv", b"image,answer\nnothing,cat\n")}
    answer = owner.form(f"/benches/{bench.name}/models", files=files, title="x")
    assert answer.status_code == 400
    assert owner.form(f"/benches/{bench.name}/models", title="x").status_code == 400


def test_a_bench_that_is_not_there(owner: Person) -> None:
    answer = owner.get("/benches/nothing")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_adjudication_is_blind(owner: Person, person: Person, url: str, make: Make) -> None:
    bench = make(images=8)
    answered(url, bench)
    answered(url, bench, wrong=1)
    person.get(f"/join/{bench.invite(role='adjudicator')[0]}")
    token = bench.invite(role="adjudicator")[0]
    person.get(f"/join/{token}")
    assert "still running" in person.form(f"/join/{token}").text
    bench.lock()
    page = person.get("/adjudicate").text
    cases = re.findall(r'data-case="([^"]+)"', page)
    assert cases
    assert "P1" not in page
    assert "P2" not in page
    image = re.search(r"/adjudicate/image/[^\"]+", page)
    assert image is not None
    assert person.get(image[0]).headers["content-type"] == "image/png"
    answers = re.findall(r'data-answer="([^"]+)"', page.split('data-case="')[1])
    told = {"case": cases[0], "acceptable": [], "causes": {answers[0]: ["fine"]}, "note": "n"}
    assert person.post("/adjudicate/judge", told).json() == {"saved": True}
    assert "data-judged" in person.get("/adjudicate").text
    assert person.post("/adjudicate/judge", told | {"case": "x"}).status_code in (400, 404)
    assert person.get("/benches").status_code == 403
