"""Fetching one published file: mirrors in turn, resumed where it broke off, checked, atomic.

The bytes gather in `NAME.part` beside the target; a later call, after an interruption or a kill,
asks the mirror for the rest. Only a file with the published MD5 sum ever gets the target's name.
"""

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from glassnet.data.progress import progress
from glassnet.errors import DataError
from glassnet.io.atomic import sync_folder

TIMEOUT = 20  # seconds without a byte
ATTEMPTS = 3  # at one mirror, each going on where the last one broke off
CHUNK = 1 << 18


def download(urls: Sequence[str], target: Path, md5: str) -> Path:
    """Fetch `target` from the first of `urls` that gives a file with this MD5 sum.

    Another process that fetches the same file is waited for. Raises DataError with what each
    mirror answered; what came so far stays in `NAME.part` for the next call.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with open(part, "ab") as file:
        _lock(file)
        file.seek(0, os.SEEK_END)
        failures = [] if target.exists() else _from_mirrors(urls, file, md5)
    if failures is not None and not target.exists():
        raise DataError(f"cannot download {target.name}:\n  " + "\n  ".join(failures))
    with suppress(FileNotFoundError):  # another process that waited may have been quicker
        if target.exists():
            part.unlink()
        else:
            os.replace(part, target)
            sync_folder(target.parent)
    return target


def md5_of(path: Path) -> str:
    """The MD5 sum of a file, in hexadecimal: against damage, not against malice."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _from_mirrors(urls: Sequence[str], file: IO[bytes], md5: str) -> list[str] | None:
    """None once `file` is complete and right, else what went wrong at each mirror."""
    failures = []
    for url in urls:
        try:
            _complete(url, file, md5)
            return None
        except (OSError, http.client.HTTPException, DataError) as error:
            failures.append(f"{url}: {_reason(error)}")
    return failures


def _complete(url: str, file: IO[bytes], md5: str) -> None:
    """Bring `file` to this MD5 sum from one mirror; bytes of an earlier call get one chance."""
    resumed = file.tell() > 0
    if not (resumed and md5_of(Path(file.name)) == md5):
        _receive_all(url, file)
    size, found = file.tell(), md5_of(Path(file.name))
    if found == md5:
        os.fsync(file.fileno())
        return
    _empty(file)
    if not resumed:
        raise DataError(f"{size:,} bytes with MD5 {found}, expected {md5}: damaged or another file")
    _complete(url, file, md5)


def _receive_all(url: str, file: IO[bytes]) -> None:
    """Append what is missing, over several connections where one ends early."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _receive(url, file)
        except (TimeoutError, ConnectionError, http.client.HTTPException):
            if attempt == ATTEMPTS or file.tell() == 0:
                raise


def _receive(url: str, file: IO[bytes]) -> None:
    """Append what `url` has beyond the bytes that are there; raises where the connection ends."""
    start = file.tell()
    request = urllib.request.Request(url, headers={"User-Agent": "glassnet"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing beyond: the checksum will tell
            return
        raise
    with answer:
        if start and answer.status != 206:  # the mirror sends the whole file
            _empty(file)
        _copy(answer, file)


def _copy(answer: http.client.HTTPResponse, file: IO[bytes]) -> None:
    start, length = file.tell(), answer.headers.get("Content-Length")
    total = None if length is None else start + int(length)
    name = Path(file.name).name.removesuffix(".part")
    sys.stderr.write(f"downloading {name} from {answer.url}\n")
    try:
        with progress(name, total, size=True) as advance:
            advance(start)
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                advance(len(chunk))
    finally:
        file.flush()
    if total is not None and file.tell() < total:
        raise ConnectionError(f"the connection ended after {file.tell():,} of {total:,} bytes")


def _empty(file: IO[bytes]) -> None:
    file.truncate(0)
    file.seek(0)


def _lock(file: IO[bytes]) -> None:
    """Wait until no other process holds the file; freed when it is closed. POSIX only."""
    if os.name == "posix":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return str(error) or type(error).__name__
