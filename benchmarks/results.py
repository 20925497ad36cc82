"""benchmarks/results.json: a list of rows, one for each benchmark and peer, the newest of each.

name, peer             what was timed beside whom
ours_ms, theirs_ms     medians of the turns, milliseconds a call
ratio, spread          theirs / ours turn by turn: median, and lower and upper quartile
machine, versions, commit, date    where, with what and when
count                  of a layer: how often the network has it
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from glassnet.io import atomic_write

FILE = Path(__file__).with_name("results.json")
LIBRARIES = ("numpy", "llvmlite", "torch", "onnxruntime")


def read() -> list[dict[str, Any]]:
    """All rows."""
    return list(json.loads(FILE.read_text())) if FILE.exists() else []


def has(name: str, tuned: bool) -> bool:
    """Whether this benchmark was measured for this commit, with this allocator."""
    return any(
        (row["name"] == name or row["name"].startswith(f"{name}: "))
        and row["peer"].endswith("malloc tuned") == tuned
        and row["commit"] == commit()
        for row in read()
    )


def add(rows: list[dict[str, Any]]) -> None:
    """Put rows in the place of those of the same name and peer."""
    about = {"machine": machine(), "versions": versions(), "commit": commit()}
    about["date"] = datetime.date.today().isoformat()
    kept = {(row["name"], row["peer"]): row for row in read()}
    kept |= {(row["name"], row["peer"]): row | about for row in rows}
    lines = ",\n".join(json.dumps(row) for row in kept.values())
    atomic_write(FILE, f"[\n{lines}\n]\n")


@cache
def commit() -> str:
    """The state of the sources; a "+" stands for changes since."""
    order = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(order, cwd=FILE.parent, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


@cache
def machine() -> str:
    """The processor, its vector instructions and the cores that may be used."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    model = named.get("model name") or platform.processor() or platform.machine()
    flags = named.get("flags", "").split()
    vectors = next((v for v in ("avx512f", "avx2") if v in flags), platform.machine())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {vectors}, {cores} cores"


@cache
def versions() -> str:
    """Of Python and the libraries that compute."""
    there = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {platform.python_version()}", *there])
