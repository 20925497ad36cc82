"""From a bench to `Answers`: who counts, what they answered, and what is known for the report."""

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassnet.errors import DataError
from glassnet.humans import judging, taken
from glassnet.humans.answers import Answers, Scoring, Trial
from glassnet.humans.manifest import CAUSES, Manifest

if TYPE_CHECKING:
    from glassnet.humans.service import Bench
    from glassnet.humans.session import Session


@dataclass(frozen=True)
class Person:
    """One participant's final answers, by trial, and what the consent said."""

    name: str
    state: str
    answers: dict[int, taken.Content]
    about: dict[str, Any]
    excluded: str | None  # by which rule, or None
    complete: bool  # answered every image


def answers(bench: "Bench", exclude: bool, adjudicated: bool) -> Answers:
    """The data of statistics and report. Raises DataError where nobody's answers count."""
    manifest = bench.manifest
    people = [_person(bench, session) for session in bench.sessions()]
    counted = [p for p in people if p.answers and not (exclude and p.excluded)]
    test = manifest.of_kind("test")
    names = {item.name for item in test}
    trials = tuple(trial for person in counted for trial in _trials(manifest, person, names))
    if not trials:
        raise DataError(_nobody(bench.name, people))
    more = judging.accepted(bench) if adjudicated else {}
    scoring: Scoring = "exact" if manifest.choice == "all" else "any"
    return Answers(
        classes=manifest.class_names,
        items=tuple(item.name for item in test),
        truth={i.name: frozenset(i.truth) | more.get(i.name, frozenset()) for i in test},
        trials=trials,
        models=bench.models(),
        guesses=manifest.guesses,
        facts=_facts(bench, people, exclude, adjudicated),
        scoring=scoring,
    )


def _nobody(bench: str, people: list[Person]) -> str:
    """Why there is nothing to analyse: nobody answered, or the rules leave all of them out."""
    left_out = Counter(person.excluded for person in people if person.excluded)
    if not left_out:
        return (
            f"nobody has answered in '{bench}' yet; invite people: glassnet humans invite {bench}"
        )
    said = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
    return (
        f"nobody's answers count in '{bench}': by the rules that were fixed when it was made, "
        f"everybody is left out ({said}); glassnet humans export {bench} answers.csv has "
        f"all answers"
    )


def _person(bench: "Bench", session: "Session") -> Person:
    state = session.state
    final = bench.records.final(session.id)
    consents = [content for _, content in bench.records.entries(session.id, "consent")]
    about = consents[0] if consents else {}
    excluded = _excluded(bench.manifest, final, about) if final else None
    return Person(session.person, state, final, about, excluded, session.complete)


