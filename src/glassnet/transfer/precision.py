"""Average precision: how well a score ranks the right examples before the others.

N examples, K classes or attributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def average_precision(truth: NDArray[Any], scores: Floats) -> float:
    """sum over thresholds of (recall_i - recall_{i-1}) precision_i; NaN without a right example.

    truth (N,) of 0 and 1, scores (N,). The precision at each right example of the list that the
    scores sort, averaged; equal scores are one threshold [Manning et al. 2008, section 8.4].
    """
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    right, ranked = truth[order].astype(bool), scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # the last of each threshold
    found = np.cumsum(right)[last]
    precision, recall = found / (last + 1), found / found[-1]
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def average_precisions(labels: NDArray[Any], scores: Floats) -> list[float]:
    """One for each of K classes (labels int (N,)) or attributes (labels (N, K), NaN unknown)."""
    if labels.ndim == 1:
        return [average_precision(labels == k, scores[:, k]) for k in range(scores.shape[1])]
    known = ~np.isnan(labels)
    return [
        average_precision(labels[known[:, k], k] == 1, scores[known[:, k], k])
        for k in range(scores.shape[1])
    ]
