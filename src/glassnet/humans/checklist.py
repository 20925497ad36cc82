"""What a report of a human baseline must state, field by field, and never in silence.

The fields are those of the checklist of Wei et al. 2025, in our words. Each is filled from what the
bench measured, from what the owner stated, or reads "not reported".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glassnet.look.wording import words

NOT_REPORTED = "not reported"


@dataclass(frozen=True)
class Field:
    """One thing to state.

    key  in `Answers.facts`; ask  the question to the owner, or "" where the bench knows it
    """

    key: str
    part: str
    name: str
    ask: str = ""


@dataclass(frozen=True)
class Filled:
    """One field with its answer; `reported` False where nobody stated it."""

    field: Field
    text: str
    reported: bool


def _fields(part: str, *rows: tuple[str, ...]) -> Iterator[Field]:
    for key, name, *ask in rows:
        yield Field(key, part, name, *ask)


FIELDS: tuple[Field, ...] = (
    *_fields(
        "Design",
        ("items_in_data_set", "Items in the data set",
         "How many images has the data set that these were drawn from?"),
        ("machine_items", "Items the machine was judged on"),
        ("machine_answers_per_item", "Machine answers per item"),
        ("people", "Number of people"),
        ("human_items", "Items people were judged on"),
        ("sampling", "How the items were sampled"),
        ("human_answers_per_item", "Human answers per item"),
        ("items_per_person", "Items per person"),
        ("fair_items", "Are the items fair to both sides",
         "Is there anything in the images that only people, or only the machine, can use?"),
        ("piloted", "Piloted or expert-checked",
         "Was the bench piloted, or checked by an expert, before people were invited?"),
        ("effort", "Effort controlled (time, cost)"),
        ("power", "Power analysis and smallest detectable difference"),
        ("ethics", "Ethics review", "Which ethics review covers this, or why is none needed?"),
        ("preregistration", "Pre-registration", "Where was the plan registered beforehand?"),
    ),
    *_fields(
        "Recruitment",
        ("population", "Population the result speaks for",
         "Which population do these people stand for, by which criteria (expertise, education, "
         "language, age, experience with computers and with such tests)?"),
        ("found", "How people were found",
         "How were people found (crowd, convenience, random, stratified)?"),
        ("screening", "Screening, and how many it excluded",
         "How were people screened, and how many did that exclude?"),
        ("authors_answered", "Did the authors answer themselves",
         "Did the authors answer themselves?"),
        ("seen_before", "Had anyone seen the items before"),
        ("training", "Training: kind, paid or not"),
        ("pay", "Pay for the test",
         "What were people paid: amount, bonus, the same for all?"),
    ),
    *_fields(
        "Execution",
        ("items_in_one_sitting", "Items in one sitting"),
        ("order_randomised", "Order randomised"),
        ("quality_checks", "Quality checks: criteria, answers excluded"),
        ("same_interface", "Same interface for people and machine, or what was adjusted"),
        ("same_instructions", "Same instructions",
         "Did machine and people get the same instructions?"),
        ("same_tools", "Same tools, and how that was enforced",
         "Which tools could each side use, and how was that enforced?"),
        ("explanations", "Explanations collected"),
    ),
    *_fields(
        "Analysis",
        ("difference_tested", "Difference tested, and by which test"),
        ("uncertainty", "Uncertainty: point, interval, distribution"),
        ("same_metric", "Same metric on both sides"),
        ("same_scoring", "Same scoring rubric and method"),
        ("other_exclusions", "Does the result hold under other exclusion rules"),
    ),
    *_fields(
        "Documentation",
        ("demographics", "Demographics", "What is known of the people's age, education, ...?"),
        ("instructions", "Instructions as given"),
        ("time_per_item", "Time per item"),
        ("tools", "Tools used, with versions"),
        ("completion_rate", "Completion rate"),
        ("answers_available", "Are the answers available, by person, or why not",
         "Are the answers available, by person? If not, why?"),
        ("materials_available", "Materials and analysis code available",
         "Where are the materials and the analysis code?"),
    ),
)  # fmt: skip
KEYS = frozenset(field.key for field in FIELDS)


def fill(facts: Mapping[str, Any], measured: Mapping[str, Any]) -> tuple[Filled, ...]:
    """Every field, in order: what was measured, else what `facts` state, else "not reported".

    Where both speak, the owner's words follow what was measured.
    """
    return tuple(_filled(field, facts.get(field.key), measured.get(field.key)) for field in FIELDS)


def _filled(field: Field, stated: Any, measured: Any) -> Filled:
    texts = [words(value).strip() for value in (measured, stated)]
    texts = [text for text in dict.fromkeys(texts) if text]
    return Filled(field, "; ".join(texts) or NOT_REPORTED, bool(texts))
