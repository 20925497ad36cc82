"""The report on people beside networks: from answers to figures, sentences, JSON and one page."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.errors import DataError
from glassnet.humans.answers import Answers
from glassnet.humans.checklist import Filled, fill
from glassnet.humans.comparison import Comparison, compare_all
from glassnet.humans.estimands import Estimand, estimands, first
from glassnet.humans.history import Point, history
from glassnet.humans.mistakes import Beside, beside
from glassnet.humans.people import Crowd, crowd
from glassnet.humans.statements import conclusion, exclusions, measured, other_rules
from glassnet.io import atomic_write

Images = Mapping[str, bytes] | Callable[[str], bytes | None]

# What `Answers.facts` may hold besides the keys of the checklist, and what the report makes of it.
FACTS = {
    "bench": "the bench's name",
    "title": "what the people were asked, or the heading of the report",
    "protocol": "the preset's name",
    "source": "where the images come from",
    "manifest": "the manifest's SHA-256",
    "locked": "False: the test is not over, and the report says so first",
    "invited": "people who were invited, an int",
    "started": "of these who began, an int",
    "completed": "of these who answered everything, an int",
    "withdrawn": "people who withdrew and whose answers were erased, an int",
    "excluded": "people left out, an int or {rule in words: int}",
    "causes": "{who tagged: {cause: errors}}",
    "wrong_labels": "{item: reasons} of the given labels that somebody called wrong",
    "adjudicated": "True: what most adjudicators called acceptable counts as right",
    "chains_hold": "whether every session's hash chain verifies",
    "screens": "the sizes of the screens people worked at",
}


@dataclass(frozen=True)
class Report:
    """Everything that the page and the JSON tell.

    humans  the readings of "the human", the first being the one that the headline speaks of
    compared  every network beside every reading
    conclusions  a sentence for each network beside the first reading
    """

    answers: Answers
    seed: int
    margin: float
    humans: tuple[Estimand, ...]
    compared: tuple[Comparison, ...]
    conclusions: tuple[str, ...]
    people: Crowd
    beside: tuple[Beside, ...]
    history: tuple[Point, ...]
    checklist: tuple[Filled, ...]
    others: tuple[str, ...]

    @property
    def primary(self) -> Estimand:
        """The reading that the headline speaks of: the average person, or the only one."""
        return self.humans[0]

    def comparison(self, estimand: str, network: str) -> Comparison | None:
        """One network beside one reading, None where they share no image."""
        found = (c for c in self.compared if (c.estimand, c.network) == (estimand, network))
        return next(found, None)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON-able values; what is undefined or refused is None or says why."""
        facts = self.answers.facts
        return {
            "bench": facts.get("bench"),
            "title": facts.get("title"),
            "protocol": facts.get("protocol"),
            "manifest": facts.get("manifest"),
            "locked": facts.get("locked"),
            "images": len(self.answers.items),
            "people": len(self.answers.people),
            "answers": _answers(self.answers),
            "guesses": self.answers.guesses,
            "scoring": self.answers.scoring,
            "seed": self.seed,
            "margin": self.margin,
            "primary": self.primary.key,
            "verdicts": {
                name: {
                    c.estimand: c.verdict.words
                    for c in self.compared
                    if c.network == name and c.verdict is not None
                }
                for name in self.answers.models
            },
            "conclusions": list(self.conclusions),
            "exclusions": dict(exclusions(facts)),
            "other_exclusions": list(self.others),
            "estimands": _plain(self.humans),
            "comparisons": _plain(self.compared),
            "crowd": _plain(self.people),
            "mistakes": _plain(self.beside),
            "history": _plain(self.history),
            "checklist": [
                {"part": e.field.part, "name": e.field.name, "text": e.text, "key": e.field.key}
                for e in self.checklist
            ],
        }

    def html(self, images: Images | None = None) -> str:
        """The report as one HTML page; images: item -> PNG, a mapping or a function."""
        from glassnet.humans.view import render

        return render(self, images)

    def write(self, path: str | os.PathLike[str], images: Images | None = None) -> Path:
        """Write the page to `path`, and return it."""
        return atomic_write(Path(path), self.html(images))


def analyse(
    answers: Answers, seed: int = 0, margin: float = 0.0, everyone: Answers | None = None
) -> Report:
    """Analyse people beside networks.

    seed  of permutations, resamples and the choice of the best person
    margin  for non-inferiority, as a share: 0.01 is one percentage point
    everyone  the same bench with nobody left out, to see whether the result holds without the rules
    Raises DataError where nobody has answered, or the margin is no share.
    """
    if not 0 <= margin < 1:
        raise DataError(f"the margin must be a share from 0 to 1, not {margin}; 0.01 is one point")
    humans = estimands(answers, seed)
    compared = compare_all(humans, _errors(answers), margin, seed)
    people = crowd(answers, seed)
    primary = [c for c in compared if c.estimand == humans[0].key]
    others = _without_rules(everyone, compared, humans[0], margin, seed)
    return Report(
        answers=answers,
        seed=seed,
        margin=margin,
        humans=tuple(humans),
        compared=tuple(compared),
        conclusions=tuple(conclusion(c, humans[0], len(primary), margin) for c in primary),
        people=people,
        beside=tuple(beside(answers, name) for name in answers.models),
        history=history(answers.models, primary),
        checklist=fill(answers.facts, measured(answers, people, humans, compared, others)),
        others=others,
    )


def _errors(answers: Answers) -> dict[str, Any]:
    return {name: 1 - answers.model_correct(name) for name in answers.models}


def _without_rules(
    everyone: Answers | None,
    compared: list[Comparison],
    primary: Estimand,
    margin: float,
    seed: int,
) -> tuple[str, ...]:
    if everyone is None:
        return ()
    human = first(everyone)
    return tuple(
        other_rules(compared, compare_all([human], _errors(everyone), margin, seed), primary)
    )


def _answers(answers: Answers) -> int:
    return int(answers.crowd.sum()) if answers.crowd is not None else len(answers.trials)


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries without their arrays; NaN and infinity as None."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return {k: _plain(v) for k, v in parts.items() if not isinstance(v, np.ndarray)}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
