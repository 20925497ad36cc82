"""The models beside the people: predicted here, or read from a file; kept with the bench."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import Conflict, DataError
from glassnet.humans.answers import ModelAnswers
from glassnet.humans.predictions import KEPT, read_model

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from glassnet.humans.service import Bench
    from glassnet.train import Run

_AT_ONCE = 64  # images that are in memory together


def add(bench: "Bench", name: str, source: Path, date: str | None) -> ModelAnswers:
    """Read or predict a model's answers to the bench's test images, and keep them."""
    if not name.strip() or len(name) > 80:
        raise DataError(f"the name of a model is from 1 to 80 characters, got {name!r}")
    manifest = bench.manifest
    if source.is_dir() or source.name.endswith(".safetensors"):
        answers = predicted(bench, source, date)
    else:
        items = [item.name for item in manifest.of_kind("test")]
        numbered = [c.name for c in sorted(manifest.classes, key=lambda c: c.number)]
        answers = read_model(source, numbered, items, date, source.name)
    keep(bench, name, answers)
    return answers


def keep(bench: "Bench", name: str, answers: ModelAnswers) -> None:
    """Store a model's answers. Raises Conflict where others have the name."""
    from sqlalchemy import insert, select

    from glassnet.humans import log
    from glassnet.humans.schema import MODEL

    text = json.dumps(vars(answers), ensure_ascii=False, sort_keys=True)

    def job(connection: "Connection") -> None:
        of_name = (MODEL.c.bench == bench.name) & (MODEL.c.name == name)
        found = connection.execute(select(MODEL.c.answers).where(of_name)).scalar_one_or_none()
        if found not in (None, text):
            raise Conflict(f"'{bench.name}' has a model '{name}' with other answers; rename one")
        if found is None:
            row = {"bench": bench.name, "name": name, "answers": text, "added_at": log.now()}
            connection.execute(insert(MODEL), row)

    bench.store.write(job)


def stored(bench: "Bench") -> Mapping[str, ModelAnswers]:
    """name -> answers, in the order in which they were added."""
    from sqlalchemy import select

    from glassnet.humans.schema import MODEL

    query = select(MODEL).where(MODEL.c.bench == bench.name).order_by(MODEL.c.added_at)
    with bench.store.read() as connection:
        return {row.name: _read(json.loads(row.answers)) for row in connection.execute(query)}


def predicted(bench: "Bench", source: Path, date: str | None) -> ModelAnswers:
    """What a stored run says to the bench's images."""
    from glassnet.train import load

    return of_run(bench, load(source), f"the run {source.name}", date)


def of_run(bench: "Bench", run: "Run", source: str, date: str | None) -> ModelAnswers:
    """What a run says to the bench's images, prepared as the run itself prepares images."""
    columns = _columns(bench, run)
    names, items = bench.manifest.class_names, bench.manifest.of_kind("test")
    answers: dict[str, tuple[str, ...]] = {}
    confidence: dict[str, float] = {}
    for start in range(0, len(items), _AT_ONCE):
        part = items[start : start + _AT_ONCE]
        for item, row in zip(part, _predict(bench, run, [i.name for i in part]), strict=True):
            scores = row[columns]
            order = (-scores).argsort(kind="stable")[: max(KEPT, bench.manifest.guesses)]
            answers[item.name] = tuple(names[k] for k in order)
            confidence[item.name] = float(scores[order[0]])
    return ModelAnswers(answers, date, source, confidence)


def _predict(bench: "Bench", run: "Run", items: list[str]) -> NDArray[np.float32]:
    """Probabilities (items, classes of the run) from the stored images, read as files are."""
    pixels = [run.preprocessing.read(io.BytesIO(bench.image("given", name))) for name in items]
    if len({image.shape for image in pixels}) == 1:
        return run.predict(np.stack(pixels))
    return np.concatenate([run.predict(image[None]) for image in pixels])


def _columns(bench: "Bench", run: "Run") -> list[int]:
    """The place of each of the bench's classes among the run's. Raises DataError."""
    places = {name: k for k, name in enumerate(run.classes)}
    classes = bench.manifest.classes
    missing = [c.name for c in classes if c.name not in places and c.key not in places]
    if missing:
        raise DataError(
            f"the run {run.path} does not know the class {missing[0]!r} (and "
            f"{len(missing) - 1} more of {len(classes)}); its classes are "
            f"{', '.join(run.classes[:8])}"
        )
    return [places[c.name] if c.name in places else places[c.key] for c in classes]


def _read(data: dict[str, Any]) -> ModelAnswers:
    answers = {item: tuple(ranked) for item, ranked in data["answers"].items()}
    return ModelAnswers(answers, data["date"], data["source"], data["confidence"])
