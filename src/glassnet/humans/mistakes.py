"""People and network error by error: which images only one side gets wrong, and as what."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.humans.answers import Answers

Array = NDArray[Any]
NO_ANSWER = "(no answer)"
SHOWN = 12  # images of each kind, in full


@dataclass(frozen=True)
class Missed:
    """One image with what both sides said.

    people_wrong  the share of the people who saw it that got it wrong
    """

    item: str
    truth: tuple[str, ...]
    people: tuple[tuple[str, int], ...]  # answer -> how many people, the most frequent first
    network: tuple[str, ...]
    people_wrong: float


@dataclass(frozen=True)
class Beside:
    """One network's errors beside the people's; the kinds are by the majority of the people.

    Of each kind the clearest are kept: where people agree most that it is right, or wrong.
    """

    network: str
    both: int
    only_people: int
    only_network: int
    neither: int
    people_missed: tuple[Missed, ...]  # the network is right, most people are not
    network_missed: tuple[Missed, ...]  # most people are right, the network is not
    both_missed: tuple[Missed, ...]


def beside(answers: Answers, network: str) -> Beside:
    """Sort the images by who gets them wrong; most people means more than half of who saw it."""
    given = people_said(answers)
    model = answers.models[network].answers
    wrong = answers.model_correct(network) == 0
    share = share_wrong(answers)
    known = ~np.isnan(share) & np.array([item in model for item in answers.items])
    most = share > 0.5

    def pick(chosen: Array, order: Array) -> tuple[Missed, ...]:
        places = np.flatnonzero(chosen & known)
        ranked = places[np.argsort(order[places], kind="stable")][:SHOWN]
        return tuple(
            Missed(
                answers.items[i],
                tuple(sorted(answers.truth[answers.items[i]])),
                tuple(given[answers.items[i]].most_common()),
                model[answers.items[i]][: answers.guesses],
                float(share[i]),
            )
            for i in ranked
        )

    return Beside(
        network,
        both=int((wrong & most & known).sum()),
        only_people=int((~wrong & most & known).sum()),
        only_network=int((wrong & ~most & known).sum()),
        neither=int((~wrong & ~most & known).sum()),
        people_missed=pick(~wrong & most, -share),
        network_missed=pick(wrong & ~most, share),
        both_missed=pick(wrong & most, -share),
    )


def people_said(answers: Answers) -> dict[str, Counter[str]]:
    """item -> how many people gave each answer first; in sets, each class that was named."""
    said: dict[str, Counter[str]] = {item: Counter() for item in answers.items}
    if answers.crowd is not None:
        for item, row in zip(answers.items, answers.crowd.tolist(), strict=True):
            said[item].update({name: n for name, n in zip(answers.classes, row, strict=True) if n})
    for trial in answers.trials:
        shown = trial.answers if answers.scoring == "exact" else trial.answers[:1]
        said[trial.item].update(shown or (NO_ANSWER,))
    return said


def share_wrong(answers: Answers) -> Array:
    """(I,): the share of the people who saw an image that got it wrong, NaN where nobody did."""
    if answers.crowd is not None:
        right, seen = (answers.crowd * answers.accepted).sum(axis=1), answers.crowd.sum(axis=1)
    else:
        right, seen = np.nansum(answers.correct, axis=0), (~np.isnan(answers.correct)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return 1 - right / seen


def confusion(answers: Answers, network: str | None = None) -> Array:
    """How often each class (rows) was taken for each (columns), by people or by one network.

    First answers to images with one accepted class. (K, K); no answer is in no column.
    """
    place = {name: i for i, name in enumerate(answers.classes)}
    table = np.zeros((len(place), len(place)), int)
    for item, said in _first_answers(answers, network).items():
        if len(answers.truth[item]) == 1:
            (truth,) = answers.truth[item]
            for name, count in said.items():
                if name in place:
                    table[place[truth], place[name]] += count
    return table


def _first_answers(answers: Answers, network: str | None) -> dict[str, Counter[str]]:
    if network is None:
        return people_said(answers)
    given = answers.models[network].answers
    return {item: Counter(given[item][:1]) for item in answers.items if item in given}
