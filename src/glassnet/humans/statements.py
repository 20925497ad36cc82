"""What the figures say, in sentences: the conclusions, and the measured part of the checklist."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import glassnet
from glassnet.humans.answers import Answers
from glassnet.humans.checklist import NOT_REPORTED
from glassnet.humans.comparison import Comparison
from glassnet.humans.estimands import Estimand
from glassnet.humans.people import Crowd
from glassnet.humans.verdict import relevant
from glassnet.look.wording import count, duration, percent

NBSP = "\u00a0"
MINUS = "\u2212"
TALLY = {
    "better": "better",
    "worse": "worse",
    "not shown": "not shown to differ",
    "too few images": "undecided for too few images",
}
NAMED = 3  # networks of one verdict that are named in the summary


def points(share: float, digits: int = 1) -> str:
    """A difference of shares in percentage points with its sign: -0.018 -> "−1.8"."""
    text = size(share, digits)
    if float(text) == 0:
        return text
    return (MINUS if share < 0 else "+") + text


def size(share: float, digits: int = 1) -> str:
    """A difference of shares in percentage points without its sign: -0.018 -> "1.8"."""
    return f"{abs(100 * share):.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A number with a minus that is one: -0.0281 -> "−0.028"."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def p_value(p: float) -> str:
    """0.0213 -> "p = 0.021", 0.00002 -> "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def conclusion(comparison: Comparison, human: Estimand, networks: int, margin: float) -> str:
    """One network beside one estimand, as a sentence with its evidence."""
    assert comparison.verdict is not None
    kind = comparison.verdict.kind
    if kind == "better":
        claim = f"{comparison.network} makes fewer errors than {human.name}"
    elif kind == "worse":
        claim = f"{comparison.network} makes more errors than {human.name}"
    elif kind == "not shown":
        claim = f"No difference is shown between {comparison.network} and {human.name}"
    else:
        few = "images and people" if human.general else "images"
        claim = f"Too few {few} to tell {comparison.network} from {human.name}"
    text = f"{claim}: {_evidence(comparison, networks)}."
    shown = comparison.verdict.not_inferior
    if shown is not None and kind != "better" and (shown or kind != "worse"):
        text += (
            f" It is {'' if shown else 'not '}shown to be worse by less than "
            f"{size(margin)} points, if at all."
        )
    if kind == "too few images":
        text += f" {_too_few(comparison, margin)}"
    return text


def _evidence(comparison: Comparison, networks: int) -> str:
    low, high = comparison.interval
    family = f", Holm over {networks} networks" if networks > 1 else ""
    return (
        f"{percent(comparison.network_error)} against {percent(comparison.human_error)} on the "
        f"same {count(comparison.images, 'image')}, a difference of "
        f"{points(comparison.difference)} points (95{NBSP}% {points(low)} to {points(high)}; "
        f"{p_value(comparison.adjusted)}, {comparison.test}{family})"
    )


def _too_few(comparison: Comparison, margin: float) -> str:
    wanted = relevant(comparison.human_error, margin)
    text = (
        f"This bench finds differences above {size(comparison.smallest)} points with a "
        f"chance of 80{NBSP}%; it should find {size(wanted)}."
    )
    spread = comparison.spread
    if spread is not None and spread.between_people / spread.people > 0.5 * spread.variance:
        text += " Most of the doubt comes from how people differ: more people help, not images."
    return text


def summary(humans: Sequence[Estimand], compared: Sequence[Comparison]) -> list[str]:
    """The whole verdict in a sentence for each reading, without the single people."""
    groups = [human for human in humans if human.kind != "person"] or list(humans[:1])
    return [
        f"Beside {human.name}: {_tally(mine)}."
        for human in groups
        if (mine := [c for c in compared if c.estimand == human.key])
    ]


def _tally(compared: Sequence[Comparison]) -> str:
    parts = []
    for kind, words in TALLY.items():
        mine = [c.network for c in compared if c.verdict and c.verdict.kind == kind]
        if len(mine) == len(compared):
            return (
                f"{mine[0]} is {words}"
                if len(mine) == 1
                else f"all {len(mine)} networks are {words}"
            )
        if mine:
            named = f" ({', '.join(mine)})" if len(mine) <= NAMED else ""
            parts.append(f"{len(mine)} {words}{named}")
    return f"of {len(compared)} networks, " + ", ".join(parts)


def measured(
    answers: Answers,
    people: Crowd,
    humans: Sequence[Estimand],
    compared: Sequence[Comparison],
    others: Sequence[str],
) -> dict[str, Any]:
    """What the bench knows for the checklist, by the keys of `checklist.FIELDS`."""
    facts: dict[str, Any] = {
        "human_items": count(len(answers.items), "image"),
        "same_scoring": _scoring(answers),
        "tools": f"glassnet {glassnet.__version__} for the analysis",
        "uncertainty": "each error and each difference with a 95 % interval, its method named",
        **_of_people(answers, people),
        **_of_models(answers),
    }
    if compared:
        facts |= _of_tests(compared, humans)
    if others:
        facts["other_exclusions"] = " ".join(others)
    return facts


