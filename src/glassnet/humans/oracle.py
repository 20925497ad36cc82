"""Figures that others published, computed again: what the statistics here are held to.

The answers themselves are not part of glassnet. `data` is a folder that holds `human/` (CIFAR-10H,
the ten networks, Geirhos et al.'s trials) and `cifar10/labels.npz`; without it, what needs it is
left open.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.humans.answers import Answers, ModelAnswers
from glassnet.humans.comparison import compare_all
from glassnet.humans.estimands import estimands
from glassnet.humans.published import CIFAR10, NETWORKS, cifar10_networks, cifar10h, geirhos
from glassnet.humans.statistics.agreement import krippendorff_alpha
from glassnet.humans.statistics.consistency import among_people
from glassnet.humans.statistics.intervals import wilson
from glassnet.humans.statistics.paired import two_proportion

Array = NDArray[Any]

# Per cent right on the CIFAR-10 test set [Recht et al. 2018, table 1].
ACCURACIES = {
    "random features": 85.6, "cuda-convnet": 88.5, "AlexNet": 82.0, "VGG-16": 93.6,
    "VGG-15 with batch norm": 93.0, "ResNet-32": 92.5, "ResNet-110": 93.5,
    "Wide ResNet 28-10": 95.9, "DenseNet-BC 100-12": 95.5, "Shake-Shake 26 2x96d": 97.1,
}  # fmt: skip
# Accuracy, observed agreement and error consistency of people [Geirhos et al. 2021].
PEOPLE = {
    "sketch": (0.916, 0.900, 0.370),
    "stylized": (0.471, 0.750, 0.501),
    "edge": (0.871, 0.839, 0.318),
    "silhouette": (0.753, 0.803, 0.476),
    "cue-conflict": (0.776, 0.765, 0.331),
}
READINGS = {"average": "one person", "plurality 3": "three", "plurality all": "all"}


@dataclass(frozen=True)
class Check:
    """One published figure; `agrees` None where its data are not here."""

    name: str
    published: str
    found: str
    agrees: bool | None


@dataclass(frozen=True)
class Network:
    """One of the ten published networks beside the people of CIFAR-10H.

    verdicts  "one person", "three", "all" -> the verdict's words
    differences  the same -> network - human, a share
    """

    name: str
    year: str
    accuracy: float
    published: float
    verdicts: dict[str, str]
    differences: dict[str, float]

    @property
    def agrees(self) -> bool:
        """Whether the accuracy is the published one, to its digit."""
        return abs(100 * self.accuracy - self.published) < 0.0501


def find_data() -> Path | None:
    """`GLASSNET_SHARED`, or ../shared/data; None where neither holds people's answers."""
    folder = Path(os.environ.get("GLASSNET_SHARED", "../shared/data"))
    return folder if (folder / "human").is_dir() else None


def checks(data: Path | None = None, resamples: int = 0) -> list[Check]:
    """Every figure of the table; `resamples` for intervals of the error consistency, if wanted."""
    return [*_by_hand(), *_of_cifar10h(data), *_of_geirhos(data, resamples)]


def _by_hand() -> Iterator[Check]:
    p = two_proportion(76, 1500, 102, 1500)
    yield Check(
        "76 against 102 errors of 1,500, one-sided two-proportion p",
        "0.02225 (published as 0.022)", f"{p:.5f}", abs(p - 0.02225) < 5e-6,
    )  # fmt: skip
    low, high = (100 * edge for edge in wilson(24, 400))
    yield Check(
        "24 errors of 400, Wilson 95 %", "4.06 to 8.77 %", f"{low:.2f} to {high:.2f} %",
        abs(low - 4.06) < 0.005 and abs(high - 8.77) < 0.005,
    )  # fmt: skip


