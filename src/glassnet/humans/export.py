"""Every trial as a row of a CSV file that a spreadsheet opens without harm."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.humans import log, taken
from glassnet.io import atomic_write

if TYPE_CHECKING:
    from glassnet.humans.service import Bench

_BEFORE = "bench session person trial revision final phase item truth".split()
_AFTER = (
    "correct client_ms server_ms confidence condition blurred late shows wrong_label at".split()
)


def write(bench: "Bench", path: Path) -> int:
    """Write all revisions of all trials of all people who did not withdraw; how many rows."""
    guesses = min(bench.manifest.guesses, _most_answers(bench))
    header = [*_BEFORE, *(f"answer_{k + 1}" for k in range(guesses)), *_AFTER]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    count = 0
    for row in _rows(bench, guesses):
        writer.writerow([harmless(value) for value in row])
        count += 1
    atomic_write(path, text.getvalue())
    return count


def harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: a text that begins like one gets a '."""
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@", "|", "%")):
        return "'" + value
    if isinstance(value, str) and value.startswith(("\t", "\r", "\n")):
        return "'" + value
    return value


def _most_answers(bench: "Bench") -> int:
    """The longest list of answers there is; at least one column."""
    lengths = [
        len(content["answers"])
        for session in bench.sessions()
        for _, content in bench.records.entries(session.id, "answer")
    ]
    return max(lengths, default=1) or 1


def _rows(bench: "Bench", guesses: int) -> Iterator[list[Any]]:
    items = bench.manifest.items_by_name
    for session in bench.sessions():
        entries = bench.records.entries(session.id, "answer")
        final = {entry.trial: entry.revision for entry, _ in entries}
        for entry, content in entries:
            item = items[content["item"]]
            given = content["answers"] + [""] * (guesses - len(content["answers"]))
            yield [
                bench.name,
                session.id,
                session.person,
                entry.trial,
                entry.revision,
                int(final[entry.trial] == entry.revision),
                item.kind,
                item.name,
                "|".join(item.truth),
                *given,
                int(taken.right(bench.manifest, item, content)),
                content["client_ms"],
                content["server_ms"],
                content["confidence"],
                item.condition,
                int(taken.blurred(content)),
                int(content["late"]),
                content["shows"],
                content["wrong_label"],
                log.iso(entry.at),
            ]
