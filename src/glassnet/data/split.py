"""Dividing a data set in two: every class in proportion, and no group on both sides.

A group is what belongs together, all photographs of one person, say: a network that saw some of
them is not judged on the others.
"""

import re
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.data.dataset import Dataset
from glassnet.errors import DataError
from glassnet.random import derive

Indices = NDArray[np.intp]
Groups = Callable[[str], Hashable] | str | Sequence[Hashable] | NDArray[np.generic]

_SPLIT = 0x5B117  # keeps a split's draws apart from other uses of the same seed


def split(
    dataset: Dataset, fraction: float = 0.2, seed: int = 0, groups: Groups | None = None
) -> tuple[Dataset, Dataset]:
    """(the rest, held out): about `fraction` of every class is held out, chosen by `seed`.

    groups keeps what belongs together on one side: a function of the file name, a regular
    expression for it (its first bracket, or the whole match, is the group), or one key for each
    sample. Raises DataError where a name does not match or nothing can be held out so.
    """
    if groups is None:
        first, second = stratified(dataset.labels, fraction, seed)
    else:
        first, second = grouped(dataset.labels, _keys(dataset, groups), fraction, seed)
    return dataset.subset(first), dataset.subset(second)


def stratified(labels: ArrayLike, fraction: float, seed: int = 0) -> tuple[Indices, Indices]:
    """labels (N,) -> sorted indices (rest, held out).

    Of a class of n samples round(fraction * n) are held out, but at least one and not all where
    n > 1 and 0 < fraction < 1; a single sample stays in the rest.
    """
    labels = np.asarray(labels)
    _check_fraction(fraction)
    order = derive(seed, _SPLIT).permutation(len(labels))
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        held[members[: _share(len(members), fraction)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def grouped(
    labels: ArrayLike, groups: Sequence[Hashable], fraction: float, seed: int = 0
) -> tuple[Indices, Indices]:
    """labels (N,), groups (N,) -> sorted indices (rest, held out); no group is on both sides.

    Greedy: the groups come in order of size, the largest first, equals in an order drawn by
    `seed`; each is held out if that brings the class counts nearer, by the sum of squares, to
    `fraction` of every class. Raises DataError if one side would be empty though
    0 < fraction < 1.
    """
    labels = np.asarray(labels)
    _check_fraction(fraction)
    number = {key: g for g, key in enumerate(dict.fromkeys(groups))}
    group = np.array([number[key] for key in groups], dtype=np.intp)
    _, classes = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(number), int(classes.max(initial=-1)) + 1))  # (groups, classes)
    np.add.at(counts, (group, classes), 1)
    wanted = _choose(counts, fraction, seed)
    if len(labels) and 0 < fraction < 1 and len(set(wanted.tolist())) < 2:
        raise DataError(
            f"{len(number)} groups cannot be divided so that about {fraction:.0%} is held out; "
            "use smaller groups or another fraction"
        )
    held = wanted[group] if len(group) else np.zeros(0, dtype=bool)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _choose(counts: NDArray[np.float64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """counts (groups, classes) -> which groups are held out, (groups,)."""
    missing = fraction * counts.sum(axis=0)
    order = derive(seed, _SPLIT).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    chosen = np.zeros(len(counts), dtype=bool)
    for g in order:
        if np.sum((missing - counts[g]) ** 2) < np.sum(missing**2):
            chosen[g] = True
            missing = missing - counts[g]
    return chosen


def _keys(dataset: Dataset, groups: Groups) -> list[Hashable]:
    if callable(groups):
        return [groups(name) for name in dataset.files()]
    if isinstance(groups, str):
        return _matches(dataset.files(), groups)
    keys = groups.tolist() if isinstance(groups, np.ndarray) else list(groups)
    if len(keys) != len(dataset):
        raise DataError(f"{len(dataset)} samples but {len(keys)} group keys; give one for each")
    return keys


def _matches(names: list[str], pattern: str) -> list[Hashable]:
    found = [re.search(pattern, name) for name in names]
    missing = [name for name, match in zip(names, found, strict=True) if match is None]
    if missing:
        raise DataError(
            f"the group pattern {pattern!r} does not match {len(missing)} of {len(names)} names, "
            f"among them {missing[:5]}; change the pattern or the names"
        )
    return [match.group(1 if match.re.groups else 0) for match in found if match is not None]


def _share(count: int, fraction: float) -> int:
    share = round(fraction * count)
    if 0 < fraction < 1:
        share = min(max(share, 1), count - 1)
    return share


def _check_fraction(fraction: float) -> None:
    if not 0 <= fraction <= 1:
        raise DataError(f"the held-out fraction must lie between 0 and 1, got {fraction}")
