"""`glassnet predict`: what a trained network says to images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from glassnet.cli.console import Answer, Unfinished, answers, percent, say
from glassnet.errors import DataError

BATCH = 64  # images that are in memory at once


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--top", default=3, show_default=True, type=click.IntRange(1), help="Answers each.")
@answers
def predict(run: str, images: tuple[str, ...], top: int) -> Answer:
    """Say what images show, with a trained network.

    For each image the surest answers, with their probabilities. An IMAGE may be a folder: then all
    images in it, at any depth. One that cannot be read is named on standard error, the others are
    answered all the same, and the exit code is 1.

    \b
    Examples:
      glassnet predict runs/photos holiday.jpg
      glassnet predict runs/photos new/ --top 5 --json
    """
    from glassnet.train import load

    trained = load(run)
    files = expand(images)
    found: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for start in range(0, len(files), BATCH):
        readable, pixels = _read(trained.preprocessing, files[start : start + BATCH], broken)
        if readable:
            for file, row in zip(readable, _predict(trained, pixels), strict=True):
                found.append(_answer(file, row, trained.classes, top))
                say(_line(found[-1]))
    answer = {"run": run, "images": found, "unreadable": broken}
    if broken:
        raise Unfinished(
            f"{len(broken)} of {len(files)} images could not be read:\n  "
            + "\n  ".join(entry["error"] for entry in broken),
            answer,
        )
    return answer


def expand(images: Sequence[str]) -> list[str]:
    """Files as they are, folders as the images in them, in the order of their names."""
    from glassnet.data.images import SUFFIXES

    files: list[str] = []
    for image in images:
        path = Path(image)
        if path.is_dir():
            inside = (p for p in sorted(path.rglob("*")) if p.suffix.lower() in SUFFIXES)
            files += [str(p) for p in inside if not p.name.startswith(".")]
        else:
            files.append(image)
    if not files:
        raise DataError(f"there are no images in {', '.join(images)}")
    return files


def _read(preprocessing: Any, files: Sequence[str], broken: list[dict[str, str]]) -> Any:
    """(names, arrays (C, H, W)) of the files that can be read; the others go to `broken`."""
    readable, pixels = [], []
    for file in files:
        try:
            pixels.append(preprocessing.read(file))
        except DataError as error:
            broken.append({"file": file, "error": str(error)})
        else:
            readable.append(file)
    return readable, pixels


def _predict(run: Any, pixels: Sequence[Any]) -> Any:
    import numpy as np

    return run.predict(np.stack(pixels))


def _answer(file: str, probabilities: Any, classes: Sequence[str], top: int) -> dict[str, Any]:
    order = (-probabilities).argsort(kind="stable")[:top]
    ranked = [{"label": classes[k], "probability": float(probabilities[k])} for k in order]
    return {"file": file, **ranked[0], "top": ranked}


def _line(answer: dict[str, Any]) -> str:
    ranked = (f"{entry['label']} {percent(entry['probability'])}" for entry in answer["top"])
    return f"{answer['file']}: {', '.join(ranked)}"
