"""The linear probe beside scikit-learn's LogisticRegressionCV, on the same features.

    python -m benchmarks.probe [--data ../shared/data] [--splits 5]

Ants and bees on the split that they come with, sign digits on several random splits of 80 to 20.
Features are computed once and kept. Both choose their penalty by cross-validation on the part that
is learned from; the test part is seen once. scikit-learn gets standardised features, too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import t
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from glassnet import transfer
from glassnet.transfer import Examples, Learned, fit_layers


def theirs(learned: Learned) -> float:
    """The accuracy of scikit-learn's choice among ten penalties by five folds."""
    held, labels = learned.examples.held_out, learned.examples.labels
    model = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=10, cv=5, max_iter=1000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weak penalties do not converge; that is its default
        model.fit(learned.features[~held], labels[~held])
    return float(model.score(learned.features[held], labels[held]))


def compare(source: transfer.Source, splits: list[Examples], name: str) -> None:
    """One line for each split, then the means with their 95 % intervals."""
    first = splits[0]
    layers = transfer.candidates(source.net)
    start = time.monotonic()
    found = transfer.extract(source, first.root, first.files, layers)
    print(
        f"{name}: {len(first)} images, {found.computed} computed, {time.monotonic() - start:.1f} s"
    )
    rows = []
    for examples in splits:
        start = time.monotonic()
        learned = fit_layers(source, examples, found)
        middle = time.monotonic()
        ours, other = learned.evaluate().accuracy, theirs(learned)
        rows.append((ours, other))
        print(
            f"  layer {learned.chosen.layer}: glassnet {ours:.4f} in {middle - start:.1f} s, "
            f"scikit-learn {other:.4f} in {time.monotonic() - middle:.1f} s", flush=True,
        )  # fmt: skip
    for title, values in zip(("glassnet", "scikit-learn"), zip(*rows, strict=True), strict=True):
        print(f"  {title}: {summary(np.array(values))}")


def summary(values: np.ndarray) -> str:
    """The mean and its 95 % interval by Student's t, where there are several."""
    if len(values) < 2:
        return f"{values.mean():.4f}"
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.4f} +- {half:.4f} (95 %), from {values.min():.4f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--model", default="efficientnet_lite0")
    choice = parser.parse_args()
    network = transfer.source(choice.model)
    compare(network, [transfer.classes(choice.data / "ants-bees")], "ants and bees")
    digits = choice.data / "sign-digits"
    drawn = [transfer.classes(digits, 0.2, seed) for seed in range(choice.splits)]
    compare(network, drawn, "sign digits")
