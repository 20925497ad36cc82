"""The manifest of a bench: everything that the protocol fixes, frozen and hashed before it starts.

T trials of one person: first the training items, then the test items with the attention checks
among them. Nothing in a manifest changes once the bench is made; its digest stands in the report.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, Self, get_args

from glassnet.data.images import INTERPOLATIONS, Interpolation
from glassnet.errors import DataError

Kind = Literal["training", "test", "check"]
Choice = Literal["one", "ranked", "all"]
Showing = Literal["again", "once"]
Revealing = Literal["bench", "session"]

FORMAT = 1
CAUSES: dict[str, str] = {
    "several": "several objects in the image",
    "label": "the given label is wrong",
    "fine": "classes that differ finely",
    "unknown": "class not known to the person",
    "examples": "too few examples of the class",
    "small": "small or thin object",
    "filter": "filter or distortion",
    "abstract": "abstract depiction",
    "text": "text in the image must be read",
    "other": "something else",
}


@dataclass(frozen=True)
class Class:
    """A class as people see it.

    path   names of the hierarchy from its top down to the group that the class stands in
    about  a line of explanation, or ""
    key    its name in the source ("n01440764"), and `number` its place there, from 0: what
           models that were trained on the source mean by it
    """

    name: str
    path: tuple[str, ...] = ()
    about: str = ""
    key: str = ""
    number: int = -1


@dataclass(frozen=True)
class Item:
    """One image that is asked about.

    name    of the image in its source; never leaves the server before the lock
    truth   the classes that are accepted as right
    sha256  of the pixels that models are given, see `images.fingerprint`
    """

    name: str
    kind: Kind
    truth: tuple[str, ...]
    sha256: str
    condition: str | None = None


@dataclass(frozen=True)
class Display:
    """How images are shown: every one of a bench at the same size, prepared by the server.

    side           height and width in CSS pixels
    interpolation  how it was brought to that size
    exemplar_side  height and width of one example of a class
    """

    side: int = 256
    interpolation: Interpolation = "bicubic"
    exemplar_side: int = 96


@dataclass(frozen=True)
class Timing:
    """Times of one trial, in milliseconds; None is no limit, 0 nothing.

    fixation_ms  a cross before the image
    exposure_ms  how long the image stands
    mask_ms      how long noise stands after it
    deadline_ms  an answer that comes later, counted from the image, counts as none
    """

    fixation_ms: int = 0
    exposure_ms: int | None = None
    mask_ms: int = 0
    deadline_ms: int | None = None


@dataclass(frozen=True)
class Exclusion:
    """Whose answers do not count, decided before anyone answered.

    max_failed_checks   attention checks that may be answered wrongly
    min_completed       share of the test that must be answered
    min_median_seconds  the median answer must take at least this long
    max_blurred         share of answers during which another window may have been in front
    seen_before         whether people who said they know the images are left out
    """

    max_failed_checks: int = 1
    min_completed: float = 0.5
    min_median_seconds: float = 0.2
    max_blurred: float = 0.5
    seen_before: bool = True


@dataclass(frozen=True)
class Manifest:
    """One frozen bench.

    protocol     the preset it was made from
    source       where the images come from, in words
    classes      in the order in which they are laid out
    items        training, test and check items, in the order of the source
    exemplars    class -> fingerprints of its examples, none of which overlaps a test image
    seed         the order of each person is drawn from it and the person's number
    choice       "one" class, "ranked" guesses, or "all" that apply (scored as a set)
    guesses      answers that are taken, at most
    resume       "again": a trial that was broken off is shown again and marked; "once": an image
                 is never shown twice, the answer is given from memory or left out
    undo         whether an answer of the test may be revised
    reveal       the truth is told after the lock of the whole "bench", or of one's own "session"
    show_label   the given label is shown with the image (an audit of labels, no blind measurement)
    open         whether people may take part without an invitation (the demo)
    length       bytes of every image that is served for a trial
    overlap      how examples and test images were compared, and how many were left out
    """

    name: str
    protocol: str
    title: str
    source: str
    classes: tuple[Class, ...]
    items: tuple[Item, ...]
    consent: str
    exemplars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int = 0
    choice: Choice = "one"
    guesses: int = 1
    display: Display = Display()
    timing: Timing = Timing()
    exclusion: Exclusion = Exclusion()
    resume: Showing = "again"
    undo: bool = True
    confidence: bool = False
    reveal: Revealing = "bench"
    show_label: bool = False
    open: bool = False
    length: int = 0
    overlap: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise DataError where the parts contradict each other."""
        for wrong in _mistakes(self):
            raise DataError(f"the bench '{self.name}': {wrong}")

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in their order."""
        return tuple(c.name for c in self.classes)

    @cached_property
    def known(self) -> frozenset[str]:
        """The names of the classes, to look one up."""
        return frozenset(self.class_names)

    @cached_property
    def items_by_name(self) -> Mapping[str, Item]:
        """name -> item."""
        return {item.name: item for item in self.items}

    @cached_property
    def _by_kind(self) -> Mapping[Kind, tuple[Item, ...]]:
        kinds = get_args(Kind)
        return {kind: tuple(i for i in self.items if i.kind == kind) for kind in kinds}

    def of_kind(self, kind: Kind) -> tuple[Item, ...]:
        """The items of one kind, in the order of the source."""
        return self._by_kind[kind]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON: keys sorted, no spaces; the same manifest gives the same bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of `to_json`. Raises DataError for another format or damaged text."""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise DataError(
                    f"a manifest of format {data['format']} cannot be read; this glassnet reads "
                    f"format {FORMAT}; update glassnet"
                )
            return cls(**_parts(data))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise DataError(f"this is no manifest of a bench: {error}") from error

    def public(self) -> dict[str, Any]:
        """What a participant's page may know before the lock: no item, no truth, JSON-able."""
        hidden = {"items", "exemplars", "source", "exclusion", "overlap", "seed", "length"}
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden}
        shown |= {name: asdict(shown[name]) for name in ("display", "timing")}
        shown["classes"] = [asdict(c) for c in self.classes]
        shown["digest"] = self.digest
        shown["exemplars"] = max((len(found) for found in self.exemplars.values()), default=0)
        shown["trials"] = {
            "training": len(self.of_kind("training")),
            "test": len(self.of_kind("test")) + len(self.of_kind("check")),
        }
        return shown