def _scoring(answers: Answers) -> str:
    if answers.scoring == "exact":
        return "right where the set of classes named is the set accepted, on both sides"
    guesses = "the answer" if answers.guesses == 1 else f"one of {answers.guesses} ranked answers"
    return f"right where {guesses} is an accepted class, on both sides"


def _of_people(answers: Answers, people: Crowd) -> dict[str, str]:
    if answers.crowd is not None:
        seen = answers.crowd.sum(axis=1)
        return {
            "human_answers_per_item": f"{seen.min()} to {seen.max()}, mean {seen.mean():.1f}",
        }
    per_item = (~np.isnan(answers.correct)).sum(axis=0)
    per_person = [person.images for person in people.people]
    seconds = [t.seconds for t in answers.trials if t.seconds is not None]
    facts = {
        "people": count(len(people.people), "person").replace("persons", "people"),
        "human_answers_per_item": _range(per_item.min(), per_item.max()),
        "items_per_person": _range(min(per_person), max(per_person)),
        "completion_rate": f"{sum(n == len(answers.items) for n in per_person)} of the "
        f"{len(per_person)} people in the analysis answered every image",
    }
    if seconds:
        low, middle, high = np.percentile(seconds, [25, 50, 75])
        total = duration(sum(seconds))
        facts["time_per_item"] = f"median {middle:.1f} s (quartiles {low:.1f} to {high:.1f} s)"
        facts["effort"] = f"time measured: {total} of answering in all"
    return facts


def _of_models(answers: Answers) -> dict[str, str]:
    if not answers.models:
        return {}
    known = [sum(i in model.answers for i in answers.items) for model in answers.models.values()]
    most = max(min(len(given), answers.guesses) for m in answers.models.values()
               for given in m.answers.values())  # fmt: skip
    return {
        "machine_items": f"{_range(min(known), max(known))}, of the same images",
        "machine_answers_per_item": f"{most}, as many as count",
    }


def _of_tests(compared: Sequence[Comparison], humans: Sequence[Estimand]) -> dict[str, str]:
    tests = list(dict.fromkeys(comparison.test for comparison in compared))
    primary = [c for c in compared if c.estimand == humans[0].key]
    smallest = " to ".join(dict.fromkeys(size(f(c.smallest for c in primary)) for f in (min, max)))
    return {
        "difference_tested": f"network and person on the same images, by {', '.join(tests)}; "
        "two-sided, adjusted by Holm over the networks",
        "power": f"computed after the fact: beside {humans[0].name}, a difference of {smallest} "
        "points would be found with a chance of 80 %",
        "same_metric": "one answer of the network beside one of a person; groups of people are "
        "given apart, since they are not comparable with a single answer",
    }


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def other_rules(
    compared: Sequence[Comparison], everyone: Sequence[Comparison], primary: Estimand
) -> Iterator[str]:
    """How each network's verdict beside the first estimand stands when nobody is left out."""
    kept = {c.network: c for c in compared if c.estimand == primary.key}
    for other in everyone:
        mine = kept.get(other.network)
        if other.estimand != primary.key or mine is None:
            continue
        assert mine.verdict is not None and other.verdict is not None
        same = mine.verdict.kind == other.verdict.kind
        held = "the same" if same else f"{other.verdict.kind} in place of {mine.verdict.kind}"
        yield (
            f"{other.network} with nobody left out: {held} "
            f"({points(other.difference)} points, {p_value(other.adjusted)})."
        )


def exclusions(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who began, finished, withdrew and was left out, as (name, words); a gap is said to be one."""
    rows = [
        (name, f"{facts[key]:,}")
        for name, key in (("Invited", "invited"), ("Began", "started"), ("Finished", "completed"))
        if isinstance(facts.get(key), int)
    ]
    if facts.get("completion_rate"):
        rows.append(("Completed", str(facts["completion_rate"])))
    withdrawn, excluded = facts.get("withdrawn"), facts.get("excluded")
    known = f"{withdrawn:,}" if isinstance(withdrawn, int) else NOT_REPORTED
    rows.append(("Withdrew (answers erased)", known))
    if isinstance(excluded, Mapping) and excluded:
        return rows + [(f"Left out: {rule}", f"{n:,}") for rule, n in excluded.items()]
    left = 0 if excluded == {} else excluded
    return [
        *rows,
        ("Left out by the rules", f"{left:,}" if isinstance(left, int) else NOT_REPORTED),
    ]
