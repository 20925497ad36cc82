"""Adjudication: were the wrong answers wrong? Judged without knowing who gave them.

A case is one image that anybody, person or model, answered wrongly. All the wrong answers to it
are pooled and shuffled; nothing tells which of them came from whom, or from how many.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassnet.errors import NotFound, Refused
from glassnet.humans import taken
from glassnet.humans.manifest import CAUSES, Item

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from glassnet.humans.service import Bench


@dataclass(frozen=True)
class Case:
    """One image to adjudicate, without who answered what.

    id       random to the adjudicator
    image    an id for `Bench.case_image`
    truth    the given label
    answers  all other classes that people and models answered, pooled and shuffled
    judged   whether this adjudicator has judged it
    """

    id: str
    image: str
    truth: tuple[str, ...]
    answers: tuple[str, ...]
    judged: bool


@dataclass(frozen=True)
class Judgement:
    """What one adjudicator said, the last time, about one item."""

    item: str
    adjudicator: str
    acceptable: tuple[str, ...]
    causes: Mapping[str, tuple[str, ...]]  # answer -> keys of CAUSES
    label_wrong: bool
    note: str


def cases(bench: "Bench", adjudicator: str) -> tuple[Case, ...]:
    """All cases, in an order of this adjudicator's own."""
    _require_locked(bench)
    judged = {j.item for j in judgements(bench) if j.adjudicator == adjudicator}
    found = [
        Case(
            _id(bench, item),
            _id(bench, item),
            item.truth,
            tuple(sorted(pooled, key=lambda name: _draw(adjudicator, item.name, name))),
            item.name in judged,
        )
        for item, pooled in _wrong(bench).items()
    ]
    return tuple(sorted(found, key=lambda case: _draw(adjudicator, case.id)))


def image(bench: "Bench", id: str) -> bytes:
    """The PNG of a case."""
    _require_locked(bench)
    return bench.image("shown", _item(bench, id).name)


def judge(
    bench: "Bench",
    adjudicator: str,
    case: str,
    acceptable: Sequence[str],
    causes: Mapping[str, Sequence[str]],
    label_wrong: bool,
    note: str,
) -> None:
    """Store a judgement; earlier ones stay, the last counts."""
    from sqlalchemy import insert

    from glassnet.humans import log
    from glassnet.humans.schema import JUDGEMENT

    _require_locked(bench)
    item = _item(bench, case)
    given = _wrong(bench)[item]
    content = {
        "acceptable": taken.among(acceptable, given, "answer to this image"),
        "causes": {
            answer: taken.among(found, CAUSES, "cause")
            for answer, found in causes.items()
            if taken.among([answer], given, "answer to this image")
        },
        "label_wrong": bool(label_wrong),
        "note": note[:1000],
    }
    row = {
        "bench": bench.name,
        "item": item.name,
        "adjudicator": adjudicator,
        "content": json.dumps(content, ensure_ascii=False),
        "at": log.now(),
    }

    def job(connection: "Connection") -> None:
        connection.execute(insert(JUDGEMENT), row)

    bench.store.write(job)


def judgements(bench: "Bench") -> list[Judgement]:
    """The last judgement of each adjudicator about each item."""
    from sqlalchemy import select

    from glassnet.humans.schema import JUDGEMENT

    query = select(JUDGEMENT).where(JUDGEMENT.c.bench == bench.name).order_by(JUDGEMENT.c.id)
    with bench.store.read() as connection:
        rows = connection.execute(query).all()
    last = {(row.item, row.adjudicator): _read(row) for row in rows}
    return list(last.values())


def accepted(bench: "Bench") -> dict[str, frozenset[str]]:
    """item -> the answers that more than half of its adjudicators called acceptable."""
    votes: dict[str, Counter[str]] = {}
    judges: Counter[str] = Counter()
    for judgement in judgements(bench):
        judges[judgement.item] += 1
        votes.setdefault(judgement.item, Counter()).update(judgement.acceptable)
    return {
        item: frozenset(name for name, count in counted.items() if 2 * count > judges[item])
        for item, counted in votes.items()
    }


def _wrong(bench: "Bench") -> dict[Item, set[str]]:
    """Item -> all wrong classes among the counted answers of those who got it wrong."""
    manifest = bench.manifest
    test = manifest.of_kind("test")
    given: dict[str, list[tuple[str, ...]]] = {item.name: [] for item in test}
    for session in bench.sessions():
        for content in bench.records.final(session.id).values():
            if content["item"] in given:
                given[content["item"]].append(taken.counted(content))
    for model in bench.models().values():
        for name, ranked in model.answers.items():
            given[name].append(ranked[: manifest.guesses])
    found: dict[Item, set[str]] = {}
    for item in test:
        wrong = [ranked for ranked in given[item.name] if not taken.accepts(manifest, item, ranked)]
        pooled = {name for ranked in wrong for name in ranked} - set(item.truth)
        if pooled:
            found[item] = pooled
    return found


def _item(bench: "Bench", id: str) -> Item:
    for item in _wrong(bench):
        if _id(bench, item) == id:
            return item
    raise NotFound("there is no such case")


def _id(bench: "Bench", item: Item) -> str:
    return bench.vault.name("case", bench.name, item.name)


def _draw(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _read(row: Any) -> Judgement:
    content = json.loads(row.content)
    causes = {answer: tuple(found) for answer, found in content["causes"].items()}
    return Judgement(
        row.item,
        row.adjudicator,
        tuple(content["acceptable"]),
        causes,
        content["label_wrong"],
        content["note"],
    )


def _require_locked(bench: "Bench") -> None:
    if not bench.locked:
        raise Refused("errors are adjudicated after the test is locked")
