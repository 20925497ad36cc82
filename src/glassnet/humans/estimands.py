"""Which person is "the human"? The report names it: this person, the average, the best, a group.

Each is brought to one form: the error that is expected on each image, 0..1, so that all of them
stand beside a network image by image. Legend: P people, I images.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.answers import Answers
from glassnet.humans.statistics.crossed import crossed_mean
from glassnet.humans.statistics.dawid_skene import dawid_skene
from glassnet.humans.statistics.intervals import (
    Interval,
    clopper_pearson,
    effective_wilson,
    wilson,
)
from glassnet.humans.statistics.mixed import FEWEST
from glassnet.humans.statistics.plurality import lists_right, plurality_right

Array = NDArray[Any]
Kind = Literal["person", "average", "best", "plurality", "consensus"]
DEALS = 100  # of the images into halves, to choose the best person on the other one
GROUP = 3  # people of the small plurality
MOST_CLASSES = 50  # of a consensus: it needs a matrix of confusions for each person


@dataclass(frozen=True)
class Estimand:
    """One reading of "the human", with its error.

    wrong (I,)  expected error on each image, NaN where there is none
    people (P, I)  the single errors, where people are a sample of people in general
    exact  Clopper and Pearson's interval, where each image is plainly right or wrong
    optimistic  the best person's error without correction for having been chosen
    """

    key: str
    kind: Kind
    name: str
    wrong: Array
    error: float
    interval: Interval
    method: str
    people: Array | None = None
    exact: Interval | None = None
    optimistic: float | None = None

    @property
    def images(self) -> int:
        """The images that it speaks of."""
        return int((~np.isnan(self.wrong)).sum())

    @property
    def general(self) -> bool:
        """Whether it speaks of people in general, not of those who took part alone."""
        return self.people is not None


def estimands(answers: Answers, seed: int = 0) -> list[Estimand]:
    """Every reading that the answers allow, the first being the one a headline speaks of."""
    if answers.crowd is not None:
        return _of_crowd(answers)
    errors = 1 - answers.correct
    people = answers.people
    found = [first(answers)]
    if len(people) > 1:
        found += [best(errors, seed), *groups(answers, seed)]
        found += [person(name, row) for name, row in zip(people, errors, strict=True)]
    return found


def first(answers: Answers) -> Estimand:
    """The average person, or the only one. Raises DataError where nobody has answered."""
    if answers.crowd is not None:
        return _of_crowd(answers)[0]
    if not answers.trials:
        raise DataError("nobody has answered yet, so there is no one to compare with")
    errors = 1 - answers.correct
    return average(errors) if len(errors) > 1 else person(answers.people[0], errors[0])


def person(name: str, errors: Array) -> Estimand:
    """One person, on images like these."""
    seen = errors[~np.isnan(errors)]
    wrong, n = int(seen.sum()), len(seen)
    return Estimand(
        f"person {name}", "person", name, errors, wrong / n, wilson(wrong, n),
        "Wilson; images as a sample", exact=clopper_pearson(wrong, n),
    )  # fmt: skip


def average(errors: Array) -> Estimand:
    """The average person: of people in general from five on, of these people below."""
    count = len(errors)
    per_person = np.nanmean(errors, axis=1)
    with np.errstate(invalid="ignore"):
        shares = np.nansum(errors, axis=0) / (~np.isnan(errors)).sum(axis=0)  # (I,)
    error = float(per_person.mean())
    images = int((~np.isnan(shares)).sum())
    if count < FEWEST or images < 2:
        return Estimand(
            "average", "average", f"the average of these {count} people", shares, error,
            _image_interval(error, shares), "Wilson at the effective number of images; these "
            "people fixed, images as a sample",
        )  # fmt: skip
    spread = crossed_mean(errors)
    return Estimand(
        "average", "average", "the average person", shares, error,
        effective_wilson(error, spread.standard_error, images, spread.df),
        "Wilson at the effective size; people and images both as samples", people=errors,
    )  # fmt: skip


def best(errors: Array, seed: int = 0) -> Estimand:
    """The best person, each image judged by whoever is best on other images.

    The smallest of several error rates is too small by selection. So the images are dealt into two
    halves, the person with the fewest errors on one answers for the other, and the other way round,
    in a hundred deals; ties share. What comes out is the error of a person chosen by a test of half
    this length. (Ten parts in place of two are as free of bias, but three times as variable: who is
    best by a hair on nine parts is so for having erred on the tenth.)
    """
    generator = np.random.default_rng(seed)
    count = errors.shape[1]
    total = np.zeros(count)
    for _ in range(DEALS):
        half = generator.permutation(count) % 2 == 0
        for here in (half, ~half):
            total[here] += _best_elsewhere(errors, here)
    wrong = total / DEALS
    error = float(np.nanmean(wrong))
    return Estimand(
        "best", "best", f"the best of {len(errors)} people", wrong, error,
        _image_interval(error, wrong), "chosen on one half of the images, judged on the other (a "
        "hundred deals); Wilson at the effective number of images",
        optimistic=float(np.nanmin(np.nanmean(errors, axis=1))),
    )  # fmt: skip


def _best_elsewhere(errors: Array, here: Array) -> Array:
    """The mean error on the images `here` of those who are best on the others."""
    with np.errstate(invalid="ignore"):
        others = np.nansum(errors[:, ~here], 1) / (~np.isnan(errors[:, ~here])).sum(1)
        chosen = errors[others <= np.nanmin(others) + 1e-12][:, here]
        return np.nansum(chosen, axis=0) / (~np.isnan(chosen)).sum(axis=0)


def groups(answers: Answers, seed: int = 0) -> list[Estimand]:
    """Pluralities of three and of all, and the consensus of Dawid and Skene."""
    count = len(answers.people)
    found = []
    for k in sorted({GROUP, count} if count >= GROUP else set()):
        name = f"a plurality of all {k}" if k == count else f"a plurality of {k}"
        wrong = 1 - _group_right(answers, k, seed)
        if not np.isnan(wrong).all():
            found.append(_group(f"plurality {k}", "plurality", name, wrong))
    plain = answers.guesses == 1 and answers.scoring == "any"
    if count >= GROUP and plain and len(answers.classes) <= MOST_CLASSES:
        found.append(_consensus(answers))
    return found


def _group(key: str, kind: Kind, name: str, wrong: Array) -> Estimand:
    error = float(np.nanmean(wrong))
    how = "fitted without the truth" if kind == "consensus" else "exact over draws and ties"
    method = f"{how}; Wilson at the effective number of images; these people fixed"
    return Estimand(key, kind, name, wrong, error, _image_interval(error, wrong), method)


def _group_right(answers: Answers, k: int, seed: int) -> Array:
    if answers.scoring == "exact":
        return _sets_right(answers, k)
    if answers.guesses > 1:
        return lists_right(_votes(answers), answers.accepted, k, answers.guesses, seed)
    votes = _votes(answers)
    silent = (votes == 0).all(axis=2).sum(axis=0)
    counts = np.nansum(votes, axis=0).astype(int)
    return plurality_right(counts, answers.accepted, k, silent)


def _votes(answers: Answers) -> Array:
    """(P, I, K): 1 where one of that person's answers that count is the class; NaN not seen."""
    votes = np.full((len(answers.people), len(answers.items), len(answers.classes)), np.nan)
    who, item, name = (
        {key: i for i, key in enumerate(keys)}
        for keys in (answers.people, answers.items, answers.classes)
    )
    for trial in answers.trials:
        row = votes[who[trial.person], item[trial.item]]
        row[:] = 0
        row[[name[answer] for answer in trial.answers[: answers.guesses]]] = 1
    return votes


