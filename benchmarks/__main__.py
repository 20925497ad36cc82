"""The runner of `make bench`: each benchmark in a process of its own, results kept as they come.

    python -m benchmarks [--only WORD] [--again] [--turns N] [--list] [--report]

What was measured for this commit is left out, so that a run which was stopped goes on; `--again`
measures anew. `--only "step ResNet"` chooses by a part of the name.

Each process is started with PyTorch's own OpenMP library loaded before everything (LD_PRELOAD), so
that code which torch.compile makes, and which asks for the system's OpenMP, does not bring a second
pool of threads: two pools that wait in a loop take the cores from each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import report, results
from benchmarks.cases import CASES, run

# What glibc keeps instead of giving it back: blocks and a heap's end of up to 1 GiB
TUNING = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**26),
}


def environment(tuned: bool, threads: int) -> dict[str, str]:
    """Of the process that a benchmark runs in."""
    count = str(threads or len(os.sched_getaffinity(0)))
    settings = {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        raise SystemExit("PyTorch is not installed here; `make bench` makes an environment with it")
    for library in (Path(torch.origin).parent / "lib").glob("libgomp*.so*"):
        settings["LD_PRELOAD"] = str(library)
    return os.environ | settings | (TUNING if tuned else {})


def measure(name: str, tuned: bool, turns: int) -> list[dict[str, Any]]:
    """The rows of one benchmark, from a process of its own; the reason, where there are none."""
    order = [sys.executable, "-m", "benchmarks", "--here", name, "--turns", str(turns)]
    done = subprocess.run(
        order + ["--tuned"] * tuned, env=environment(tuned, CASES[name].threads),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        print(f"  {name} failed, see above", file=sys.stderr)
        return []
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--only", default="", help="benchmarks whose name begins with this, or contains it"
    )
    parser.add_argument("--again", action="store_true", help="measure anew what is there")
    parser.add_argument("--turns", type=int, default=15, help="turns of each comparison")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    parser.add_argument("--report", action="store_true", help="write table and plot and stop")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    parser.add_argument("--tuned", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for, then write the table and the plot."""
    chosen = _arguments()
    if chosen.here:
        print(json.dumps(run(chosen.here, chosen.tuned, chosen.turns)))
        return
    names = [name for name in CASES if name.startswith(chosen.only)] or [
        name for name in CASES if chosen.only in name
    ]
    if chosen.list:
        print("\n".join(names))
        return
    for name in [] if chosen.report else names:
        for tuned in CASES[name].modes:
            if chosen.again or not results.has(name, tuned):
                print(f"{name}{', malloc tuned' * tuned}", flush=True)
                rows = measure(name, tuned, chosen.turns)
                results.add(rows)
                report.show(rows)
    report.write()


if __name__ == "__main__":
    main()
