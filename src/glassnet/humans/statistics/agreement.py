"""How far people agree with each other: Krippendorff's alpha for nominal answers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError

Array = NDArray[Any]


def krippendorff_alpha(counts: Array) -> float:
    """alpha = 1 - D_o / D_e of nominal answers, from counts (I, K) [Krippendorff 2011].

    counts[i, k] is how many people gave image i the answer k; images with fewer than two answers
    pair with nothing and are left out, missing answers need no mending.
    D_o = sum_i sum_k n_ik (m_i - n_ik) / (m_i - 1) / n,  D_e = sum_k n_k (n - n_k) / (n (n - 1)),
    m_i the answers of image i, n_k those of class k, n all. 1 is agreement, 0 what chance gives.
    Raises DataError where no image has two answers, or all answers are one class (D_e = 0).
    """
    counts = np.asarray(counts, float)
    counts = counts[counts.sum(axis=1) >= 2]
    per_image, per_class = counts.sum(axis=1), counts.sum(axis=0)
    n = counts.sum()
    if not len(counts):
        raise DataError("agreement needs images that at least two people answered")
    expected = (per_class * (n - per_class)).sum() / (n * (n - 1))
    if expected == 0:
        raise DataError("all answers are the same class, so agreement beyond chance is undefined")
    pairs = (counts * (per_image[:, None] - counts)).sum(axis=1)
    return float(1 - (pairs / (per_image - 1)).sum() / n / expected)