def _sets_right(answers: Answers, k: int) -> Array:
    """Where whole sets are right or wrong, each set that was named is a candidate of its own."""
    right = []
    for item in answers.items:
        given = [frozenset(t.answers) for t in answers.trials if t.item == item]
        names = sorted(set(given), key=sorted)
        counts = np.array([[given.count(name) for name in names]]).reshape(1, -1)
        accepted = np.array([[name == answers.truth[item] for name in names]]).reshape(1, -1)
        right.append(plurality_right(counts, accepted, k)[0] if len(given) >= k else math.nan)
    return np.array(right)


def _consensus(answers: Answers) -> Estimand:
    votes = _votes(answers)
    chosen = np.where(np.nan_to_num(votes).any(axis=2), np.nan_to_num(votes).argmax(axis=2), -1)
    answer = dawid_skene(chosen, len(answers.classes)).answers
    right = np.take_along_axis(answers.accepted, np.maximum(answer, 0)[:, None], axis=1)[:, 0]
    wrong = np.where(answer >= 0, 1.0 - right, np.nan)
    return _group("consensus", "consensus", "the Dawid-Skene consensus of all", wrong)


def _of_crowd(answers: Answers) -> list[Estimand]:
    """People who are known by their counts alone: the average, a plurality of three, of all."""
    counts = np.asarray(answers.crowd)
    size = counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        shares = 1 - (counts * answers.accepted).sum(axis=1) / size
    error = float(1 - (counts * answers.accepted).sum() / counts.sum())
    everyone = np.array(
        [
            plurality_right(counts[i : i + 1], answers.accepted[i : i + 1], int(n))[0]
            if n
            else math.nan
            for i, n in enumerate(size)
        ]
    )
    return [
        Estimand(
            "average", "average", "the average person", shares, error,
            _image_interval(error, shares), "Wilson at the effective number of images; people are "
            "known by counts alone, so images are the sample",
        ),
        _group(f"plurality {GROUP}", "plurality", f"a plurality of {GROUP}",
               1 - plurality_right(counts, answers.accepted, GROUP)),
        _group("plurality all", "plurality", "a plurality of all", 1 - everyone),
    ]  # fmt: skip


def _image_interval(error: float, wrong: Array) -> Interval:
    """Wilson's interval where the error on an image may be a share, images being the sample."""
    seen = wrong[~np.isnan(wrong)]
    plain = bool(np.isin(seen, (0.0, 1.0)).all())
    if plain:
        return wilson(float(seen.sum()), len(seen))
    spread = float(seen.std(ddof=1)) if len(seen) > 1 else 0.0
    return effective_wilson(error, spread / math.sqrt(len(seen)), len(seen))
