"""A long list of classes in sections that can be folded, from where they hang in a hierarchy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

MOST = 36  # classes of a section that is not divided further
LEAST = 5  # fewer do not make a section of their own


@dataclass(frozen=True)
class Section:
    """Classes `first` to `last` (excluded) of the list, under one heading."""

    title: str
    trail: str  # the headings above it
    first: int
    last: int


def sections(paths: Sequence[Sequence[str]], title: str = "All classes") -> list[Section]:
    """Headings for classes that lie in the order of a hierarchy.

    paths: for each class the names above it, from the root down. A part with more than `MOST`
    classes is divided by the next name of its paths; neighbours that would be smaller than `LEAST`
    go together under "other ...".
    """
    return list(_divided(paths, 0, len(paths), 0, (title,)))


def _divided(
    paths: Sequence[Sequence[str]], first: int, last: int, depth: int, names: tuple[str, ...]
) -> Iterator[Section]:
    parts = _parts(paths, first, last, depth)
    if last - first <= MOST or parts == [(None, first, last)]:
        yield Section(names[-1], " › ".join(names[1:-1][-2:]), first, last)
        return
    if len(parts) == 1:  # a name with one child says nothing of its own
        name = parts[0][0] or names[-1]
        yield from _divided(paths, first, last, depth + 1, (*names[:-1], name))
        return
    for tiny, run in groupby(parts, lambda part: part[2] - part[1] < LEAST):
        group = list(run)
        if tiny:
            start, end = group[0][1], group[-1][2]
            only = group[0][0] if len(group) == 1 else None
            yield Section(only or f"other: {names[-1]}", " › ".join(names[1:][-2:]), start, end)
            continue
        for child, start, end in group:
            yield from _divided(paths, start, end, depth + 1, (*names, child or names[-1]))


def _parts(
    paths: Sequence[Sequence[str]], first: int, last: int, depth: int
) -> list[tuple[str | None, int, int]]:
    """Neighbours with the same name at `depth`: (name, first, last); None where paths end."""
    parts: list[tuple[str | None, int, int]] = []
    for i in range(first, last):
        name = paths[i][depth] if depth < len(paths[i]) else None
        if parts and parts[-1][0] == name:
            parts[-1] = (name, parts[-1][1], i + 1)
        else:
            parts.append((name, i, i + 1))
    return parts
