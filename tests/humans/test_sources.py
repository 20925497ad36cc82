"""Where images come from, on real pictures and on lists that are wrong."""

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from glassnet.data import demo_digits
from glassnet.errors import DataError
from glassnet.humans import sources


def test_the_digits_are_those_that_no_demo_learns_from() -> None:
    learned, held_out = demo_digits()
    found = sources.find("digits")
    names = {picture.name for picture in found.test}
    assert names == set(held_out.files()) and names.isdisjoint(learned.files())
    assert [c.name for c in found.classes] == list("0123456789")
    assert found.test[0].open().size == (28, 28)


def test_cifar10(published_data: Path) -> None:
    found = sources.find("cifar10")
    assert (len(found.test), len(found.rest)) == (10_000, 50_000)
    assert (found.test[0].truth, found.test[0].name) == (("cat",), "cifar10/test/0")
    assert found.test[0].open().size == (32, 32)


def test_a_folder_with_two_parts(shared_data: Path) -> None:
    found = sources.find(str(shared_data / "ants-bees"))
    assert Counter(p.truth[0] for p in found.test) == {"ants": 70, "bees": 83}
    assert len(found.rest) == 244
    assert found.test[0].open().mode == "RGB"


def test_a_folder_in_one_part(shared_data: Path) -> None:
    found = sources.find(str(shared_data / "sign-digits"))
    assert (len(found.test), len(found.rest), len(found.classes)) == (2062, 0, 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (9, 9), "red").save(tmp_path / name)
    return tmp_path


def listed(folder: Path, text: str) -> str:
    path = folder / "list.csv"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_csv(folder: Path) -> None:
    text = "Label,Path,condition,split\ncat|dog,a.png,sketch,\ndog,b.png,,train\ncow,sub/c.png,,\n"
    found = sources.find(listed(folder, text))
    assert [c.name for c in found.classes] == ["cat", "cow", "dog"]
    assert [(p.name, p.truth, p.condition) for p in found.test] == [
        ("a.png", ("cat", "dog"), "sketch"),
        ("sub/c.png", ("cow",), None),
    ]
    assert [p.name for p in found.rest] == ["b.png"]
    assert found.test[1].open().size == (9, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\n../secret.png,cat\n", "lies outside"),
        ("path,label\n/etc/passwd,cat\n", "lies outside"),
        ("path,label\na.png,\n", "line 2: no class"),
        ("path,label\na.png\n", "line 2: not as many"),
        ("path,label\na.png,cat,more\n", "line 2: not as many"),
        ("where,label\na.png,cat\n", "'path' is expected"),
        ("path,what\na.png,cat\n", "'label' is expected"),
    ],
)
def test_a_csv_that_is_wrong(folder: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        sources.find(listed(folder, text))


def test_a_csv_in_another_encoding(folder: Path) -> None:
    (folder / "list.csv").write_bytes("path,label\na.png,Käse\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        sources.find(str(folder / "list.csv"))


def test_links_do_not_lead_out_of_the_folder(folder: Path, tmp_path_factory: object) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "out.png").symlink_to(folder / "a.png")
    with pytest.raises(DataError, match="lies outside"):
        sources.find(listed(inner, "path,label\nout.png,cat\n"))


def test_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither"):
        sources.find(str(tmp_path / "none"))
