"""Published answers of people and networks: CIFAR-10H, Geirhos et al., ten CIFAR-10 networks.

Readers alone: the files are not part of glassnet, and each reader says what it expected.
"""

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.answers import Answers, ModelAnswers, Trial

Array = NDArray[Any]

CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

# The networks of the CIFAR-10.1 study by its file names: what they are called, and the year in
# which the network's paper appeared.
NETWORKS = {
    "random_features_256k_aug": ("random features", "2011"),
    "cudaconvnet": ("cuda-convnet", "2012"),
    "alexnet_tf_ben": ("AlexNet", "2012"),
    "vgg16_keras": ("VGG-16", "2014"),
    "vgg_15_BN_64": ("VGG-15 with batch norm", "2015"),
    "resnet_basic_32": ("ResNet-32", "2015"),
    "resnet_basic_110": ("ResNet-110", "2015"),
    "wrn_28_10": ("Wide ResNet 28-10", "2016"),
    "densenet_BC_100_12": ("DenseNet-BC 100-12", "2016"),
    "shake_shake_26_2x96d_SSI": ("Shake-Shake 26 2x96d", "2017"),
}


def cifar10h(path: str | Path) -> Array:
    """The counts of CIFAR-10H (I, 10): how many people chose each class [Peterson et al. 2019].

    In the order of the CIFAR-10 test images. Raises DataError for any other array.
    """
    try:
        counts = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no NumPy array of counts: {error}") from error
    if counts.ndim != 2 or counts.shape[1] != len(CIFAR10):
        raise DataError(f"{path} has the shape {counts.shape}; expected images x 10 classes")
    if not np.array_equal(counts, np.floor(counts)) or counts.min() < 0:
        raise DataError(f"{path} holds numbers that are no counts of people (shares, perhaps?)")
    return counts.astype(np.int64)


def cifar10_networks(folder: str | Path) -> dict[str, Array]:
    """The ten networks' class numbers (I,) by the names of `NETWORKS` [Recht et al. 2018]."""
    answers = {}
    for stem, (name, _) in NETWORKS.items():
        path = Path(folder) / f"{stem}.json"
        if not path.is_file():
            raise DataError(f"there is no {path}; expected the ten networks' predictions there")
        classes = np.array(json.loads(path.read_text("utf-8")))
        if classes.ndim != 1 or classes.dtype.kind != "i" or not 0 <= classes.min() <= 9:
            raise DataError(f"{path} must be one list of class numbers from 0 to 9")
        answers[name] = classes
    return answers


def geirhos(folder: str | Path, models: Mapping[str, ModelAnswers] | None = None) -> Answers:
    """The single trials of one image set of Geirhos et al. 2021: a folder of CSV files.

    Columns subj, session (or Session), trial, rt, object_response, category, condition, imagename;
    `na` is no answer. Files of networks (no response time, one "person" that is no subject-NN) in
    the same folder become models.
    """
    paths = sorted(Path(folder).glob("*.csv"))
    if not paths:
        raise DataError(f"there are no CSV files of trials in {folder}")
    rows = [row for path in paths for row in _geirhos_rows(path)]
    truth = {row["item"]: row["category"] for row in rows}
    trials, networks = [], dict(models or {})
    for name in sorted({row["subj"] for row in rows}):
        mine = sorted((row for row in rows if row["subj"] == name), key=lambda row: row["place"])
        if name.startswith("subject"):
            trials += [_geirhos_trial(row, order) for order, row in enumerate(mine)]
        else:
            networks[name] = ModelAnswers({row["item"]: row["answers"] for row in mine})
    return Answers(
        classes=tuple(sorted(set(truth.values()))),
        items=tuple(sorted(truth)),
        truth={item: frozenset([category]) for item, category in truth.items()},
        trials=tuple(trials),
        models=networks,
        facts=_geirhos_facts(Path(folder).name),
    )


def _geirhos_rows(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = [
            {key.lower(): value for key, value in row.items() if key}
            for row in csv.DictReader(file)
        ]
    needed = {
        "subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename",
    }  # fmt: skip
    if not rows or (missing := needed - rows[0].keys()):
        lacking = f"lacks the columns {', '.join(sorted(missing))}" if rows else "is empty"
        raise DataError(f"{path} {lacking}; expected trials as Geirhos et al. publish them")
    return [_geirhos_row(path, number, row) for number, row in enumerate(rows, start=2)]


def _geirhos_row(path: Path, line: int, row: dict[str, str]) -> dict[str, Any]:
    """One trial; an image is known by what follows the sixth underscore of its file's name."""
    parts = row["imagename"].split("_", 6)
    try:
        if len(parts) < 7:
            raise ValueError(f"the image name {row['imagename']!r} has fewer than seven parts")
        place, seconds = (int(row["session"]), int(row["trial"])), float(row["rt"])
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {error}") from error
    return {
        "subj": row["subj"],
        "item": parts[6],
        "category": row["category"],
        "place": place,
        "answers": () if row["object_response"] == "na" else (row["object_response"],),
        "seconds": seconds if math.isfinite(seconds) else None,
        "condition": row["condition"],
    }


def _geirhos_trial(row: dict[str, Any], order: int) -> Trial:
    return Trial(
        row["subj"],
        row["item"],
        order,
        row["answers"],
        row["seconds"],
        condition=row["condition"],
    )


def _geirhos_facts(images: str) -> dict[str, Any]:
    """What the paper and its file format tell of these trials."""
    return {
        "title": f"Geirhos et al. 2021, {images}",
        "human_answers_per_item": "one answer a person",
        "order_randomised": "yes, a new order for each person",
        "training": "practice trials with feedback, on other images",
        "same_interface": "people chose among 16 categories after a brief exposure and a mask",
        "answers_available": "yes, every trial by person (github.com/bethgelab/model-vs-human)",
        "tools": "the publication's own experiment; analysed by glassnet",
    }
