"""The plot: error over number of labels, a line an arm, with the interval over the seeds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glassnet.dreams.compare.arm import ARMS
from glassnet.dreams.compare.summary import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GRID = "#333333", "#dddddd"
COLOURS = {  # told apart by people who see few colours [Okabe, Ito 2008]
    "boltzmann": "#D55E00",
    "denoising": "#0072B2",
    "patches": "#009E73",
    "transfer": "#CC79A7",
    "scratch": "#000000",
}


def plot(points: Sequence[Point], path: str | os.PathLike[str], title: str = "") -> Path:
    """Draw the points into a PNG or SVG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, name in enumerate(dict.fromkeys(p.arm for p in points)):
        _line(axes, name, [p for p in points if p.arm == name], 1.04 ** (place - 2))
    _look(axes, sorted({p.labels for p in points}), title)
    figure.savefig(path)
    return Path(path)


def _line(axes: Axes, name: str, points: Sequence[Point], aside: float) -> None:
    """Points a little aside of each other, so that the intervals of arms can be told apart."""
    x, y = [p.labels * aside for p in points], [p.error for p in points]
    low = [0.0 if p.low is None else p.error - max(p.low, p.error / 20) for p in points]
    high = [0.0 if p.high is None else p.high - p.error for p in points]
    axes.errorbar(
        x, y, yerr=(low, high), label=ARMS[name].title, color=COLOURS.get(name), marker="o",
        markersize=4, linewidth=1.6, elinewidth=1, capsize=2,
        linestyle="--" if name == "scratch" else "-",
    )  # fmt: skip


def _look(axes: Axes, labels: Sequence[int], title: str) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(labels, [f"{n:,}" for n in labels])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g} %"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda y, _: ""))
    axes.set_xlabel("labelled digits", color=INK)
    axes.set_ylabel("test error, 95 % interval over seeds", color=INK)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.grid(which="major", color=GRID, linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
