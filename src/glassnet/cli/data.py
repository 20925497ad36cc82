"""`glassnet data`: which data sets are here, and what is in one."""

from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, answers, say, table

if TYPE_CHECKING:
    from glassnet.data import Dataset

CLASSES = 30  # more are not listed
ABSENT = {
    "": "not here; downloaded when first used",
    "demo-digits": "not here; pip install 'glassnet[demo]'",
}


@click.command()
@click.argument("name", required=False, metavar="[NAME|FOLDER|CSV]")
@answers
def data(name: str | None) -> Answer:
    """List the known data sets, or show what is in one.

    Of one: how many images of which size, how many of each class, and their mean and deviation.

    \b
    Examples:
      glassnet data
      glassnet data demo-digits
      glassnet data photos/
    """
    return _list() if name is None else _show(name)


def _list() -> Answer:
    from glassnet.cli.sources import KNOWN, where

    places = {name: where(name) for name in KNOWN}
    table(
        ("data set", "where"),
        [(name, place or ABSENT.get(name, ABSENT[""])) for name, place in places.items()],
        left=2,
    )
    say("A folder with one folder of images a class, or a .csv file, is a data set too.")
    return {"data": [{"name": name, "path": place} for name, place in places.items()]}


def _show(name: str) -> Answer:
    from glassnet.cli.sources import find

    source = find(name)
    train, held_out = source.open()
    channels, *size = train.shape
    kind = f"{size[1]} x {size[0]} pixels, {channels} channels" if size else f"{channels} features"
    statistics = _statistics(train)
    say(f"{train.name}: {len(train):,} to train, {len(held_out):,} held out; {kind}")
    say(f"mean {_numbers(statistics['mean'])}, standard deviation {_numbers(statistics['std'])}")
    counts = list(zip(train.classes, _counts(train), _counts(held_out), strict=True))
    rows = [(title, f"{first:,}", f"{second:,}") for title, first, second in counts]
    table(("class", "train", "held out"), rows[:CLASSES])
    if len(counts) > CLASSES:
        say(f"and {len(counts) - CLASSES} more classes")
    return {
        "name": train.name,
        "train": len(train),
        "held_out": len(held_out),
        "shape": list(train.shape),
        **statistics,
        "classes": [
            {"name": title, "train": first, "held_out": second} for title, first, second in counts
        ],
    }


def _statistics(dataset: "Dataset") -> dict[str, Any]:
    """Mean and standard deviation of each channel, in units of the pixel range 0..1."""
    from glassnet.data import Preprocessing

    fitted = Preprocessing.fit(dataset)
    return {"mean": list(fitted.mean), "std": list(fitted.std)}


def _counts(dataset: "Dataset") -> list[int]:
    import numpy as np

    counts: list[int] = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    return counts


def _numbers(values: list[float]) -> str:
    shown = ", ".join(f"{value:.3f}" for value in values[:3])
    return shown + (", ..." if len(values) > 3 else "")