def _excluded(
    manifest: Manifest, final: dict[int, taken.Content], about: dict[str, Any]
) -> str | None:
    """The first of the manifest's rules that leaves this person out, in words."""
    rules, items = manifest.exclusion, manifest.items_by_name
    by_kind: dict[str, list[taken.Content]] = {"training": [], "test": [], "check": []}
    for content in final.values():
        by_kind[items[content["item"]].kind].append(content)
    test = by_kind["test"]
    failed = sum(
        not taken.right(manifest, items[content["item"]], content) for content in by_kind["check"]
    )
    share = len(test) / len(manifest.of_kind("test"))
    blurred = sum(map(taken.blurred, test)) / max(1, len(test))
    median = taken.median_seconds(test)
    reasons = {
        "had seen the images before": rules.seen_before and about.get("seen_before") is True,
        "failed attention checks": failed > rules.max_failed_checks,
        "answered too few images": share < rules.min_completed,
        "answered too fast": median is not None and median < rules.min_median_seconds,
        "was in other windows too often": blurred > rules.max_blurred,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _trials(manifest: Manifest, person: Person, names: set[str]) -> list[Trial]:
    test = [c for _, c in sorted(person.answers.items()) if c["item"] in names]
    return [
        Trial(
            person=person.name,
            item=content["item"],
            order=order,
            answers=taken.counted(content),
            seconds=content["client_ms"] / 1000,
            confidence=content["confidence"],
            condition=manifest.items_by_name[content["item"]].condition,
        )
        for order, content in enumerate(test)
    ]


def _facts(
    bench: "Bench", people: list[Person], exclude: bool, adjudicated: bool
) -> dict[str, Any]:
    """By the keys of `checklist.FIELDS`, and beside them what the bench alone knows."""
    manifest = bench.manifest
    began = [p for p in people if p.state != "consent"]
    excluded = Counter(p.excluded for p in people if p.excluded)
    withdrawn = sum(p.state == "withdrawn" for p in people)
    known = {
        "bench": bench.name,
        "title": manifest.title,
        "protocol": manifest.protocol,
        "manifest": manifest.digest,
        "source": manifest.source,
        "locked": bench.locked,
        "invited": _invited(bench),
        "started": len(began),
        "completed": sum(person.complete for person in began),
        "withdrawn": withdrawn,
        "excluded": dict(excluded) if exclude else {},
        "adjudicated": adjudicated,
        "chains_hold": not bench.verify(),
        "sampling": f"drawn at random by the seed {manifest.seed} from {manifest.source}",
        "effort": _effort(manifest),
        "seen_before": _seen_before(people),
        "training": _training(manifest),
        "items_in_one_sitting": _sittings(bench),
        "order_randomised": "yes, for each person anew, by seed and number of the person",
        "quality_checks": _checks(manifest, excluded),
        "same_interface": _interface(manifest),
        "explanations": _explanations(manifest),
        "instructions": f"{manifest.title} Consent: {manifest.consent}",
        "completion_rate": _completion(began, withdrawn),
        "demographics": _demographics(people),
        "screens": sorted({_screen(p) for p in began if _screen(p)}),
        "causes": causes(bench),
        "adjudicators": sorted({j.adjudicator for j in judging.judgements(bench)}),
        "wrong_labels": wrong_labels(bench),
    }
    known = {name: value for name, value in known.items() if value not in ("", None)}
    return known | {name: value for name, value in bench.facts().items() if value not in ("", None)}


def causes(bench: "Bench") -> dict[str, dict[str, int]]:
    """Who tagged -> cause -> how often: participants about their own errors, and adjudicators."""
    own: Counter[str] = Counter()
    for session in bench.sessions():
        for tag in bench.records.tags(session.id).values():
            own.update(tag["causes"])
    judged: Counter[str] = Counter()
    for judgement in judging.judgements(bench):
        for found in judgement.causes.values():
            judged.update(found)
    counted = {"participants": own, "adjudicators": judged}
    return {
        who: {CAUSES[cause]: count for cause, count in found.most_common()}
        for who, found in counted.items()
        if found
    }


def wrong_labels(bench: "Bench") -> dict[str, list[str]]:
    """Items whose given label somebody, participant or adjudicator, called wrong -> the reasons."""
    reasons: dict[str, list[str]] = {}
    for session in bench.sessions():
        trials = session.trials
        for content in bench.records.final(session.id).values():
            if content["wrong_label"]:
                reasons.setdefault(content["item"], []).append(content["wrong_label"])
        for trial, tag in bench.records.tags(session.id).items():
            if "label" in tag["causes"]:
                reasons.setdefault(trials[trial].name, []).append(tag["note"])
    for judgement in judging.judgements(bench):
        if judgement.label_wrong:
            reasons.setdefault(judgement.item, []).append(judgement.note)
    return reasons


def _invited(bench: "Bench") -> int | None:
    """How many people were invited; None where anybody may come."""
    from glassnet.humans import invitations

    if bench.manifest.open:
        return None
    with bench.store.read() as connection:
        return invitations.counts(connection, bench.name)["sent"]


def _effort(manifest: Manifest) -> str:
    deadline = manifest.timing.deadline_ms
    exposure = manifest.timing.exposure_ms
    parts = ["own pace" if deadline is None else f"at most {deadline / 1000:g} s an image"]
    if exposure is not None:
        parts.append(f"each image shown for {exposure} ms")
    return ", ".join(parts)


def _seen_before(people: list[Person]) -> str:
    said = [p.about["seen_before"] for p in people if p.about.get("seen_before") is not None]
    return f"{sum(said)} of {len(said)} people who were asked said so" if said else ""


def _training(manifest: Manifest) -> str:
    count = len(manifest.of_kind("training"))
    examples = max((len(found) for found in manifest.exemplars.values()), default=0)
    phase = f"{count} images with feedback before the test" if count else "no training phase"
    return f"{phase}; {examples} examples a class" if examples else f"{phase}; no examples"


def _sittings(bench: "Bench") -> str:
    """Median number of answers between two pauses."""
    runs: list[int] = []
    for session in bench.sessions():
        length = 0
        for entry, _ in bench.records.entries(session.id, "answer", "pause"):
            if entry.kind == "answer":
                length += 1
            elif length:
                runs.append(length)
                length = 0
        runs += [length] if length else []
    return f"{statistics.median(runs):g} answers in the median, pauses allowed" if runs else ""


def _checks(manifest: Manifest, excluded: Counter[str]) -> str:
    rules, count = manifest.exclusion, len(manifest.of_kind("check"))
    said = "; ".join(f"{number} {reason}" for reason, number in excluded.items())
    seen = "people who had seen the images are left out, " if rules.seen_before else ""
    return (
        f"{count} attention checks; fixed beforehand: {seen}at most {rules.max_failed_checks} "
        f"failed checks, at least {rules.min_completed:.0%} answered, median at least "
        f"{rules.min_median_seconds:g} s, at most {rules.max_blurred:.0%} of answers with another "
        f"window in front; excluded people: {said or 'none'}"
    )


def _interface(manifest: Manifest) -> str:
    display = manifest.display
    return (
        f"the same pixels; people saw them at {display.side} x {display.side} pixels "
        f"({display.interpolation}), machines through their own preprocessing"
    )


def _explanations(manifest: Manifest) -> str:
    return "causes of errors were tagged after the lock, from a fixed list with a note"


def _completion(began: list[Person], withdrawn: int) -> str:
    done = sum(person.complete for person in began)
    said = f"{done} of {len(began)} who began answered every image; {withdrawn} withdrew"
    return said if began else ""


def _demographics(people: list[Person]) -> str:
    told: dict[str, Counter[str]] = {}
    for person in people:
        for name, value in (person.about.get("about") or {}).items():
            told.setdefault(name, Counter())[str(value)] += 1
    return "; ".join(
        f"{name}: " + ", ".join(f"{value} ({count})" for value, count in found.most_common(8))
        for name, found in told.items()
    )


def _screen(person: Person) -> str:
    screen = person.about.get("screen")
    return f"{screen[0]} x {screen[1]}" if screen else ""
