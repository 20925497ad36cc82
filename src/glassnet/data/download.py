"""Fetching one published file: mirrors in turn, resumed where it broke off, checked, atomic.

The bytes gather in `NAME.part` beside the target; a later call, after an interruption or a kill,
asks the mirror for the rest. Only a file with the published checksum ever gets the target's name.
"""

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from glassnet.data.progress import progress
from glassnet.errors import DataError
from glassnet.io.atomic import sync_folder

TIMEOUT = 20  # seconds without a byte
ATTEMPTS = 3  # at one mirror, each going on where the last one broke off
CHUNK = 1 << 18


@dataclass(frozen=True)
class Checksum:
    """The published sum of a file, hexadecimal: whole, or its first digits where only they are."""

    expected: str
    algorithm: str = "md5"

    def of(self, path: Path) -> str:
        """The sum that a file has. MD5 is against damage, not against malice."""
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, self._start)
        return digest.hexdigest()

    def _start(self) -> Any:
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def fits(self, found: str) -> bool:
        """Whether a sum is the published one."""
        return found.startswith(self.expected)

    def __str__(self) -> str:
        return self.algorithm.upper().replace("SHA", "SHA-")


def download(urls: Sequence[str], target: Path, checksum: str | Checksum) -> Path:
    """Fetch `target` from the first of `urls` that gives a file with this sum; a text is an MD5.

    Another process that fetches the same file is waited for. Raises DataError with what each
    mirror answered; what came so far stays in `NAME.part` for the next call.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    wanted = Checksum(checksum) if isinstance(checksum, str) else checksum
    with open(part, "ab") as file:
        _lock(file)
        file.seek(0, os.SEEK_END)
        failures = [] if target.exists() else _from_mirrors(urls, file, wanted)
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
    return Checksum("").of(path)


def _from_mirrors(urls: Sequence[str], file: IO[bytes], wanted: Checksum) -> list[str] | None:
    """None once `file` is complete and right, else what went wrong at each mirror."""
    failures = []
    for url in urls:
        try:
            _complete(url, file, wanted)
            return None
        except (OSError, http.client.HTTPException, DataError) as error:
            failures.append(f"{url}: {_reason(error)}")
    return failures


def _complete(url: str, file: IO[bytes], wanted: Checksum) -> None:
    """Bring `file` to this sum from one mirror; bytes of an earlier call get one chance."""
    path, resumed = Path(file.name), file.tell() > 0
    if not (resumed and wanted.fits(wanted.of(path))):
        _receive_all(url, file)
    size, found = file.tell(), wanted.of(path)
    if wanted.fits(found):
        os.fsync(file.fileno())
        return
    _empty(file)
    if not resumed:
        raise DataError(
            f"{size:,} bytes with {wanted} {found}, expected {wanted.expected}: damaged or another "
            "file"
        )
    _complete(url, file, wanted)


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
