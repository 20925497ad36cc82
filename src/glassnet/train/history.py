"""The history of a run: one row an epoch, as JSON lines that other programs can follow."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from glassnet.io import atomic_write

Row = dict[str, Any]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file by `rows`, atomically; rows past a checkpoint fall away with a resume."""
    atomic_write(path, "".join(_line(row) for row in rows))


def read(path: Path) -> list[Row]:
    """The rows of the file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def best(rows: list[Row]) -> Row | None:
    """The row with the highest validation accuracy; None without validation data.

    Of equals that of the lower loss, and then the first.
    """
    judged = [row for row in rows if "validation_accuracy" in row]
    return max(
        judged,
        key=lambda row: (row["validation_accuracy"], -row["validation_loss"]),
        default=None,
    )


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"
