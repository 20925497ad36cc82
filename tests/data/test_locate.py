"""Where published files are looked for, and what is said where they are not."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from glassnet.data import locate as module
from glassnet.data.locate import Published, cache_folder, locate
from glassnet.errors import DataError
from tests.data.server import Mirror, serve

NOWHERE = ("http://127.0.0.1:1/",)


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"inside/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


TAR = archive(a=b"A", b=b"B", extra=b"E")
PACKED = Published(
    "packed", ("inside",), ("a", "b"), {"packed.tar.gz": hashlib.md5(TAR).hexdigest()}, NOWHERE
)
LOOSE = Published(
    "loose",
    ("loose", "Loose/raw"),
    ("a", "b"),
    {"a.gz": hashlib.md5(b"zip a").hexdigest(), "b.gz": hashlib.md5(b"zip b").hexdigest()},
    NOWHERE,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache folder of this test's own, and no GLASSNET_DATA."""
    monkeypatch.delenv("GLASSNET_DATA", raising=False)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_the_order(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = put(cache / "loose", "a", "b.gz")
    assert locate(LOOSE) == mine
    monkeypatch.setenv("GLASSNET_DATA", str(tmp_path / "env"))
    put(tmp_path / "env" / "loose", "a")  # not all of it
    assert locate(LOOSE) == mine
    whole = put(tmp_path / "env" / "Loose" / "raw", "a", "b")
    assert locate(LOOSE) == whole
    explicit = put(tmp_path / "explicit", "a.gz", "b.gz")
    assert locate(LOOSE, explicit) == explicit
    assert locate(LOOSE, tmp_path / "env") == whole


def test_an_explicit_path_is_the_only_place(tmp_path: Path, cache: Path) -> None:
    put(cache / "loose", "a", "b")
    with pytest.raises(DataError, match=r"loose is not at .*elsewhere: put a, b"):
        locate(LOOSE, tmp_path / "elsewhere")


def test_offline_with_nothing_on_disk(cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        locate(LOOSE)
    assert f"put a, b (as they are or as .gz) into {cache / 'loose'}" in str(caught.value)
    assert "no connection" in str(caught.value) and "GLASSNET_DATA" in str(caught.value)
    with pytest.raises(DataError) as caught:
        locate(PACKED)
    assert f"put packed.tar.gz into {cache}, or its files a, b into" in str(caught.value)


def test_an_archive_put_there_by_hand(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "packed.tar.gz").write_bytes(TAR)
    folder = locate(PACKED, tmp_path)
    assert folder == cache / "inside"
    assert sorted(p.name for p in folder.iterdir()) == ["a", "b"]
    (tmp_path / "packed.tar.gz").write_bytes(TAR[:-5])
    with pytest.raises(DataError, match=r"packed\.tar\.gz: MD5 .* cut short or damaged"):
        locate(PACKED, tmp_path)


def test_downloads_land_in_the_cache(cache: Path) -> None:
    files = {"packed.tar.gz": TAR, "a.gz": b"zip a", "b.gz": b"zip b"}
    with serve(Mirror(files)) as mirror:
        packed, loose = (
            Published(p.name, p.folders, p.files, p.archives, (*NOWHERE, mirror.url))
            for p in (PACKED, LOOSE)
        )
        assert (locate(packed) / "b").read_bytes() == b"B"
        put(cache / "loose", "a")
        assert (locate(loose) / "b.gz").read_bytes() == b"zip b"
        assert [path for path, _ in mirror.requests] == ["/packed.tar.gz", "/b.gz"]
        assert locate(packed) == cache / "inside" and len(mirror.requests) == 2
    assert sorted(p.name for p in cache.iterdir()) == ["inside", "loose"]


def test_the_user_cache_folder() -> None:
    assert cache_folder().name == "glassnet" and cache_folder().is_absolute()
