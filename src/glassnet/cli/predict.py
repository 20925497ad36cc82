"""`glassnet predict`: what a trained network says to images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, Unfinished, answers, percent, say
from glassnet.errors import DataError

if TYPE_CHECKING:
    from glassnet.train import Run

BATCH = 64  # images that are in memory at once


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--top", default=3, show_default=True, type=click.IntRange(1), help="Answers each.")
@answers
def predict(run: str, images: tuple[str, ...], top: int) -> Answer:
    """Say what images show, with a trained network.

    For each image the surest answers, with their probabilities; of a run with attributes each of
    them. An IMAGE may be a folder: then all images in it, at any depth; for a run that learned from
    clips a folder of frames is one clip, and gets one answer. One that cannot be read is named on
    standard error, the others are answered all the same, and the exit code is 1.

    \b
    Examples:
      glassnet predict runs/photos holiday.jpg
      glassnet predict runs/photos new/ --top 5 --json
    """
    from glassnet.train import load

    trained = load(run)
    clips = trained.config.get("task") == "clips"
    files = expand(images)
    found: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for names, rows in _answers(trained, by_clip(images) if clips else None, files, broken):
        for name, row in zip(names, rows, strict=True):
            found.append(_answer(name, row, trained, top))
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


def by_clip(images: Sequence[str]) -> dict[str, list[str]]:
    """The folders that hold frames, with them; an image that was named itself is one of its own."""
    clips: dict[str, list[str]] = {}
    for image in images:
        for file in expand([image]):
            clips.setdefault(str(Path(file).parent) if Path(image).is_dir() else file, []).append(
                file
            )
    return clips


def _answers(
    run: "Run",
    clips: dict[str, list[str]] | None,
    files: Sequence[str],
    broken: list[dict[str, str]],
) -> Iterator[tuple[list[str], Any]]:
    """(names, probabilities (n, K)) of the images in batches, or of one clip after another."""
    if clips is None:
        for start in range(0, len(files), BATCH):
            yield _probabilities(run, files[start : start + BATCH], broken)
        return
    for clip, frames in clips.items():
        rows = [
            _probabilities(run, frames[start : start + BATCH], broken)[1]
            for start in range(0, len(frames), BATCH)
        ]
        if any(len(row) for row in rows):
            yield [clip], _pooled([one for row in rows for one in row])


def _probabilities(run: "Run", files: Sequence[str], broken: list[dict[str, str]]) -> Any:
    """(names, probabilities (n, K)) of the files that can be read."""
    import numpy as np

    readable, pixels = _read(run.preprocessing, files, broken)
    return readable, run.predict(np.stack(pixels)) if readable else []


def _pooled(rows: Sequence[Any]) -> Any:
    """Probabilities of frames (n, K) -> of the clip (1, K): softmax of the mean of the logits."""
    import numpy as np

    logits = np.log(np.maximum(rows, np.finfo(np.float32).tiny)).mean(0, keepdims=True)
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def _answer(name: str, probabilities: Any, run: "Run", top: int) -> dict[str, Any]:
    order = (-probabilities).argsort(kind="stable")[:top]
    ranked = [{"label": run.classes[k], "probability": float(probabilities[k])} for k in order]
    answer = {"file": name, **ranked[0], "top": ranked}
    if run.attributes:
        shares = map(float, probabilities)
        answer["attributes"] = dict(zip(run.classes, shares, strict=True))
    return answer


def _line(answer: dict[str, Any]) -> str:
    ranked = (f"{entry['label']} {percent(entry['probability'])}" for entry in answer["top"])
    return f"{answer['file']}: {', '.join(ranked)}"
