"""A model's answers from a file: CSV, JSON or NumPy; class names, class numbers or scores.

    CSV   a header; a column `item` (or image, file, name, filename) and either `answer`, or
          answer_1, answer_2, ... (the best first), or one column of scores for each class;
          `confidence` (0..1) may stand beside answers
    JSON  {item: answer}, or a list of answers in the order of the bench's images; or an object with
          the keys "answers" and "classes" (what the numbers mean, where the model has its own
          order). An answer is a class, a ranked list of classes, or {class: score}
    NPY   in the order of the bench's images: (I,) classes, (I, k) ranked whole numbers or names,
          (I, K) floating scores

A class is its name, or its number from 0 in the order of the bench's classes. Scores rank the
classes; where they are probabilities, the largest is the model's confidence.
"""

import csv
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.answers import ModelAnswers

Array = NDArray[Any]

KEPT = 5  # ranked classes of a row of scores
ITEM_COLUMNS = ("item", "image", "file", "filename", "name", "path")
ANSWER_COLUMNS = ("answer", "prediction", "class", "label")


def read_model(
    path: str | Path,
    classes: Sequence[str],
    items: Sequence[str],
    date: str | None = None,
    source: str | None = None,
) -> ModelAnswers:
    """Read a model's answers to `items`; those to other images are left aside.

    classes, items  of the bench, in its order; date  ISO 8601, may be a year or a month
    Raises DataError that says what does not fit: classes that are unknown, images without an
    answer, a number of rows that is not that of the images, scores that are not numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    readers = {".csv": _csv, ".json": _json, ".npy": _npy}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path.name}: answers are read from .csv, .json and .npy")
    reader = _Reader(path.name, tuple(classes), tuple(items))
    readers[path.suffix.lower()](path, reader)
    return reader.finish(date, source or str(path))


class _Reader:
    """Collects answers by item, in whatever form they come."""

    def __init__(self, file: str, classes: tuple[str, ...], items: tuple[str, ...]) -> None:
        self.file = file
        self.classes = classes  # what a number means in this file
        self.known = frozenset(classes)
        self.items = items
        self.answers: dict[str, tuple[str, ...]] = {}
        self.confidence: dict[str, float] = {}

    def wrong(self, where: str, what: str) -> DataError:
        return DataError(f"{self.file}, {where}: {what}")

    def number_classes(self, names: Sequence[Any]) -> None:
        """Numbers of this file mean `names`."""
        if missing := self.known - set(map(str, names)):
            raise self.wrong("classes", f"the bench's class {min(missing)!r} is not among them")
        self.classes = tuple(map(str, names))

    def name(self, where: str, value: Any) -> str:
        """A class by its name or number."""
        text = str(value).strip()
        if text in self.known:
            return text
        if text.lstrip("-").isdigit():
            if not 0 <= int(text) < len(self.classes):
                raise self.wrong(
                    where,
                    f"class number {text}, but there are {len(self.classes)} classes "
                    f"(numbers 0 to {len(self.classes) - 1})",
                )
            text = self.classes[int(text)]
            if text in self.known:
                return text
        near = difflib.get_close_matches(text, self.known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise self.wrong(where, f"{text!r} is not a class of this bench{hint}")

    def ranked(self, item: str, where: str, values: Sequence[Any]) -> None:
        """Class names or numbers, the best first."""
        names = tuple(self.name(where, value) for value in values)
        if len(set(names)) < len(names):
            raise self.wrong(where, f"the same class twice in {', '.join(names)}")
        self.keep(item, where, names)

    def scores(self, item: str, where: str, values: Mapping[str, float]) -> None:
        """Scores by class; what is no class of the bench is left aside."""
        known = {name: score for name, score in values.items() if name in self.known}
        if len(known) < len(self.known):
            raise self.wrong(where, f"no score for {min(self.known - known.keys())!r}")
        if not all(math.isfinite(score) for score in values.values()):
            raise self.wrong(where, "a score is not a finite number")
        order = sorted(known, key=lambda name: -known[name])[:KEPT]
        total = sum(values.values())
        if min(values.values()) >= 0 and abs(total - 1) < 1e-3:
            self.confidence[item] = min(known[order[0]], 1.0)
        self.keep(item, where, tuple(order))

    def keep(self, item: str, where: str, names: tuple[str, ...]) -> None:
        if item in self.answers:
            raise self.wrong(where, f"a second answer to the image {item!r}")
        self.answers[item] = names

    def in_order(self, rows: int) -> None:
        """Raise where a list without names of images has not one row an image."""
        if rows != len(self.items):
            raise self.wrong(
                f"{rows} rows",
                f"without names of images there must be one row for each of the "
                f"{len(self.items)} images of the bench, in its order",
            )

    def finish(self, date: str | None, source: str) -> ModelAnswers:
        """The answers to the bench's images; raises where one has none."""
        missing = [item for item in self.items if item not in self.answers]
        if missing:
            raise DataError(
                f"{self.file} answers {len(self.items) - len(missing)} of the {len(self.items)} "
                f"images of the bench; the first without an answer is {missing[0]!r}. A model is "
                "compared on exactly the images that people saw"
            )
        return ModelAnswers(
            {item: self.answers[item] for item in self.items},
            date,
            source,
            {item: self.confidence[item] for item in self.items if item in self.confidence},
        )


