"""The report of a run: what it scored, how it learned, what it gets wrong, how it was made.

One HTML file without a single address in it; its frame is page.py.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.data import Dataset
from glassnet.errors import DataError
from glassnet.io import atomic_write
from glassnet.look import page, pictures
from glassnet.look.charts import Curve, line_chart
from glassnet.look.confusion import confusions, matrix
from glassnet.look.wording import count, duration, percent, words
from glassnet.nn.summary import Summary, summary
from glassnet.train import Evaluation, Run

MISTAKES = 24  # pictures of the worst
FILTERS = 64  # of the first layer
CLASSES = 20  # rows that are always open, the worst; the others fold


def report(
    run: Run,
    data: Dataset | None = None,
    path: str | os.PathLike[str] | None = None,
    evaluation: Evaluation | None = None,
) -> Path:
    """Write the report of `run` as one HTML file and return its path.

    data  what the network is judged on; by default the validation data of the fit, if it is still
          in memory, and without any the report tells of the training alone
    path  the file; by default report.html in the folder of the run
    evaluation  `run.evaluate(data)`, if it was made already

    Raises DataError where there is no path, or where data has other classes than the run.
    """
    if path is None and run.path is None:
        raise DataError("this run has no folder: give report(run, path=...) a file to write")
    data = run.validation if data is None else data
    if data is not None:
        require_classes(run, data)
    target = Path(path) if path is not None else Path(run.path or "") / "report.html"
    return atomic_write(target, render(run, data, evaluation))


def require_classes(run: Run, data: Dataset) -> None:
    """Raise DataError where `data` has other classes than the run, or another order of them."""
    if data.classes != run.classes:
        raise DataError(
            f"the run knows the classes {_some(run.classes)}, the data {data.name} has "
            f"{_some(data.classes)}; judge it on data with the classes it was trained on"
        )


def render(run: Run, data: Dataset | None, evaluation: Evaluation | None = None) -> str:
    """The report as HTML text; data None: without what needs images to judge on."""
    context: dict[str, Any] = {
        "title": f"{run.config.get('model') or 'network'} on {run.config['dataset']['name']}",
        "curves": curves(run.history),
        "numbers": numbers(run.history),
        "filters": filters(run),
        "network": network(run),
        "facts": facts(run),
        "making": making(run),
        "command": run.config.get("command"),
        "run": run,
        "judged": None,
    }
    if data is not None and len(data):
        context |= judged(run, data, evaluation or run.evaluate(data))
    return page.render("glassnet.look", "report.html.j2", context)


def judged(run: Run, data: Dataset, evaluation: Evaluation) -> dict[str, Any]:
    """What the page tells of one evaluation: headline, classes, confusions, mistakes."""
    low, high = evaluation.interval
    total = len(evaluation.labels)
    return {
        "judged": {
            "name": data.name,
            "total": total,
            "right": total - evaluation.errors,
            "errors": evaluation.errors,
            "accuracy": evaluation.accuracy,
            "low": low,
            "high": high,
            "loss": evaluation.loss,
            "chose": data is run.validation and chosen(run),
        },
        "classes": per_class(evaluation),
        "matrix": matrix(evaluation.confusion, evaluation.classes),
        "confusions": confusions(evaluation.confusion, evaluation.classes),
        "mistakes": mistakes(evaluation, data),
    }


def chosen(run: Run) -> int | None:
    """The epoch whose weights the run holds, if a later one was passed over for it."""
    return run.epoch if run.history and run.epoch != run.history[-1]["epoch"] else None


def facts(run: Run) -> list[tuple[str, str]]:
    """What stands beside the headline, as (name, words)."""
    seconds = sum(row.get("seconds", 0.0) for row in run.history) or run.config.get("seconds", 0.0)
    return [
        ("Parameters", f"{run.net.num_parameters():,}"),
        ("Images to train", f"{run.config['dataset']['train_size']:,}"),
        ("Trained for", f"{length(run)}, {duration(seconds)}"),
        ("Seed", words(run.config.get("seed"))),
    ]


def length(run: Run) -> str:
    """How long it was trained, in words; a probe is solved, not trained for epochs."""
    return "a linear probe" if run.config.get("probe") else count(len(run.history), "epoch")


def curves(history: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The charts of loss, accuracy and learning rate; those with nothing to draw are left out."""
    loss, accuracy = _pair(history, "loss"), _pair(history, "accuracy")
    rate = [_curve(history, "lr", "", "ink")]
    drawn = [
        ("Loss", line_chart("loss", _in_words("Loss", loss), loss, log=True)),
        (
            "Accuracy",
            line_chart(
                "accuracy",
                _in_words("Accuracy", accuracy),
                accuracy,
                percent=True,
                mark=_peak(accuracy[-1]),
            ),
        ),
        ("Learning rate", line_chart("rate", _in_words("Learning rate", rate), rate)),
    ]
    return [{"title": title, "svg": svg} for title, svg in drawn if svg]


