"""Image files, hashed and decoded by threads that run beside the network."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from glassnet.data import Preprocessing
from glassnet.data.images import Bytes
from glassnet.errors import DataError

A = TypeVar("A")
B = TypeVar("B")
AHEAD = 64  # images that are decoded and wait for the network


class Look(NamedTuple):
    """A file as it was found: the SHA-256 of its bytes, and its pixels or what is wrong.

    pixels  uint8 (C, H, W); None where the digest was known already, and for a broken file
    """

    file: str
    digest: bytes
    pixels: Bytes | None = None
    problem: str | None = None


class _Named(io.BytesIO):
    """The bytes of a file, with its name for error messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def look(
    root: Path, files: Iterable[str], preprocessing: Preprocessing, known: Container[bytes]
) -> Iterator[Look]:
    """Each file once, in order; only those whose digest is not in `known` are decoded."""

    def one(file: str) -> Look:
        try:
            content = (root / file).read_bytes()
        except OSError as error:
            return Look(file, b"", None, f"{root / file}: {error.strerror}")
        digest = hashlib.sha256(content).digest()
        if digest in known:
            return Look(file, digest)
        try:
            return Look(file, digest, preprocessing.read(_Named(content, str(root / file))))
        except DataError as error:
            return Look(file, digest, None, str(error))

    return beside(one, files)


def beside(
    function: Callable[[A], B], items: Iterable[A], workers: int | None = None, ahead: int = AHEAD
) -> Iterator[B]:
    """`map(function, items)`, in threads that are at most `ahead` items before the consumer."""
    with ThreadPoolExecutor(workers or os.cpu_count(), "glassnet-reading") as pool:
        waiting: deque[Future[B]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
