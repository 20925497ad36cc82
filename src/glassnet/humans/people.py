"""The people of a bench: each one's error and time, how they agree, learn, hurry and trust."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError
from glassnet.humans.answers import Answers
from glassnet.humans.mistakes import people_said
from glassnet.humans.statistics.agreement import krippendorff_alpha
from glassnet.humans.statistics.behaviour import (
    Block,
    Calibration,
    Trend,
    calibration,
    learning_curve,
    speed_accuracy,
)
from glassnet.humans.statistics.consistency import Consistency, among_people, with_network
from glassnet.humans.statistics.intervals import Interval, clopper_pearson, wilson
from glassnet.humans.statistics.mixed import Mixed, mixed_model

Array = NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """One person's own figures."""

    name: str
    images: int
    wrong: int
    unanswered: int
    interval: Interval
    exact: Interval
    seconds: float | None  # the median answer's
    minutes: float | None  # all answers together


@dataclass(frozen=True)
class Refused:
    """A figure that is not given, and why."""

    why: str


@dataclass(frozen=True)
class Crowd:
    """What is told of all people together; each part may be refused."""

    people: tuple[Person, ...]
    agreement: float | Refused
    consistency: Consistency | Refused
    networks: dict[str, Consistency | Refused]  # error consistency of people with each network
    mixed: Mixed | Refused
    learning: tuple[tuple[Block, ...], Trend] | Refused
    speed: tuple[tuple[Block, ...], Trend] | Refused
    calibration: Calibration | Refused
    sure: dict[str, Calibration]  # of the networks whose confidence is known


def crowd(answers: Answers, seed: int = 0) -> Crowd:
    """Everything that the answers allow to say of the people."""
    networks = {name: 1 - answers.model_correct(name) for name in answers.models}
    return Crowd(
        people=tuple(person(answers, name) for name in answers.people),
        agreement=_or_why(lambda: krippendorff_alpha(_counts(answers))),
        consistency=_single(answers, lambda: among_people(1 - answers.correct, seed)),
        networks={
            name: _single(answers, partial(with_network, 1 - answers.correct, errors, seed))
            for name, errors in networks.items()
        },
        mixed=_single(answers, lambda: mixed_model(1 - answers.correct, networks)),
        learning=_single(answers, lambda: _learning(answers)),
        speed=_single(answers, lambda: _speed(answers)),
        calibration=_single(answers, lambda: _calibration(answers)),
        sure={
            name: calibration(networks[name][known], confidence[known])
            for name in answers.models
            if (known := ~np.isnan(confidence := _confidence(answers, name))).any()
        },
    )


def _confidence(answers: Answers, network: str) -> Array:
    """(I,): the network's confidence in its first answer, NaN where it is not known.

    With several guesses there is none: it would have to be in the list, not in its first.
    """
    model = answers.models[network]
    if answers.guesses > 1 or answers.scoring == "exact":
        return np.full(len(answers.items), np.nan)
    return np.array([model.confidence.get(item, np.nan) for item in answers.items])


def person(answers: Answers, name: str) -> Person:
    """One person's figures."""
    trials = [trial for trial in answers.trials if trial.person == name]
    wrong = sum(not answers.right(trial.item, trial.answers) for trial in trials)
    seconds = [trial.seconds for trial in trials if trial.seconds is not None]
    return Person(
        name,
        len(trials),
        wrong,
        sum(not trial.answers for trial in trials),
        wilson(wrong, len(trials)),
        clopper_pearson(wrong, len(trials)),
        float(np.median(seconds)) if seconds else None,
        sum(seconds) / 60 if seconds else None,
    )


def _or_why(compute: Callable[[], T]) -> T | Refused:
    try:
        return compute()
    except DataError as error:
        return Refused(str(error))


def _single(answers: Answers, compute: Callable[[], T]) -> T | Refused:
    """The same for what needs each person's own answers."""
    if answers.crowd is not None:
        return Refused("these people are known by their counts alone, not one by one")
    return _or_why(compute)


def _counts(answers: Answers) -> Array:
    """(I, K + 1): answers by class; no answer does not count, as alpha leaves missing ones out."""
    if answers.crowd is not None:
        return np.asarray(answers.crowd)
    if answers.scoring == "exact":
        raise DataError("agreement is not defined here where people name any number of classes")
    said = people_said(answers)
    return np.array([[said[item][name] for name in answers.classes] for item in answers.items])


def _table(answers: Answers, *columns: str) -> list[Array]:
    """wrong, then these columns of the trials, then who; trials without a value left out."""
    kept = [t for t in answers.trials if all(getattr(t, name) is not None for name in columns)]
    if not kept:
        raise DataError(f"no answer has its {' and '.join(columns)} on record")
    wrong = np.array([not answers.right(trial.item, trial.answers) for trial in kept], float)
    values = [np.array([getattr(trial, name) for trial in kept], float) for name in columns]
    return [wrong, *values, np.array([trial.person for trial in kept])]


def _learning(answers: Answers) -> tuple[tuple[Block, ...], Trend]:
    return learning_curve(*_table(answers, "order"))


def _speed(answers: Answers) -> tuple[tuple[Block, ...], Trend]:
    return speed_accuracy(*_table(answers, "seconds"))


def _calibration(answers: Answers) -> Calibration:
    if all(trial.confidence is None for trial in answers.trials):
        raise DataError("confidence was not asked")
    wrong, confidence, _ = _table(answers, "confidence")
    return calibration(wrong, confidence)
