"""Feature vectors on disk, by the content of the image that they are of.

One SQLite file for each network as it is (architecture, weights, preprocessing), in the user's
cache folder; a row for each layer and image. A row is written once and never changes, whole or not
at all, so a kill loses the images in hand and nothing else, and two programs can share the file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.data import Preprocessing
from glassnet.nn import Module

Vectors = NDArray[Any]
READING = 2  # the rule by which data/images.py turns files into pixels; another one, other features
_TABLE = """
CREATE TABLE IF NOT EXISTS features (
    layer TEXT NOT NULL, image BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (layer, image)
) WITHOUT ROWID
"""


class Store:
    """layer, image digest -> vector; a context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._base = sqlite3.connect(path, timeout=60)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute(_TABLE)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *what: object) -> None:
        self._base.close()

    def known(self, layers: Sequence[str]) -> set[bytes]:
        """Digests of the images of which the features of all these layers are here."""
        found: list[set[bytes]] = []
        for layer in layers:
            rows = self._base.execute("SELECT image FROM features WHERE layer = ?", (layer,))
            found.append({image for (image,) in rows})
        return set.intersection(*found) if found else set()

    def put(self, layer: str, images: Iterable[bytes], vectors: Vectors) -> None:
        """Keep the vectors (N, D) of these images; the rows reach the disk together."""
        little = vectors.astype(vectors.dtype.newbyteorder("<"), copy=False)
        rows = [(layer, i, v.tobytes()) for i, v in zip(images, little, strict=True)]
        with self._base:
            self._base.executemany("INSERT OR IGNORE INTO features VALUES (?, ?, ?)", rows)

    def get(self, layer: str, images: Sequence[bytes], kind: str = "<f4") -> Vectors:
        """The vectors (N, D) of these images, all of which are here, as numbers of a dtype."""
        query = "SELECT vector FROM features WHERE layer = ? AND image = ?"
        found: dict[bytes, Vectors] = {}
        with closing(self._base.cursor()) as cursor:
            for image in set(images):
                (blob,) = cursor.execute(query, (layer, image)).fetchone()
                found[image] = np.frombuffer(blob, kind)
        return np.stack([found[image] for image in images]) if images else np.empty((0, 0), kind)


def key(net: Module, preprocessing: Preprocessing) -> str:
    """A name for what the network makes of an image: it changes with any weight or setting."""
    described = {
        "reading": READING,
        "layers": repr(net),
        "preprocessing": preprocessing.to_dict(),
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, tensor in sorted(net.named_state()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.data).data)
    return digest.hexdigest()[:32]


def default_path(name: str) -> Path:
    """Where the file of a key lies: features/KEY.sqlite in the user's cache folder."""
    from glassnet.data import cache_folder

    return cache_folder() / "features" / f"{name}.sqlite"