def _parts(data: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists and objects as the manifest's own types."""
    return data | {
        "classes": tuple(Class(**c | {"path": tuple(c["path"])}) for c in data["classes"]),
        "items": tuple(Item(**i | {"truth": tuple(i["truth"])}) for i in data["items"]),
        "exemplars": {name: tuple(found) for name, found in data["exemplars"].items()},
        "display": Display(**data["display"]),
        "timing": Timing(**data["timing"]),
        "exclusion": Exclusion(**data["exclusion"]),
    }


def _mistakes(manifest: Manifest) -> list[str]:
    names, known = manifest.class_names, set(manifest.class_names)
    items = [item.name for item in manifest.items]
    stray = {name for item in manifest.items for name in item.truth} - known
    side, guesses = manifest.display.side, manifest.guesses
    checks = [
        (len(known) == len(names), "a class stands there twice; give each a name of its own"),
        (len(known) >= 2, f"at least two classes are needed, got {sorted(known)}"),
        (len(set(items)) == len(items), "an image stands there twice; name each once"),
        (bool(manifest.of_kind("test")), "there is no test image; give at least one"),
        (not stray, f"true classes that are no classes: {sorted(stray)[:5]}"),
        (all(item.truth for item in manifest.items), "every image needs a true class"),
        (1 <= guesses <= len(names), f"guesses must be from 1 to {len(names)}, got {guesses}"),
        (16 <= side <= 2048, f"the side must be from 16 to 2048 pixels, got {side}"),
        (manifest.display.interpolation in INTERPOLATIONS, "the interpolation is not known"),
        (manifest.choice in get_args(Choice), f"the choice '{manifest.choice}' is not known"),
        (manifest.resume in get_args(Showing), f"the policy '{manifest.resume}' is not known"),
        (manifest.reveal in get_args(Revealing), f"'{manifest.reveal}' is no time to reveal"),
        (bool(manifest.consent.strip()), "the text of consent is empty"),
    ]
    return [text for fine, text in checks if not fine]