def _csv(path: Path, reader: _Reader) -> None:
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = [name.strip() for name in rows.fieldnames or []]
        rows.fieldnames = columns
        item = next((name for name in columns if name.lower() in ITEM_COLUMNS), None)
        ranked = _answer_columns(columns)
        if item is None or not (ranked or reader.known <= set(columns)):
            raise reader.wrong(
                "header",
                f"found the columns {', '.join(columns) or '(none)'}; expected item and answer, "
                "or item, answer_1, answer_2, ..., or item and a column of scores for each class",
            )
        for line, row in enumerate(rows, start=2):
            _csv_row(reader, f"line {line}", row, row[item], ranked)


def _csv_row(
    reader: _Reader, where: str, row: Mapping[str, str], item: str, ranked: Sequence[str]
) -> None:
    if item not in reader.items:
        return
    if not ranked:
        reader.scores(item, where, {k: _number(reader, where, row[k]) for k in reader.known})
        return
    reader.ranked(item, where, [row[name] for name in ranked if (row[name] or "").strip()])
    if row.get("confidence"):
        confidence = _number(reader, where, row["confidence"])
        if not 0 <= confidence <= 1:
            raise reader.wrong(where, f"the confidence {confidence:g} is not between 0 and 1")
        reader.confidence[item] = confidence


def _answer_columns(columns: Sequence[str]) -> list[str]:
    numbered = [name for name in columns if name.startswith("answer_") and name[7:].isdigit()]
    if numbered:
        return sorted(numbered, key=lambda name: int(name[7:]))
    return [name for name in columns if name.lower() in ANSWER_COLUMNS][:1]


def _number(reader: _Reader, where: str, text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise reader.wrong(where, f"{text!r} is not a number") from None


def _json(path: Path, reader: _Reader) -> None:
    try:
        data = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise reader.wrong("reading", f"this is no JSON: {error}") from error
    if isinstance(data, dict) and "answers" in data and "classes" in data:
        reader.number_classes(data["classes"])
        data = data["answers"]
    if isinstance(data, list):
        reader.in_order(len(data))
        data = dict(zip(reader.items, data, strict=True))
    if not isinstance(data, dict):
        raise reader.wrong("reading", "expected a list of answers or an object {item: answer}")
    for item in reader.items:
        if item in data:
            _json_answer(reader, item, data[item])


def _json_answer(reader: _Reader, item: str, answer: Any) -> None:
    where = f"image {item!r}"
    if isinstance(answer, dict):
        scores = {str(name): _number(reader, where, value) for name, value in answer.items()}
        reader.scores(item, where, scores)
    elif not isinstance(answer, list):
        reader.ranked(item, where, [answer])
    elif any(isinstance(value, float) for value in answer):
        if len(answer) != len(reader.classes):
            raise reader.wrong(where, f"{len(answer)} scores for {len(reader.classes)} classes")
        numbers = [_number(reader, where, value) for value in answer]
        reader.scores(item, where, dict(zip(reader.classes, numbers, strict=True)))
    else:
        reader.ranked(item, where, answer)


def _npy(path: Path, reader: _Reader) -> None:
    try:
        array: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise reader.wrong("reading", f"this is no plain NumPy array: {error}") from error
    if array.ndim not in (1, 2) or array.dtype.kind not in "iufU":
        raise reader.wrong(
            f"shape {array.shape}, {array.dtype}",
            "expected (images,) classes, (images, k) ranked classes or (images, classes) scores",
        )
    reader.in_order(len(array))
    if array.dtype.kind == "f" and (array.ndim == 1 or array.shape[1] != len(reader.classes)):
        raise reader.wrong(
            f"shape {array.shape}", f"expected scores for {len(reader.classes)} classes"
        )
    for row, item in enumerate(reader.items):
        if array.dtype.kind == "f":
            scores = dict(zip(reader.classes, array[row].tolist(), strict=True))
            reader.scores(item, f"row {row}", scores)
        else:
            reader.ranked(item, f"row {row}", np.atleast_1d(array[row]).tolist())
