"""The manifest: frozen, hashed, and refused where it contradicts itself."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from glassnet.errors import DataError
from glassnet.humans.manifest import Class, Display, Item, Manifest, Timing


def manifest(**changes: Any) -> Manifest:
    made = Manifest(
        name="pets",
        protocol="cifar10-2011",
        title="What is it?",
        source="two pictures",
        classes=(Class("cat", ("animal", "pet"), "purrs"), Class("dog", ("animal",))),
        items=(
            Item("a/1.png", "test", ("cat",), "00"),
            Item("a/2.png", "test", ("dog", "cat"), "01", "sketch"),
            Item("a/3.png", "training", ("dog",), "02"),
        ),
        consent="Yes.",
        exemplars={"cat": ("03",)},
        length=1000,
    )
    return replace(made, **changes)


def test_json_gives_an_equal_manifest_with_the_same_digest() -> None:
    first = manifest(timing=Timing(exposure_ms=200), display=Display(side=96))
    again = Manifest.from_json(first.to_json())
    assert again == first
    assert again.digest == first.digest and len(first.digest) == 64


def test_every_field_is_in_the_digest() -> None:
    digests = {
        manifest(**change).digest
        for change in (
            {},
            {"seed": 1},
            {"consent": "Yes!"},
            {"display": Display(side=128)},
            {"items": manifest().items[:2]},
            {"classes": manifest().classes[::-1]},
            {"timing": Timing(deadline_ms=900)},
        )
    }
    assert len(digests) == 7


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        manifest().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": (Class("cat"), Class("cat"))}, "twice"),
        ({"classes": (Class("cat"),)}, "two classes"),
        ({"items": ()}, "no test image"),
        ({"items": (Item("x", "test", ("cow",), ""),)}, "true classes that are no classes"),
        ({"items": (Item("x", "test", (), ""),)}, "needs a true class"),
        ({"items": (Item("x", "test", ("cat",), ""),) * 2}, "image stands there twice"),
        ({"guesses": 0}, "guesses"),
        ({"guesses": 3}, "guesses"),
        ({"display": Display(side=5)}, "side"),
        ({"choice": "some"}, "choice"),
        ({"resume": "never"}, "policy"),
        ({"reveal": "never"}, "time to reveal"),
        ({"consent": " "}, "consent"),
    ],
)
def test_what_means_nothing_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        manifest(**change)


def test_another_format_and_damaged_text_are_refused() -> None:
    other = json.loads(manifest().to_json()) | {"format": 99}
    with pytest.raises(DataError, match="format 99"):
        Manifest.from_json(json.dumps(other))
    for text in ("", "{}", "[]", manifest().to_json()[:-30]):
        with pytest.raises(DataError):
            Manifest.from_json(text)


def test_what_is_public_names_no_item() -> None:
    shown = json.dumps(manifest().public())
    assert "purrs" in shown and manifest().digest in shown
    for secret in ("a/1.png", "a/3.png", "sketch", "truth", "two pictures"):
        assert secret not in shown
