"""What an answer holds: checked when it comes in, read back, and scored.

The content of an answer, as it is sealed into the log: {"answers", "client_ms", "confidence",
"events", "wrong_label"} from the page and {"item", "server_ms", "shows", "late"} from the server.
"""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from glassnet.errors import DataError
from glassnet.humans.manifest import Item, Manifest, Timing
from glassnet.humans.views import EVENTS

Content = dict[str, Any]

MOST_EVENTS = 200
GRACE_MS = 3000  # what the way to the server and back may add to a deadline
DAY_MS = 86_400_000


def content(
    manifest: Manifest,
    answers: Sequence[str],
    client_ms: float,
    confidence: float | None,
    happened: Sequence[Mapping[str, Any]],
    wrong_label: str | None,
) -> Content:
    """The page's part of an answer. Raises DataError for what the protocol does not take."""
    if len(answers) > manifest.guesses:
        raise DataError(f"{len(answers)} answers, but {manifest.guesses} are taken at most")
    if not 0 <= client_ms <= DAY_MS:
        raise DataError(f"the time to answer must be from 0 to a day in ms, got {client_ms}")
    if manifest.confidence and answers and confidence is None:
        raise DataError("this protocol asks how sure you are; give a confidence from 0 to 1")
    if confidence is not None and not (manifest.confidence and 0 <= confidence <= 1):
        raise DataError(
            f"a confidence of {confidence}: it must be from 0 to 1, where the protocol asks for it"
        )
    return {
        "answers": among(answers, manifest.known, "class"),
        "client_ms": round(float(client_ms), 1),
        "confidence": None if confidence is None else float(confidence),
        "events": events(happened),
        "wrong_label": wrong_label[:1000] if wrong_label and manifest.show_label else None,
    }


def events(happened: Sequence[Mapping[str, Any]]) -> list[Content]:
    """Events as {"kind", "ms"}. Raises DataError for too many, or kinds that are none."""
    if len(happened) > MOST_EVENTS:
        raise DataError(f"{len(happened)} events at once, at most {MOST_EVENTS} are taken")
    kept = []
    for event in happened:
        kind, ms = event.get("kind"), event.get("ms", 0)
        if kind not in EVENTS:
            raise DataError(f"an event of kind {kind!r}; known are {', '.join(EVENTS)}")
        if not isinstance(ms, int | float) or not math.isfinite(ms):
            raise DataError("the time of an event must be a number of milliseconds")
        kept.append({"kind": kind, "ms": round(float(ms), 1)})
    return kept


def among(names: Sequence[str], known: Collection[str], what: str) -> list[str]:
    """The names, once all of them are known and none comes twice. Raises DataError."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise DataError(f"a list of names is expected, one a {what}")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(f"{unknown[0][:60]!r} is no {what} here")
    if len(set(names)) < len(names):
        raise DataError(f"a {what} was given twice")
    return list(names)


def short(about: Mapping[str, Any]) -> Content:
    """What a person told of themselves, held to a length. Raises DataError beyond it."""
    if len(about) > 30:
        raise DataError(f"{len(about)} statements, at most 30 are taken")
    for name, value in about.items():
        if not isinstance(value, str | int | float | bool | None):
            raise DataError(f"'{name[:60]}' must be a text or a number")
        if len(name) > 60 or (isinstance(value, str) and len(value) > 500):
            raise DataError(f"'{name[:60]}' is too long; at most 500 characters are taken")
    return dict(about)


def late(timing: Timing, client_ms: float, server_ms: float | None) -> bool:
    """Whether the answer came after the deadline, by the browser's clock or, roughly, by ours."""
    if timing.deadline_ms is None:
        return False
    allowed = timing.fixation_ms + timing.deadline_ms + GRACE_MS
    return client_ms > timing.deadline_ms or (server_ms is not None and server_ms > allowed)


def counted(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The answers that count: none where they came too late."""
    return () if answer["late"] else tuple(answer["answers"])


def right(manifest: Manifest, item: Item, answer: Mapping[str, Any]) -> bool:
    """Whether an answer counts as right."""
    return accepts(manifest, item, counted(answer))


def accepts(manifest: Manifest, item: Item, answers: Sequence[str]) -> bool:
    """Whether these ranked classes count as right: one of the guesses, or exactly the set."""
    if manifest.choice == "all":
        return set(answers) == set(item.truth)
    return not set(item.truth).isdisjoint(answers[: manifest.guesses])


def blurred(answer: Mapping[str, Any]) -> bool:
    """Whether another window may have been in front meanwhile."""
    return any(event["kind"] in ("blur", "hidden") for event in answer["events"])


def median_seconds(answers: Iterable[Mapping[str, Any]]) -> float | None:
    """The median time from image to answer by the browser's clock; None without an answer."""
    times = [answer["client_ms"] / 1000 for answer in answers]
    return statistics.median(times) if times else None
