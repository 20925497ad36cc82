"""The report of a bench: its answers under the rules that were fixed, and under none, and images.

`report` works on answers, wherever they come from; here they come from a bench.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from glassnet.humans.report import Report, analyse

if TYPE_CHECKING:
    from glassnet.humans.service import Bench


def report_of(
    bench: "Bench", *, seed: int = 0, margin: float = 0.0, adjudicated: bool = False
) -> Report:
    """Analyse a bench.

    seed, margin  as `report.analyse` has them
    adjudicated   also accept what most adjudicators called acceptable

    Raises DataError where nobody whose answers count has answered.
    """
    counted = bench.analysis(adjudicated=adjudicated)
    everyone = bench.analysis(exclude=False, adjudicated=adjudicated)
    return analyse(counted, seed, margin, everyone)


def write(report: Report, bench: "Bench", path: Path) -> Path:
    """Write the page with the bench's own images, as models were given them; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return report.write(path, lambda item: bench.image("given", item))
