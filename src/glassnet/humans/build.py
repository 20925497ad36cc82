"""Making a bench: choosing pictures, keeping examples and test apart, drawing what is shown.

The choice depends on the seed and the pictures' names alone (SHA-256), so that the same source
gives the same bench, whatever the version of anything.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.data.dataset import in_threads
from glassnet.data.progress import progress
from glassnet.errors import DataError, GlassnetWarning
from glassnet.humans import images
from glassnet.humans.manifest import (
    Class,
    Display,
    Exclusion,
    Item,
    Kind,
    Manifest,
    Timing,
)
from glassnet.humans.presets import CONSENT, Preset, laid_out
from glassnet.humans.sources import Picture, Source

if TYPE_CHECKING:
    from PIL.Image import Image

_AT_ONCE = 64  # pictures that are decoded together
_PARTS = {"display": Display, "timing": Timing, "exclusion": Exclusion}
_OURS = {"name", "protocol", "source", "classes", "items", "exemplars", "length", "overlap"}


@dataclass(frozen=True)
class Wish:
    """What was asked for; None is what the preset says."""

    images: int | None = None
    exemplars: int | None = None
    training: int | None = None
    checks: int | None = None
    seed: int = 0
    hierarchy: Path | None = None
    consent: str | None = None
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Body:
    """One row of the table of images."""

    kind: str
    name: str
    body: bytes


def make(
    name: str, protocol: str, preset: Preset, source: Source, wish: Wish, spool: Path
) -> tuple[Manifest, Iterable[Body]]:
    """The manifest, and the images to store with it, which can be gone through again.

    spool  an empty folder for what does not have to stay in memory. Raises DataError for pictures
    that cannot be used, for too few of them, and for fields that mean nothing.
    """
    numbered = (replace(c, key=c.name, number=i) for i, c in enumerate(source.classes))
    source = replace(source, classes=tuple(numbered))
    if wish.hierarchy is not None:
        source = _with_hierarchy(source, wish.hierarchy)
    given = _fields(preset, source, wish)
    maker = _Maker(source, wish.seed, given["display"], spool)
    test = maker.test(_number(wish.images, preset.images, "images"))
    checks = wish.checks
    if checks is None:
        checks = round(preset.checks * len(test) / 100)
    per_class = _number(wish.exemplars, preset.exemplars, "exemplars", least=0)
    exemplars, strips = maker.exemplars(per_class)
    training = maker.training(_number(wish.training, preset.training, "training", least=0))
    _say_what_is_missing(wish, source, exemplars, len(training))
    items = (*training, *test, *maker.checks(checks))
    manifest = Manifest(
        name=name,
        protocol=protocol,
        source=f"{source.about} ({len(source.test):,} images)",
        classes=source.classes,
        items=items,
        exemplars=exemplars,
        seed=wish.seed,
        length=maker.longest + 12,
        overlap=maker.overlap(),
        **given,
    )
    return manifest, _Bodies(manifest, strips, maker.spooled)


@dataclass(frozen=True)
class _Bodies:
    """What the table of images is to hold; each time anew, should a transaction be repeated."""

    manifest: Manifest
    strips: Mapping[str, bytes]
    spooled: Callable[[str, str], Path]

    def __iter__(self) -> Iterator[Body]:
        for item in self.manifest.items:
            png = self.spooled("shown", item.name).read_bytes()
            yield Body("shown", item.name, images.padded(png, self.manifest.length))
            if item.kind == "test":
                yield Body("given", item.name, self.spooled("given", item.name).read_bytes())
        for index, strip in self.strips.items():
            yield Body("strip", index, strip)


class _Maker:
    """Chooses and draws; every picture is decoded once."""

    def __init__(self, source: Source, seed: int, display: Display, spool: Path) -> None:
        self.source, self.seed, self.display, self.spool = source, seed, display, spool
        self.longest = 0
        self._seen = images.Seen()
        self._used: set[str] = set()
        self._left_out = 0
        self._rest = list(source.rest or source.test)

    def test(self, count: int) -> tuple[Item, ...]:
        """`count` pictures, or all there are, in the order of the source."""
        names = {picture.name for picture in self._shuffled(self.source.test)[:count]}
        chosen = [picture for picture in self.source.test if picture.name in names]
        self._used |= names
        items = []
        for picture, image in _decoded("test images", chosen):
            self._seen.add(image)
            items.append(self._drawn(picture, image, "test"))
        return tuple(items)

    def exemplars(self, per_class: int) -> tuple[dict[str, tuple[str, ...]], dict[str, bytes]]:
        """(class -> fingerprints, index of the class -> its strip) of up to `per_class` each."""
        prints: dict[str, tuple[str, ...]] = {}
        strips: dict[str, bytes] = {}
        if per_class == 0:
            return prints, strips
        by_class: dict[str, list[Picture]] = {}
        for picture in self._shuffled(self._rest):
            by_class.setdefault(picture.truth[0], []).append(picture)
        with progress("examples", len(self.source.classes)) as advance:
            for index, kind in enumerate(self.source.classes):
                found = self._apart(by_class.get(kind.name, []), per_class)
                advance(1)
                if found:
                    pictures = [image for _, image in found]
                    prints[kind.name] = tuple(images.fingerprint(image) for image in pictures)
                    strips[str(index)] = images.strip(pictures, self.display.exemplar_side)
        return prints, strips

    def training(self, count: int) -> tuple[Item, ...]:
        """`count` pictures for the training phase, or as many as there are."""
        found = self._apart(self._shuffled(self._rest), count)
        return tuple(self._drawn(picture, image, "training") for picture, image in found)

    def checks(self, count: int) -> tuple[Item, ...]:
        """Images that say which class to choose."""
        names = [kind.name for kind in self.source.classes]
        order = sorted(names, key=lambda name: _draw(self.seed, f"check/{name}"))
        items = []
        for k in range(count):
            name = order[k % len(order)]
            image = images.instruction(name, self.display.side)
            items.append(self._item(f"check/{k}", (name,), None, image, "check"))
        return tuple(items)

    def overlap(self) -> dict[str, Any]:
        """How examples were kept apart from the test, for the manifest."""
        return {
            "rule": "equal pixels, or both perceptual hashes within the distance",
            "hashes": ["imagehash.phash 64 bits", "imagehash.dhash 64 bits"],
            "distance": images.Seen.distance,
            "left_out": self._left_out,
        }

    def _apart(self, candidates: Iterable[Picture], count: int) -> "list[tuple[Picture, Image]]":
        """The first `count` that are neither used nor nearly a test image."""
        found: list[tuple[Picture, Image]] = []
        for picture in candidates:
            if len(found) == count:
                break
            if picture.name in self._used:
                continue
            image = picture.open()
            if self._seen.has(image):
                self._left_out += 1
                continue
            self._used.add(picture.name)
            found.append((picture, image))
        return found

    def _drawn(self, picture: Picture, image: "Image", kind: Kind) -> Item:
        return self._item(picture.name, picture.truth, picture.condition, image, kind)

    def _item(
        self,
        name: str,
        truth: tuple[str, ...],
        condition: str | None,
        image: "Image",
        kind: Kind,
    ) -> Item:
        """Draw what people see and what models get, and keep both until the end."""
        given = images.given(image)
        side, interpolation = self.display.side, self.display.interpolation
        png = images.to_png(images.shown(given, side, interpolation))
        self.longest = max(self.longest, len(png))
        self.spooled("shown", name).write_bytes(png)
        if kind == "test":
            self.spooled("given", name).write_bytes(images.to_png(given))
        return Item(name, kind, truth, images.fingerprint(given), condition)

    def spooled(self, kind: str, name: str) -> Path:
        """Where an image lies until it is stored."""
        return self.spool / f"{kind}-{hashlib.sha256(name.encode()).hexdigest()}"

    def _shuffled(self, pictures: Sequence[Picture]) -> list[Picture]:
        return sorted(pictures, key=lambda picture: _draw(self.seed, picture.name))


def _decoded(what: str, pictures: "Sequence[Picture]") -> "Iterator[tuple[Picture, Image]]":
    """The pictures with their images, decoded on all cores, a few at a time."""
    with progress(what, len(pictures)) as advance:
        for start in range(0, len(pictures), _AT_ONCE):
            part = pictures[start : start + _AT_ONCE]
            for picture, image in zip(part, in_threads(_open, part), strict=True):
                advance(1)
                yield picture, image


def _open(picture: Picture) -> "Image":
    return picture.open()


def _say_what_is_missing(
    wish: Wish, source: Source, exemplars: Mapping[str, Sequence[str]], training: int
) -> None:
    """Warn where fewer pictures were found than were asked for."""
    wanted = wish.exemplars or 0
    short = [c.name for c in source.classes if len(exemplars.get(c.name, ())) < wanted]
    said = []
    if short:
        said.append(
            f"{len(short)} of {len(source.classes)} classes have fewer than {wanted} examples "
            f"besides the test images, among them {', '.join(short[:5])}"
        )
    if training < (wish.training or 0):
        said.append(f"{training} images were left for training, {wish.training} were wanted")
    for text in said:
        warnings.warn(text, GlassnetWarning, stacklevel=4)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _number(asked: int | None, usual: int, what: str, least: int = 1) -> int:
    number = usual if asked is None else asked
    if number < least:
        raise DataError(f"{what} must be at least {least}, got {number}")
    return number


def _fields(preset: Preset, source: Source, wish: Wish) -> dict[str, Any]:
    """Fields of the manifest: the preset's, changed as asked for."""
    known = {f.name for f in fields(Manifest)} - _OURS - {"format", "seed"}
    changes = dict(wish.changes or {})
    if wish.consent is not None:
        changes["consent"] = wish.consent
    if strange := changes.keys() - known:
        raise DataError(f"{sorted(strange)} cannot be chosen; what can: {sorted(known)}")
    given = {"title": preset.title, "consent": CONSENT} | dict(preset.fields)
    for name, part in _PARTS.items():
        given[name] = _part(part, name, given.get(name, {}), changes.pop(name, {}))
    given |= changes
    given["guesses"] = _guesses(int(given.get("guesses", 1)), given, source.classes)
    return given


def _guesses(wanted: int, given: Mapping[str, Any], classes: Sequence[Class]) -> int:
    """No more guesses than leave something to miss; all classes where all that apply count."""
    most = len(classes) if given.get("choice") == "all" else max(1, len(classes) - 1)
    return min(wanted, most)


def _part(part: Any, name: str, usual: Any, changes: Any) -> Any:
    """A nested part of the manifest from the preset's fields and the changes to them."""
    if isinstance(changes, part):
        return changes
    known = {f.name for f in fields(part)}
    if strange := dict(changes).keys() - known:
        raise DataError(f"{name}: {sorted(strange)} cannot be chosen; what can: {sorted(known)}")
    return part(**(dict(usual) | dict(changes)))


def _with_hierarchy(source: Source, hierarchy: Path) -> Source:
    classes, renamed = laid_out(source.classes, hierarchy)

    def shown(pictures: Sequence[Picture]) -> list[Picture]:
        return [replace(p, truth=tuple(renamed[name] for name in p.truth)) for p in pictures]

    return replace(source, classes=classes, test=shown(source.test), rest=shown(source.rest))
