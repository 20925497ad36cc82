"""Each network beside each reading of "the human", on the same images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.humans.estimands import Estimand
from glassnet.humans.statistics import paired
from glassnet.humans.statistics.crossed import Crossed, crossed_mean
from glassnet.humans.statistics.intervals import Interval
from glassnet.humans.statistics.power import (
    images_needed,
    mcnemar_images,
    smallest_difference,
)
from glassnet.humans.verdict import Verdict, judge, relevant

Array = NDArray[Any]


@dataclass(frozen=True)
class Comparison:
    """One network beside one estimand; differences are network - human.

    p  two-sided, by `test`; adjusted  the same by Holm over the networks of this estimand
    p_permutation  two-sided, by exchanging the two image by image (people fixed)
    p_not_inferior  one-sided at the margin, adjusted by Holm; None without a margin
    discordant  where every image is plainly right or wrong
    smallest  the difference that is found with a chance of 80 % on these images
    needed  images for 80 % power to find the difference that was seen (people as they are), None
        where no number is enough
    """

    estimand: str
    network: str
    images: int
    human_error: float
    network_error: float
    difference: float
    interval: Interval
    method: str
    test: str
    p: float
    p_permutation: float
    smallest: float
    needed: int | None
    adjusted: float = math.nan
    p_not_inferior: float | None = None
    discordant: paired.Discordant | None = None
    spread: Crossed | None = None
    verdict: Verdict | None = None


def compare_all(
    humans: Sequence[Estimand],
    networks: Mapping[str, Array],
    margin: float = 0.0,
    seed: int = 0,
) -> list[Comparison]:
    """Every estimand beside every network; Holm's family is the networks of one estimand.

    networks  name -> errors (I,); margin  for non-inferiority, as a share (0.01 is one point)
    """
    compared: list[Comparison] = []
    for human in humans:
        family = [
            compare(human, name, errors, margin, seed)
            for name, errors in networks.items()
            if (~np.isnan(human.wrong) & ~np.isnan(errors)).any()
        ]
        compared += _with_verdicts(family, margin)
    return compared


def compare(
    human: Estimand, name: str, network: Array, margin: float = 0.0, seed: int = 0
) -> Comparison:
    """One network beside one estimand, by the test that fits it."""
    difference = paired.differences(network, human.wrong)
    shared = {
        "estimand": human.key,
        "network": name,
        "images": len(difference),
        "p_permutation": paired.permutation(difference, seed),
    }
    if human.people is not None and _both_sides(human.people, network):
        return _general(human.people, network, margin, shared)
    seen = ~(np.isnan(network) | np.isnan(human.wrong))
    shared |= {
        "human_error": float(human.wrong[seen].mean()),
        "network_error": float(network[seen].mean()),
        "difference": float(difference.mean()),
    }
    if np.isin(human.wrong[seen], (0.0, 1.0)).all():
        return _binary(paired.discordant(network, human.wrong), margin, shared)
    return _fractional(difference, margin, shared)


def _both_sides(people: Array, network: Array) -> bool:
    """Whether at least two people saw at least two of the network's images between them."""
    seen = ~np.isnan(people) & ~np.isnan(network)
    return bool(seen.any(axis=1).sum() > 1 and seen.any(axis=0).sum() > 1)


def _general(people: Array, network: Array, margin: float, shared: dict[str, Any]) -> Comparison:
    """People and images as samples: t of the crossed mean, never surer than the images alone."""
    values = np.where(np.isnan(people), np.nan, network[None] - people)
    spread = crossed_mean(values)
    with np.errstate(invalid="ignore"):
        by_image = np.nansum(values, axis=0) / (~np.isnan(values)).sum(axis=0)
    _, error = paired.adjusted_mean(by_image[~np.isnan(by_image)])
    spread = replace(spread, variance=max(spread.variance, error**2))
    low, high = spread.interval()
    human = float(np.nanmean(np.where(np.isnan(values), np.nan, people), axis=1).mean())
    return Comparison(
        **shared,
        human_error=human,
        network_error=human + spread.mean,
        difference=spread.mean,
        interval=Interval(max(low, -1.0), min(high, 1.0)),
        method="t with Satterthwaite's degrees of freedom, people and images as samples",
        test="crossed t",
        p=spread.p(),
        p_not_inferior=spread.p_below(margin) if margin else None,
        smallest=smallest_difference(spread.standard_error, spread.df),
        needed=images_needed(spread, spread.mean, spread.people),
        spread=spread,
    )


def _binary(counts: paired.Discordant, margin: float, shared: dict[str, Any]) -> Comparison:
    """Right or wrong on both sides: exact McNemar, Tango's interval."""
    n = counts.n
    half = (counts.network_only + counts.person_only + 1) / (n + 2)  # Agresti and Min's shares
    return Comparison(
        **shared,
        interval=paired.tango(counts),
        method="Tango's score interval",
        test="exact McNemar",
        p=paired.mcnemar(counts),
        p_not_inferior=paired.non_inferiority(counts, margin) if margin else None,
        smallest=smallest_difference(math.sqrt(half / (n + 2))),
        needed=mcnemar_images(counts.network_only / n, counts.person_only / n),
        discordant=counts,
    )


def _fractional(difference: Array, margin: float, shared: dict[str, Any]) -> Comparison:
    """Expected errors of a group or a chosen person: permutation, adjusted Wald interval."""
    _, error = paired.adjusted_mean(difference)
    smallest = smallest_difference(error)
    seen = abs(float(difference.mean()))
    return Comparison(
        **shared,
        interval=paired.mean_interval(difference),
        method="adjusted Wald interval (Agresti and Min)",
        test="permutation",
        p=shared["p_permutation"],
        p_not_inferior=paired.mean_non_inferiority(difference, margin) if margin else None,
        smallest=smallest,
        needed=math.ceil(len(difference) * (smallest / seen) ** 2) if seen > 0 else None,
    )


def _with_verdicts(family: list[Comparison], margin: float) -> list[Comparison]:
    adjusted = paired.holm([c.p for c in family])
    below = paired.holm([c.p_not_inferior for c in family if c.p_not_inferior is not None])
    done = []
    for i, comparison in enumerate(family):
        not_inferior = below[i] if below else None
        wanted = relevant(comparison.human_error, margin)
        verdict = judge(
            comparison.difference, adjusted[i], comparison.smallest, wanted, not_inferior
        )
        done.append(
            replace(comparison, adjusted=adjusted[i], p_not_inferior=not_inferior, verdict=verdict)
        )
    return done
