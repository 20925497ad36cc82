"""Features of image files: what layers of a trained network say of them, computed once.

N images, D features of a layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassnet.data import Preprocessing
from glassnet.data.progress import progress
from glassnet.errors import GlassnetError
from glassnet.models.cut import Features, find_layer, pooled, stages, tap
from glassnet.nn import Module, evaluating
from glassnet.tensor import Tensor
from glassnet.transfer import store
from glassnet.transfer.duplicates import LOOK, look_of
from glassnet.transfer.reading import Look, look

Floats = NDArray[np.float32]
BATCH = 16  # images that the network sees at once


@dataclass(frozen=True)
class Layer:
    """A layer and how its output becomes a vector: "blocks.5/2" is a 2 x 2 raster of means.

    name  as in `models.features`; None is what the head is shown
    """

    name: str | None = None
    grid: int = 1

    @classmethod
    def parse(cls, text: str) -> Layer:
        """ "head", "blocks.5", "stage6/2". Raises GlassnetError for a raster that is none."""
        name, _, grid = text.partition("/")
        if grid and not re.fullmatch(r"[1-9]\d?", grid):
            raise GlassnetError(f"'{text}': after / goes the side of a raster, such as blocks.5/2")
        return cls(None if name == "head" else name, int(grid or 1))

    def __str__(self) -> str:
        return (self.name or "head") + (f"/{self.grid}" if self.grid > 1 else "")


@dataclass(frozen=True)
class Source:
    """A network that features are taken from, with what belongs to it.

    name           of the model, or of the run's folder
    preprocessing  what it is shown of an image
    """

    name: str
    net: Module
    preprocessing: Preprocessing

    def part(self, layer: Layer) -> Features:
        """The network up to a layer, with its output as a vector."""
        return Features(self.net, layer.name, layer.grid)


@dataclass(frozen=True)
class Extracted:
    """Features of files, in their order; those that could not be read are left out.

    files       names relative to the folder
    values      for each layer float32 (N, D)
    digests     SHA-256 of each file's bytes
    looks       64 bits of what each looks like, uint64 (N,): see `duplicates`
    unreadable  file -> what is wrong with it
    computed    how many were not known yet
    """

    files: list[str]
    values: Mapping[Layer, Floats]
    digests: list[bytes]
    looks: NDArray[np.uint64]
    unreadable: dict[str, str] = field(default_factory=dict)
    computed: int = 0

    def rows(self, chosen: Sequence[str]) -> NDArray[np.intp]:
        """Where these files stand."""
        place = {file: row for row, file in enumerate(self.files)}
        return np.array([place[file] for file in chosen], np.intp)


def source(model: str) -> Source:
    """A pretrained model by name, or the network of a run by its folder.

    Raises GlassnetError for a model without pretrained weights.
    """
    from glassnet import models
    from glassnet.train import load

    if model not in models.names() and Path(model).exists():
        run = load(model)
        return Source(model, run.net, run.preprocessing)
    known = models.describe(model)
    if known.weights is None:
        have = [name for name in models.names() if models.describe(name).weights is not None]
        raise GlassnetError(
            f"there are no pretrained weights for '{model}'; there are for {', '.join(have)}; a "
            f"run of your own will do, too: give its folder"
        )
    net = models.build(model, pretrained=True)
    return Source(model, net, known.weights.preprocessing)


def candidates(net: Module) -> list[Layer]:
    """The layers that a probe tries: what the head is shown, and the last stage but one.

    The first knows what a picture shows, the second, by quarters, more of its form and place.
    """
    found = stages(net)
    return [Layer(), *([Layer(found[-2], 2)] if len(found) > 1 else [])]


def extract(
    source: Source,
    root: Path,
    files: Sequence[str],
    layers: Sequence[Layer] = (Layer(),),
    cache: Path | None = None,
    advance: Callable[[float], None] | None = None,
) -> Extracted:
    """Features of image files under `root`.

    What was computed before for the same bytes, weights, preprocessing and layer comes from the
    cache file (by default in the user's cache folder); the rest is computed in batches, each kept
    as soon as it is done. advance(n) is told of n files done. Raises GlassnetError for a layer that
    is none, DataError where no file can be read.
    """
    for layer in layers:
        find_layer(source.net, layer.name)
    path = cache or store.default_path(store.key(source.net, source.preprocessing))
    with store.Store(path) as kept:
        if advance is None:
            with progress("features", len(files)) as advance:
                found, computed = _fill(source, root, files, layers, kept, advance)
        else:
            found, computed = _fill(source, root, files, layers, kept, advance)
        read = [seen for seen in found if seen.problem is None]
        digests = [seen.digest for seen in read]
        values = {layer: kept.get(str(layer), digests) for layer in layers}
        looks = kept.get(LOOK, digests, "<u8").ravel()
    return Extracted(
        files=[seen.file for seen in read],
        values=values,
        digests=digests,
        looks=looks,
        unreadable={seen.file: seen.problem for seen in found if seen.problem is not None},
        computed=computed,
    )


def _fill(
    source: Source,
    root: Path,
    files: Sequence[str],
    layers: Sequence[Layer],
    kept: store.Store,
    advance: Callable[[float], None],
) -> tuple[list[Look], int]:
    """Bring into the store what it lacks: (what was found, how many images were computed)."""
    known = kept.known([*map(str, layers), LOOK])
    found: list[Look] = []
    waiting: list[Look] = []
    computed = 0
    for seen in look(root, files, source.preprocessing, known):
        found.append(seen._replace(pixels=None))
        if seen.pixels is not None:
            waiting.append(seen)
        if len(waiting) == BATCH:
            computed += _compute(source, layers, waiting, kept)
            waiting = []
        advance(1)
    return found, computed + (_compute(source, layers, waiting, kept) if waiting else 0)


def _compute(
    source: Source, layers: Sequence[Layer], seen: Sequence[Look], kept: store.Store
) -> int:
    """Run the network on the pixels of a batch and keep what its layers say."""
    digests = [one.digest for one in seen]
    pixels = np.stack([one.pixels for one in seen if one.pixels is not None])
    with evaluating(source.net):
        outputs = tap(source.net, Tensor(source.preprocessing(pixels)), [x.name for x in layers])
        vectors = [pooled(y, x.grid).data for x, y in zip(layers, outputs, strict=True)]
    for layer, rows in zip(layers, vectors, strict=True):
        kept.put(str(layer), digests, rows.reshape(len(rows), -1))
    kept.put(LOOK, digests, look_of(pixels)[:, None])
    return len(seen)
