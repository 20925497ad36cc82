"""The results on disk: a line of JSON a finished cell, so that a kill loses the cell in hand alone.

    DIR/plan.json     what is compared; another plan in the same folder is an error
    DIR/cells.jsonl   a line a cell, appended whole and brought to the disk before the next begins
    DIR/claims/       a lock for each group that a process is at work on; the system frees it when
                      the process ends, however it ends

So several processes, started at any time, share one grid and do no cell twice.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glassnet.dreams.compare.grid import Cell, Plan, Row
from glassnet.errors import GlassnetError
from glassnet.io.atomic import atomic_write


class Store:
    """The folder of one comparison. Raises GlassnetError where it holds another plan's."""

    def __init__(self, folder: str | os.PathLike[str], plan: Plan) -> None:
        self.folder, self.plan = Path(folder), plan
        (self.folder / "claims").mkdir(parents=True, exist_ok=True)
        path = self.folder / "plan.json"
        with self._locked("plan"):
            if not path.exists():
                atomic_write(path, json.dumps(plan.to_dict()) + "\n")
        found = json.loads(path.read_text())
        if found != plan.to_dict():
            differ = sorted(k for k in found if found[k] != plan.to_dict().get(k))
            raise GlassnetError(
                f"{self.folder} holds a comparison with other {', '.join(differ)}; go on with the "
                f"options that it was begun with, or choose another --out"
            )

    def rows(self) -> list[Row]:
        """The finished cells of the plan, each once. A line that was cut by a kill is none."""
        path = self.folder / "cells.jsonl"
        if not path.exists():
            return []
        found: dict[Cell, Row] = {}
        for line in path.read_text().splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            found.setdefault((row["arm"], row["labels"], row["seed"]), row)
        return [found[cell] for cell in self.plan.cells if cell in found]

    def left(self, name: str, seed: int) -> list[int]:
        """The numbers of labels of this arm and seed that are not done."""
        done = {r["labels"] for r in self.rows() if (r["arm"], r["seed"]) == (name, seed)}
        return [count for count in self.plan.labels if count not in done]

    def add(self, row: Row) -> None:
        """Append a finished cell; it is on the disk when this returns."""
        line = json.dumps(row).encode() + b"\n"
        with self._locked("cells"), open(self.folder / "cells.jsonl", "ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # a kill cut the line before
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def claim(self, name: str, seed: int) -> Iterator[bool]:
        """Whether this process may work on the group within the block: no other one does."""
        with open(self.folder / "claims" / f"{name}-{seed}", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with open(self.folder / "claims" / f".{name}", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