def _of_cifar10h(data: Path | None) -> Iterator[Check]:
    names = {
        "average": ("CIFAR-10H, error of the average person", 4.76),
        "plurality 3": ("CIFAR-10H, error of a plurality of 3, exact", 2.18),
        "plurality all": ("CIFAR-10H, error of a plurality of all", 0.79),
    }
    people = None if data is None else cifar10h_answers(data)
    found = {} if people is None else {human.key: human.error for human in estimands(people)}
    for key, (name, published) in names.items():
        yield _check(name, published, 100 * found[key] if found else None, 2, " %")
    alpha = None if people is None else krippendorff_alpha(np.asarray(people.crowd))
    yield _check("CIFAR-10H, Krippendorff's alpha", 0.91506, alpha, 5)


def _of_geirhos(data: Path | None, resamples: int) -> Iterator[Check]:
    for images, published in PEOPLE.items():
        found: tuple[float | None, ...] = (None, None, None)
        if data is not None:
            answers = geirhos(data / "human" / "model-vs-human" / images)
            pairs = among_people(1 - answers.correct, resamples=resamples)
            found = float(answers.correct.mean()), pairs.observed, pairs.kappa
        for name, value, mine in zip(
            ("accuracy", "observed agreement", "error consistency"), published, found, strict=True
        ):
            yield _check(f"Geirhos et al., {images}: {name}", value, mine, 3)


def _check(name: str, published: float, found: float | None, digits: int, unit: str = "") -> Check:
    """Agreement to the last digit that was published; half of it is rounded either way."""
    text = f"{published:.{digits}f}{unit}"
    if found is None:
        return Check(name, text, "its data are not here", None)
    near = abs(found - published) <= 0.5 * 10**-digits + 1e-9
    return Check(name, text, f"{found:.{digits + 1}f}{unit}", near)


def cifar10h_answers(data: Path, networks: bool = False) -> Answers:
    """The people of CIFAR-10H as a crowd, beside the ten networks where they are wanted."""
    labels = np.load(data / "cifar10" / "labels.npz")["test"]
    items = tuple(f"test {i:05d}" for i in range(len(labels)))

    def named(classes: Array) -> dict[str, tuple[str, ...]]:
        return {i: (CIFAR10[k],) for i, k in zip(items, classes.tolist(), strict=True)}

    years = dict(NETWORKS.values())
    models = {}
    if networks:
        answers = cifar10_networks(data / "human" / "cifar10-model-predictions")
        models = {
            name: ModelAnswers(named(classes), years[name], "Recht et al. 2018")
            for name, classes in answers.items()
        }
    return Answers(
        classes=CIFAR10,
        items=items,
        truth={item: frozenset(given) for item, given in named(labels).items()},
        trials=(),
        models=models,
        facts={
            "title": "CIFAR-10: ten networks beside the people of CIFAR-10H",
            "source": "CIFAR-10 test set [Krizhevsky 2009]; people: CIFAR-10H [Peterson et al. "
            "2019]; networks: Recht et al. 2018",
            "items_in_data_set": "60,000, of which the 10,000 test images were used",
            "sampling": "all test images",
            "found": "a crowd market",
            "answers_available": "yes, as counts an image, not by person",
        },
        crowd=cifar10h(data / "human" / "cifar10h-counts.npy"),
    )


def networks(data: Path, seed: int = 0) -> list[Network]:
    """The ten published networks beside one person, three and all, the best first."""
    answers = cifar10h_answers(data, networks=True)
    errors = {name: 1 - answers.model_correct(name) for name in answers.models}
    compared = compare_all(estimands(answers), errors, seed=seed)

    def told(name: str, tell: Callable[[Any], Any]) -> dict[str, Any]:
        return {READINGS[c.estimand]: tell(c) for c in compared if c.network == name}

    rows = [
        Network(
            name,
            answers.models[name].date or "",
            1 - float(errors[name].mean()),
            ACCURACIES[name],
            told(name, lambda c: c.verdict.words),
            told(name, lambda c: c.difference),
        )
        for name in errors
    ]
    return sorted(rows, key=lambda row: -row.accuracy)
