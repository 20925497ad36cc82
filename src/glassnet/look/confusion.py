"""What is taken for what: a table of counts as cells of a matrix, and as pairs in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CONFUSIONS = 12  # pairs told in words
SPARSE = 20  # up to so many classes the matrix has its numbers written in


def matrix(counts: Array, classes: Sequence[str]) -> dict[str, Any]:
    """Counts (K, K), rows the truth, as rows of cells (count, strength 0..1, right or wrong)."""
    totals = counts.sum(axis=1)
    share = counts / np.maximum(totals, 1)[:, None]
    wrong = share * ~np.eye(len(counts), dtype=bool)
    strength = wrong / (wrong.max() or 1.0)
    np.fill_diagonal(strength, np.diag(share))
    return {
        "dense": len(classes) > SPARSE,
        "letters": min(max(map(len, classes)), 14),
        "short": max(map(len, classes)) <= 3,
        "classes": classes,
        "rows": [
            {
                "name": classes[i],
                "total": int(totals[i]),
                "cells": list(zip(counts[i].tolist(), strength[i].round(2).tolist(), strict=True)),
            }
            for i in range(len(classes))
        ],
    }


def confusions(counts: Array, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The pairs (truth, guess) that are confused most often, the worst first."""
    wrong = counts * ~np.eye(len(classes), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    totals = counts.sum(axis=1)
    return [
        {
            "truth": classes[t],
            "guess": classes[g],
            "times": int(wrong[t, g]),
            "of": int(totals[t]),
        }
        for t, g in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[t, g]
    ]
