"""Who answered what: the data that statistics and reports work on.

Legend: P people, I items (images), K classes. An answer is a ranked list of class names, the best
first; an empty one is no answer ("na"), and counts as wrong wherever correctness is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError

Array = NDArray[Any]
Scoring = Literal["any", "exact"]


@dataclass(frozen=True)
class Trial:
    """One final answer of one person to one image of the test phase."""

    person: str
    item: str
    order: int  # position in that person's test phase, from 0
    answers: tuple[str, ...]  # ranked class names, best first; () is no answer
    seconds: float | None = None  # from the image to the answer
    confidence: float | None = None  # 0..1, where it was asked
    condition: str | None = None


@dataclass(frozen=True)
class ModelAnswers:
    """What one model answered to each item."""

    answers: Mapping[str, tuple[str, ...]]  # item -> ranked class names
    date: str | None = None  # ISO 8601: "2017", "2017-05" or "2017-05-21"
    source: str | None = None
    confidence: Mapping[str, float] = field(default_factory=dict)  # item -> 0..1, of its first


@dataclass(frozen=True)
class Answers:
    """Everything that a report is made from.

    truth  item -> the classes that are accepted for it
    guesses  how many answers of the ranked list count
    scoring  "any": right where one of the first `guesses` answers is accepted;
             "exact": right where the set of answers is the set of accepted classes
    facts  what is known for the reporting checklist, by the keys of `checklist.FIELDS`, and
           `report.FACTS`
    crowd  counts (I, K) in place of trials, for people who cannot be told apart: how many chose
           each class
    """

    classes: tuple[str, ...]
    items: tuple[str, ...]
    truth: Mapping[str, frozenset[str]]
    trials: tuple[Trial, ...]
    models: Mapping[str, ModelAnswers] = field(default_factory=dict)
    guesses: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)
    scoring: Scoring = "any"
    crowd: Array | None = None

    def __post_init__(self) -> None:
        """Raise DataError where the parts do not fit each other."""
        require_fit(self)

    @cached_property
    def people(self) -> tuple[str, ...]:
        """The people with at least one trial, sorted by name."""
        return tuple(sorted({trial.person for trial in self.trials}))

    def right(self, item: str, answers: tuple[str, ...]) -> bool:
        """Whether `answers` to `item` count as right."""
        if self.scoring == "exact":
            return frozenset(answers) == self.truth[item]
        return not self.truth[item].isdisjoint(answers[: self.guesses])

    @cached_property
    def accepted(self) -> Array:
        """bool (I, K): the classes that are right for each item."""
        return np.array([[name in self.truth[i] for name in self.classes] for i in self.items])

    @cached_property
    def correct(self) -> Array:
        """float (P, I): 1 right, 0 wrong or no answer, NaN where that person did not see it."""
        table = np.full((len(self.people), len(self.items)), np.nan)
        rows = {person: i for i, person in enumerate(self.people)}
        columns = {item: i for i, item in enumerate(self.items)}
        for trial in self.trials:
            place = rows[trial.person], columns[trial.item]
            table[place] = self.right(trial.item, trial.answers)
        return table

    def model_correct(self, name: str) -> Array:
        """float (I,): 1 right, 0 wrong, NaN where the model has no answer on record."""
        answers = self.models[name].answers
        return np.array(
            [
                float(self.right(item, answers[item])) if item in answers else np.nan
                for item in self.items
            ]
        )


def require_fit(answers: Answers) -> None:
    """Raise DataError where classes, items, truth, trials and models contradict each other."""
    classes, items = set(answers.classes), set(answers.items)
    _no_twice("class", answers.classes)
    _no_twice("item", answers.items)
    if answers.guesses < 1:
        raise DataError(f"guesses must be at least 1, not {answers.guesses}")
    if missing := items - answers.truth.keys():
        raise DataError(f"no truth is given for {_some(missing)}; every item needs one")
    for item in answers.items:
        _known(f"the truth of {item}", answers.truth[item], classes)
    if answers.crowd is not None:
        _fits_crowd(answers)
    for trial in answers.trials:
        if trial.item not in items:
            raise DataError(f"{trial.person} answered {trial.item!r}, which is no item here")
        _known(f"{trial.person}'s answer to {trial.item}", trial.answers, classes)
        if trial.confidence is not None and not 0 <= trial.confidence <= 1:
            raise DataError(
                f"{trial.person}'s confidence in {trial.item} is {trial.confidence}; "
                "it must lie between 0 and 1"
            )
    _no_twice("answer", [f"{trial.person} to {trial.item}" for trial in answers.trials])
    for name, model in answers.models.items():
        if not model.answers.keys() & items:
            raise DataError(f"the model {name} has no answer to any of the {len(items)} items")
        for item, given in model.answers.items():
            _known(f"{name}'s answer to {item}", given, classes)


def _fits_crowd(answers: Answers) -> None:
    shape = len(answers.items), len(answers.classes)
    if answers.trials or answers.guesses > 1 or answers.scoring != "any":
        raise DataError("a crowd's counts stand in place of trials, with one answer a person")
    if answers.crowd is None or answers.crowd.shape != shape:
        raise DataError(f"the crowd's counts must have the shape {shape} (images, classes)")


def _known(what: str, names: Any, classes: set[str]) -> None:
    if unknown := set(names) - classes:
        raise DataError(f"{what} is {_some(unknown)}, not one of the {len(classes)} classes")


def _no_twice(what: str, names: Any) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"the {what} {name!r} stands here twice")
        seen.add(name)


def _some(names: Any) -> str:
    ordered = sorted(map(str, names))
    return ", ".join(map(repr, ordered[:4])) + (", ..." if len(ordered) > 4 else "")
