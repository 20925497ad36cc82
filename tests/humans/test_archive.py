"""Archives that want to write elsewhere, or to fill the disk."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from glassnet.errors import DataError
from glassnet.humans.archive import unpack
from glassnet.humans.images import Limits


def packed(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return path


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    return buffer.getvalue()


def link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("cat/link.png")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_images_and_tables_are_unpacked(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "a.zip",
        ("cat/1.png", png()),
        ("labels.csv", b"path,label\ncat/1.png,cat\n"),
        ("__MACOSX/cat/._1.png", b"x"),
        (".DS_Store", b"x"),
    )
    folder = unpack(path, tmp_path / "out")
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["cat/1.png", "labels.csv"]
    assert (folder / "cat/1.png").read_bytes() == png()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../evil.png", png())], "elsewhere"),
        ([("cat/../../evil.png", png())], "elsewhere"),
        ([("/etc/evil.png", png())], "elsewhere"),
        ([("C:evil.png", png())], "elsewhere"),
        ([("..\\evil.png", png())], "elsewhere"),
        ([(link(), b"/etc/passwd")], "is a link"),
        ([("cat/1.svg", b"<svg/>")], "no PNG, JPEG or WebP"),
        ([("run.sh", b"rm -rf /")], "no PNG, JPEG or WebP"),
        ([("cat/1.zip", b"PK")], "no PNG, JPEG or WebP"),
        ([("a.png", png()), ("A.png", png())], "twice"),
        ([(f"{k}.png", png()) for k in range(11)], "11 files"),
        ([("big.png", bytes(100_000))], "100,000 bytes unpacked"),
        ([("big.png", bytes(60_000))], "more than 50,000"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]], said: str
) -> None:
    path = packed(tmp_path / "a.zip", *members)
    limits = Limits(bytes=50_000, members=10, total=90_000)
    with pytest.raises(DataError, match=said):
        unpack(path, tmp_path / "deep" / "out", limits)
    assert not list(tmp_path.rglob("*evil*")) and not list(tmp_path.rglob("*passwd*"))


def test_an_archive_that_lies_about_its_sizes(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("big.png", bytes(80_000)))
    body = path.read_bytes().replace((80_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(body)
    with pytest.raises(DataError):
        unpack(path, tmp_path / "out", Limits(bytes=50_000))
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*")) <= 50_000


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", b"no archive at all" * 100])
def test_what_is_no_archive(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(body)
    with pytest.raises(DataError, match="not a whole"):
        unpack(path, tmp_path / "out")
