"""The protocols by name, and the order of classes from a hierarchy."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glassnet.errors import DataError
from glassnet.humans.manifest import Class

CONSENT = """\
You are asked to say what each of a number of images shows. We want to know how often people are \
right, to compare them with computer programs on the same images.

We store your answers, how long each took, whether you changed to another window meanwhile, the \
size of your screen and which browser you use. We do not store your name or address.

Taking part is voluntary. You may pause at any time and come back with the same browser, and you \
may withdraw at any time, without a reason: what you answered is then erased."""


@dataclass(frozen=True)
class Preset:
    """A protocol.

    images, exemplars, training   as in `Benches.create`
    checks    attention checks for every hundred test images
    fields    of the manifest
    """

    title: str
    about: str
    images: int
    exemplars: int = 0
    training: int = 0
    checks: float = 0
    fields: Mapping[str, Any] = field(default_factory=dict)


PRESETS = {
    "cifar10-2011": Preset(
        "What does each image show?",
        "one answer by a single key, no training phase",
        images=400,
    ),
    "imagenet-top5": Preset(
        "Up to five guesses at each image",
        "a training phase with feedback, then a sealed test; five ranked guesses; examples",
        images=400,
        exemplars=13,
        training=50,
        checks=1,
        fields={"choice": "ranked", "guesses": 5},
    ),
    "forced-choice": Preset(
        "What did you see?",
        "the image stands briefly, then noise, then a grid of classes",
        images=200,
        training=10,
        fields={
            "timing": {"fixation_ms": 300, "exposure_ms": 200, "mask_ms": 200},
            "resume": "once",
        },
    ),
    "multi-label": Preset(
        "Everything that each image shows",
        "all classes that apply; afterwards, whether the given label is wrong, and why",
        images=100,
        checks=1,
        fields={"choice": "all", "guesses": 10_000},
    ),
}


def preset(name: str) -> Preset:
    """The protocol of that name. Raises DataError."""
    if name not in PRESETS:
        raise DataError(f"there is no protocol '{name}'; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def laid_out(classes: Sequence[Class], hierarchy: Path) -> tuple[tuple[Class, ...], dict[str, str]]:
    """Classes with their places in a hierarchy and in its order; and old name -> new name.

    hierarchy  JSON: {"nodes": {id: name}, "classes": [{"wnid", "names", "gloss", "path": [ids
    from the top]}]}. A class is found by its wnid (also at the head of its name, "n01440764_x") or
    by one of its names. Raises DataError for classes that are not there.
    """
    nodes, entries = _entries(hierarchy)
    by_key = _by_key(entries)
    shown = dict(zip((entry["wnid"] for entry in entries), _names(nodes, entries), strict=True))
    found, renamed, missing = [], {}, []
    for old in classes:
        entry = by_key.get(_plain(old.name)) or by_key.get(old.name.split("_")[0].lower())
        if entry is None:
            missing.append(old.name)
            continue
        new = shown[entry["wnid"]]
        path = tuple(nodes[node] for node in entry["path"][:-1])
        renamed[old.name] = new
        placed = replace(old, name=new, path=path, about=entry.get("gloss", ""))
        found.append((tuple(entry["path"]), placed))
    if missing:
        raise DataError(
            f"{hierarchy}: {len(missing)} of {len(classes)} classes are not in the hierarchy, "
            f"among them {missing[:5]}; name each by its wnid, or by a name that "
            f"no other class has"
        )
    ordered = _depth_first([place for place, _ in found])
    by_place = dict(found)
    return tuple(by_place[place] for place in ordered), renamed


def _entries(hierarchy: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    try:
        data = json.loads(hierarchy.read_text("utf-8"))
        for entry in data["classes"]:
            if not entry["names"] or any(node not in data["nodes"] for node in entry["path"]):
                raise KeyError(entry["wnid"])
        return data["nodes"], data["classes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{hierarchy}: no hierarchy of classes ({error!r}); expected JSON with 'nodes' and "
            f"'classes', each class with wnid, names and path"
        ) from error


def _by_key(entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """wnid or name -> entry; a name that is the first of several classes means none of them."""
    firsts = Counter(_plain(entry["names"][0]) for entry in entries)
    keys = {_plain(name): entry for entry in entries for name in entry["names"]}
    keys |= {_plain(entry["names"][0]): entry for entry in entries}
    keys = {name: entry for name, entry in keys.items() if firsts[name] < 2}
    return keys | {entry["wnid"].lower(): entry for entry in entries}


def _names(nodes: Mapping[str, str], entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The first name of each; where several share it, with the group that it belongs to."""
    firsts = Counter(_plain(entry["names"][0]) for entry in entries)
    for entry in entries:
        name = entry["names"][0]
        alone = firsts[_plain(name)] == 1 or len(entry["path"]) < 2
        yield name if alone else f"{name} ({nodes[entry['path'][-2]]})"


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").strip()


def _depth_first(places: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The places as a walk through the tree meets them, branches in the order of their first."""
    first: dict[tuple[str, ...], int] = {}
    for i, place in enumerate(places):
        for depth in range(1, len(place) + 1):
            first.setdefault(place[:depth], i)
    return sorted(places, key=lambda p: tuple(first[p[:d]] for d in range(1, len(p) + 1)))