def numbers(history: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The history as a table: for each epoch, column -> text."""
    return [
        {
            key.replace("train_", "training_").replace("_", " "): _number(key, value)
            for key, value in row.items()
        }
        for row in history
    ]


def _number(key: str, value: Any) -> str:
    if key.endswith("accuracy"):
        return percent(value, 2)
    digits = {"lr": ".3g", "seconds": ".1f", "samples_per_second": ",.0f"}
    return f"{value:{digits.get(key, '.4f')}}" if isinstance(value, float) else words(value)


def _pair(history: Sequence[Mapping[str, Any]], metric: str) -> list[Curve]:
    return [
        _curve(history, f"train_{metric}", "training", "train"),
        _curve(history, f"validation_{metric}", "validation", "judge"),
    ]


def _curve(history: Sequence[Mapping[str, Any]], key: str, label: str, colour: str) -> Curve:
    points = [
        (float(row["epoch"]), float(row[key]))
        for row in history
        if isinstance(row.get(key), int | float) and np.isfinite(row[key])
    ]
    return Curve(label, [x for x, _ in points], [y for _, y in points], colour)


def _peak(line: Curve) -> tuple[float, float, str] | None:
    """The best of a curve, which its chart points at."""
    if len(line.y) < 2:
        return None
    best = int(np.argmax(line.y))
    return line.x[best], line.y[best], percent(line.y[best])


def _in_words(title: str, lines: Sequence[Curve]) -> str:
    """What a screen reader says in place of a chart."""
    parts = [
        f"{line.label} from {line.y[0]:.4g} to {line.y[-1]:.4g}".strip() for line in lines if line.y
    ]
    epochs = max((len(line.x) for line in lines), default=0)
    return f"{title} over {epochs} epochs: {'; '.join(parts)}."


def per_class(evaluation: Evaluation) -> dict[str, Any]:
    """Rows for the table of classes, the worst first, and the axis that they are drawn on."""
    rows: list[dict[str, Any]] = [
        {"name": name, "n": n, "right": right, "low": low, "high": high, "accuracy": right / n}
        for name, n, right, low, high in evaluation.per_class
        if n
    ]
    rows.sort(key=lambda row: (row["accuracy"], row["name"]))
    low, high = evaluation.interval
    everything = {
        "name": "all classes",
        "n": len(evaluation.labels),
        "right": len(evaluation.labels) - evaluation.errors,
        "low": low,
        "high": high,
        "accuracy": evaluation.accuracy,
    }
    start = math.floor(min(row["low"] for row in [everything, *rows]) * 10) / 10  # whole tenths
    end = math.ceil(max(row["high"] for row in [everything, *rows]) * 10) / 10
    for row in [everything, *rows]:
        for edge in ("low", "high", "accuracy"):
            row[f"{edge}_at"] = round(100 * (row[edge] - start) / (end - start), 2)
    return {
        "all": everything,
        "worst": rows[:CLASSES],
        "others": rows[CLASSES:],
        "axis": [start, (start + end) / 2, end],
        "without": [name for name, n, *_ in evaluation.per_class if not n],
    }


def mistakes(evaluation: Evaluation, data: Dataset) -> list[dict[str, Any]]:
    """The mistakes of which the network was surest, as pictures where the data are images."""
    worst = evaluation.worst(MISTAKES)
    if not len(worst):
        return []
    images, _ = data.batch(worst)
    return [
        {
            "picture": pictures.data_uri(pictures.pixels(image)) if image.ndim == 3 else None,
            "small": max(image.shape) <= 64,
            "truth": evaluation.classes[evaluation.labels[i]],
            "guess": evaluation.classes[evaluation.predictions[i]],
            "sure": float(evaluation.probabilities[i].max()),
            "file": file,
        }
        for i, image, file in zip(worst, images, data.files(worst), strict=True)
    ]


def filters(run: Run) -> dict[str, Any]:
    """The first layer's filters, if they can be looked at."""
    layer, weight = pictures.first_filters(run.net, _shape(run))
    drawn = [] if weight is None else [pictures.draw_filter(w) for w in weight[:FILTERS]]
    return {
        "layer": layer,
        "total": 0 if weight is None else len(weight),
        "colour": weight is not None and weight.shape[1] == 3,
        "pictures": [pictures.data_uri(picture) for picture in drawn],
    }


def network(run: Run) -> Summary:
    """The table of layers."""
    return summary(run.net, _shape(run))


def making(run: Run) -> list[tuple[str, str]]:
    """How the run was made, as (name, words): all that is needed to make it again."""
    config = run.config
    data = config["dataset"]
    settings = [
        ("Data", f"{data['name']}: {data['train_size']:,} images to train, "
                 f"{data['validation_size'] or 0:,} held out"),
        ("Split", words(config.get("split"))),
        ("Preprocessing", str(run.preprocessing)),
        ("Probe", words(config.get("probe"))),
        ("Augmentation", words(config.get("augment")) or "none"),
        ("Optimiser", words(config.get("optimizer"))),
        ("Schedule", words(config.get("schedule")) or "constant learning rate"
                     if run.history else ""),
        ("Loss", words(config.get("loss"))),
        ("Batch size", words(config.get("batch_size"))),
        ("Length", f"{length(run)}; {run.stopped}"),
        ("Seed", words(config.get("seed"))),
        ("Threads", words(config.get("threads"))),
        ("Versions", words(config.get("versions"))),
    ]  # fmt: skip
    return [(name, text) for name, text in settings if text]


def _shape(run: Run) -> tuple[int, ...]:
    """The shape of one input, (C, H, W) or (D,)."""
    size = run.preprocessing.size
    return (run.preprocessing.channels, *(size or ()))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
