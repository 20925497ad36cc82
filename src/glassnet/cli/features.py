"""`glassnet features`: what a pretrained network says of images, as numbers for other programs."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, answers, say, threads
from glassnet.errors import DataError

if TYPE_CHECKING:
    from glassnet.transfer import Extracted, Layer, Source

MODEL = "efficientnet_lite0"
BROKEN = 5  # files that are named


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--model",
    default=MODEL,
    show_default=True,
    metavar="MODEL|RUN",
    help="A pretrained model (`glassnet models` lists them), or a run of yours.",
)
@click.option(
    "--layer",
    default="head",
    show_default=True,
    help='Such as "stage4", "blocks.5", "blocks.5/2" (means over 2 x 2 quarters); "head" '
    "is what the last layer is shown.",
)
@click.option(
    "--out",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The .npz file to write.",
)
@click.option(
    "--threads",
    "count",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="all cores",
    help="Of the network; as many decode beside it.",
)
@answers
def features(folder: Path, model: str, layer: str, out: Path, count: int) -> Answer:
    """Compute the features of all images in FOLDER.

    They are those of a pretrained network, at its end or at any layer.

    The file holds `features` float32 (N, D), `files`, and, where FOLDER has a folder a class,
    `labels` and `classes`. What was computed once is kept by the content of the image, the weights,
    the preprocessing and the layer: a second call reads it, and one that was killed goes on.

    \b
    Examples:
      glassnet features photos/ -o photos.npz
      glassnet features photos/ --model resnet50 --layer stage3 -o photos.npz
    """
    from glassnet import transfer

    files = _files(folder)
    source = transfer.source(model)
    chosen = transfer.Layer.parse(layer)
    say(f"{len(files):,} images in {folder}; {source.name}, layer {chosen}")
    start = time.monotonic()
    with threads(count):
        found = transfer.extract(source, folder, files, [chosen])
    seconds = time.monotonic() - start
    tell_computed(found.computed, len(found.files), seconds)
    tell_unreadable(found.unreadable)
    if not found.files:
        raise DataError(f"none of the {len(files)} images in {folder} can be read")
    labels = _save(out, found, chosen, source)
    values = found.values[chosen]
    say(f"{out}: features {values.shape[0]:,} x {values.shape[1]:,}{labels}")
    return {
        "out": str(out),
        "images": len(found.files),
        "features": values.shape[1],
        "computed": found.computed,
        "seconds": seconds,
        "unreadable": found.unreadable,
    }


def tell_computed(computed: int, total: int, seconds: float) -> None:
    """How many were new, and how fast that went."""
    if not computed:
        say(f"features: all {total:,} known from before ({seconds:.1f} s)")
        return
    known = f"; {total - computed:,} were known from before" if total > computed else ""
    say(
        f"features: {computed:,} computed in {seconds:.1f} s "
        f"({computed / seconds:,.0f} images/s){known}"
    )


def tell_unreadable(unreadable: dict[str, str]) -> None:
    """Name the files that were left out, on standard error."""
    if unreadable:
        shown = list(unreadable.values())[:BROKEN]
        more = len(unreadable) - len(shown)
        click.echo(
            f"note: {len(unreadable)} files cannot be read and are left out:\n  "
            + "\n  ".join(shown + [f"and {more} more"] * (more > 0)),
            err=True,
        )


def _files(folder: Path) -> list[str]:
    """All images in the folder, at any depth, relative to it, in order."""
    from glassnet.cli.predict import expand

    return [Path(file).relative_to(folder).as_posix() for file in expand([str(folder)])]


def _save(out: Path, found: "Extracted", layer: "Layer", source: "Source") -> str:
    """Write the .npz; says which labels are in it."""
    import io
    import json

    import numpy as np

    from glassnet.io import atomic_write

    labels, classes = _labels(found.files)
    arrays: dict[str, Any] = {"features": found.values[layer], "files": np.array(found.files)}
    if classes:
        arrays |= {"labels": np.array(labels), "classes": np.array(classes)}
    about = {
        "model": source.name,
        "layer": str(layer),
        "preprocessing": source.preprocessing.to_dict(),
    }
    content = io.BytesIO()
    np.savez(content, **arrays, about=np.array(json.dumps(about)))
    atomic_write(out, content.getvalue())
    return f", labels of {len(classes)} classes" if classes else ""


def _labels(files: list[str]) -> tuple[list[int], list[str]]:
    """Labels by the folder that an image lies in, or in train/ and val/; none for a flat folder."""
    from glassnet.data.folder import HELD_OUT

    parts = [Path(file).parts for file in files]
    if all(part[0] in ("train", *HELD_OUT) for part in parts):
        parts = [part[1:] for part in parts]
    if any(len(part) < 2 for part in parts):
        return [], []
    classes = sorted({part[0] for part in parts})
    return [classes.index(part[0]) for part in parts], classes
