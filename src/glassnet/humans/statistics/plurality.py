"""The answer of a group: the class that most of k people name.

The k are drawn from the people who really answered an image, without replacement, and ties are
broken at random; the chance to be right is computed, not simulated.
"""

import math
from functools import cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError

Array = NDArray[Any]
SUBSETS = 2000  # groups that are enumerated where lists vote; above, as many are drawn


def plurality_right(counts: Array, accepted: Array, k: int, silent: Array | None = None) -> Array:
    """The chance that k people's plurality is right, for each image (I,).

    counts (I, K)  how many people named each class first
    accepted (I, K)  bool, the classes that count as right
    silent (I,)  people without an answer: they may be drawn, but cast no vote
    NaN where fewer than k people saw the image.
    """
    if k < 1:
        raise DataError(f"a group has at least one person, not {k}")
    counts = np.asarray(counts, np.int64)
    mute = np.zeros(len(counts), np.int64) if silent is None else np.asarray(silent, np.int64)
    return np.array(
        [_image(row, right, m, k) for row, right, m in zip(counts, accepted, mute, strict=True)]
    )


def _image(row: Array, right: Array, silent: int, k: int) -> float:
    """The chance for one image; row and right (K,)."""
    total = int(row.sum() + silent)
    if total < k:
        return math.nan
    if total == k:  # all are drawn: only ties are left to chance
        most = (row == row.max()) & (row > 0)
        return float((most & right).sum() / most.sum()) if most.any() else 0.0
    voted = sorted(row[row > 0].tolist())
    chance = 0.0
    for votes in row[right & (row > 0)].tolist():
        others = list(voted)
        others.remove(votes)
        chance += _wins(votes, tuple(others), int(silent), k)
    return chance


@cache
def _wins(votes: int, others: tuple[int, ...], silent: int, k: int) -> float:
    """The chance that a class with `votes` voters wins among k drawn, a tie counting its share.

    Where it gets c votes, the ways of the others are the coefficient of z^(k - c) in
    prod_j (sum_{x < c} C(n_j, x) z^x + t C(n_j, c) z^c) (1 + z)^silent; t^s marks s that tie.
    """
    total = votes + sum(others) + silent
    return sum(
        comb(votes, c) * ways / (ties + 1)
        for c in range(1, min(votes, k) + 1)
        for ties, ways in enumerate(_ways(others, silent, c, k - c))
    ) / comb(total, k)


def _ways(others: tuple[int, ...], silent: int, c: int, rest: int) -> list[int]:
    """ways[s]: how `rest` people are drawn so that s other classes get c votes, none more."""
    table = {(0, 0): 1}  # (people drawn, classes that tie) -> ways
    for n in others:
        grown: dict[tuple[int, int], int] = {}
        for (drawn, ties), ways in table.items():
            for x in range(min(n, c, rest - drawn) + 1):
                place = drawn + x, ties + (x == c)
                grown[place] = grown.get(place, 0) + ways * comb(n, x)
        table = grown
    result = [0] * (len(others) + 1)
    for (drawn, ties), ways in table.items():
        result[ties] += ways * comb(silent, rest - drawn)
    return result


def lists_right(votes: Array, accepted: Array, k: int, guesses: int, seed: int = 0) -> Array:
    """The same where each person names several: the group gives its `guesses` most named classes.

    votes (P, I, K) 1 where that person's list has the class, NaN throughout where the image was
    not seen; accepted (I, K). All groups of k are enumerated, or 2,000 drawn where there are more.
    """
    chances = []
    generator = np.random.default_rng(seed)
    for i in range(votes.shape[1]):
        here = votes[:, i][~np.isnan(votes[:, i]).any(axis=1)]  # (people who saw it, K)
        if len(here) < k:
            chances.append(np.nan)
            continue
        if comb(len(here), k) <= SUBSETS:
            groups = np.array(list(combinations(range(len(here)), k)))
        else:
            groups = np.argsort(generator.random((SUBSETS, len(here))), axis=1)[:, :k]
        tallies = here[groups].sum(axis=1)  # (groups, K)
        chances.append(sum(_list_wins(t, accepted[i], guesses) for t in tallies) / len(tallies))
    return np.array(chances)


def _list_wins(tally: Array, accepted: Array, guesses: int) -> float:
    """The chance that the `guesses` most named classes hold an accepted one, ties at random."""
    ranked = np.sort(tally[tally > 0])[::-1]
    if not len(ranked):
        return 0.0
    last = ranked[min(guesses, len(ranked)) - 1]
    above, tied = tally > last, tally == last
    if (above & accepted).any():
        return 1.0
    places = min(guesses, len(ranked)) - int(above.sum())
    wrong, all_tied = int((tied & ~accepted).sum()), int(tied.sum())
    return 1 - comb(wrong, places) / comb(all_tied, places)
