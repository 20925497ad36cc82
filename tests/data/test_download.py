"""The downloader against a real server: whole, broken off, resumed, wrong, missing, in parallel."""

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glassnet.data.download import download
from glassnet.errors import DataError
from tests.data.server import Mirror, serve

BODY = random.Random(0).randbytes(1_000_000)
MD5 = hashlib.md5(BODY).hexdigest()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve(Mirror({"a.gz": BODY, "damaged/a.gz": b"x" + BODY[1:]})) as server:
        yield server


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_whole_file(mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = download([mirror.url + "a.gz"], tmp_path / "new" / "a.gz", MD5)
    assert target.read_bytes() == BODY and left(target.parent) == ["a.gz"]
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == f"downloading a.gz from {mirror.url}a.gz\n"


def test_a_bar_on_a_terminal(
    mirror: Mirror,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert "1.0/1.0 MB" in capsys.readouterr().err


def test_a_broken_connection_is_resumed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.drops = 2
    download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert (tmp_path / "a.gz").read_bytes() == BODY
    assert [r for _, r in mirror.requests] == [None, "bytes=500000-", "bytes=750000-"]


def test_a_killed_download_goes_on_at_the_next_call(mirror: Mirror, tmp_path: Path) -> None:
    mirror.drops = 3
    with pytest.raises(DataError, match="the connection ended after 875,000 of 1,000,000 bytes"):
        download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert left(tmp_path) == ["a.gz.part"]
    mirror.requests.clear()
    download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert mirror.requests == [("/a.gz", "bytes=875000-")]
    assert (tmp_path / "a.gz").read_bytes() == BODY and left(tmp_path) == ["a.gz"]


def test_a_server_without_ranges(mirror: Mirror, tmp_path: Path) -> None:
    mirror.ranges, mirror.drops = False, 1
    download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert (tmp_path / "a.gz").read_bytes() == BODY


@pytest.mark.parametrize("old", [b"rubbish", b"x" + BODY, BODY + b"x"])
def test_wrong_bytes_of_an_earlier_call_are_thrown_away(
    mirror: Mirror, tmp_path: Path, old: bytes
) -> None:
    (tmp_path / "a.gz.part").write_bytes(old)
    download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert (tmp_path / "a.gz").read_bytes() == BODY
    assert mirror.requests[-1] == ("/a.gz", None)


def test_a_complete_part_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / "a.gz.part").write_bytes(BODY)
    download(["http://127.0.0.1:1/a.gz"], tmp_path / "a.gz", MD5)
    assert left(tmp_path) == ["a.gz"]


def test_mirrors_are_tried_in_turn(mirror: Mirror, tmp_path: Path) -> None:
    urls = [
        "http://127.0.0.1:1/a.gz",
        mirror.url + "none",
        mirror.url + "damaged/a.gz",
        mirror.url + "a.gz",
    ]
    download(urls, tmp_path / "a.gz", MD5)
    assert (tmp_path / "a.gz").read_bytes() == BODY
    with pytest.raises(DataError) as caught:
        download(urls[:3], tmp_path / "b.gz", MD5)
    for reason in ("no connection", "answered 404", f"expected {MD5}"):
        assert reason in str(caught.value)
    assert left(tmp_path) == ["a.gz", "b.gz.part"] and not (tmp_path / "b.gz.part").read_bytes()


def test_a_file_that_is_there_is_not_fetched(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"mine")
    download([mirror.url + "a.gz"], tmp_path / "a.gz", MD5)
    assert mirror.requests == [] and left(tmp_path) == ["a.gz"]


def test_two_at_once_fetch_once(mirror: Mirror, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = [
            pool.submit(download, [mirror.url + "a.gz"], tmp_path / "a.gz", MD5) for _ in range(4)
        ]
    assert all(d.result().read_bytes() == BODY for d in done)
    assert left(tmp_path) == ["a.gz"] and len(mirror.requests) == 1
