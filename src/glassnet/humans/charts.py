"""The drawings of the report on people: dots with their intervals, in the style of look/charts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from glassnet.humans.estimands import Estimand
from glassnet.humans.history import Point
from glassnet.humans.statistics.behaviour import Block
from glassnet.look.charts import COLOURS, draw, height_of, plain, spread
from glassnet.look.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, TALL, ROOM = 860.0, 420.0, 200.0  # of the history, and its margin for the human lines
CLOSE = 16.0  # points between two labels


def blocks_chart(
    name: str,
    description: str,
    blocks: Sequence[Block],
    log: bool = False,
    right: bool = False,
    joined: bool = True,
) -> str:
    """Errors of blocks of answers with their intervals; "" with fewer than two blocks.

    log: x on a logarithmic scale; right: the share right instead of the error, beside the diagonal
    """
    if len(blocks) < 2:
        return ""

    def paint(axes: "Axes") -> None:
        plain(axes)
        x = [block.x for block in blocks]
        y = [1 - block.error if right else block.error for block in blocks]
        for block in blocks:
            low, high = block.interval
            ends = (1 - high, 1 - low) if right else (low, high)
            axes.plot([block.x] * 2, ends, color=COLOURS["judge"], linewidth=2, clip_on=False)
        if joined:
            axes.plot(x, y, color=COLOURS["judge"], linewidth=1, alpha=0.5)
        axes.plot(x, y, "o", color=COLOURS["judge"], markersize=7, clip_on=False)
        if right:
            axes.plot([0, 1], [0, 1], color=COLOURS["quiet"], linewidth=1, dashes=(4, 4))
        _percent(axes, from_zero=not right)
        if log:
            _seconds(axes, x)

    return draw(name, description, paint, right=24.0)


def _percent(axes: "Axes", from_zero: bool) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    if from_zero:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    top = axes.get_ylim()[1] - axes.get_ylim()[0]
    digits = 0 if top > 0.05 else 1
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=digits, symbol=" %"))


def _seconds(axes: "Axes", x: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(list(x)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))


def history_chart(points: Sequence[Point], humans: Sequence[Estimand]) -> str:
    """Networks by date against the lines of the humans; "" without a dated network."""
    if not points:
        return ""
    lines = "; ".join(f"{human.name} {percent(human.error)}" for human in humans)
    dots = "; ".join(f"{point.name} ({point.date}) {percent(point.error)}" for point in points)
    return draw(
        "history",
        f"Error of networks by date: {dots}. Human lines: {lines}.",
        lambda axes: _paint_history(axes, points, humans),
        WIDE,
        TALL,
        ROOM,
    )


def _paint_history(axes: "Axes", points: Sequence[Point], humans: Sequence[Estimand]) -> None:
    from matplotlib.ticker import MaxNLocator

    plain(axes)
    when = [point.when for point in points]
    axes.set_xlim(min(when) - 0.6, max(when) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    highest = max([p.interval.high for p in points] + [human.interval.high for human in humans])
    axes.set_ylim(0, highest * 1.05)
    _human_lines(axes, humans)
    for point in points:
        axes.plot([point.when] * 2, point.interval, color=COLOURS["train"], linewidth=1.6)
    record = [point for point in points if point.record]
    axes.step(
        [point.when for point in record], [point.error for point in record], where="post",
        color=COLOURS["train"], linewidth=1, alpha=0.5,
    )  # fmt: skip
    axes.plot(when, [point.error for point in points], "o", color=COLOURS["train"], markersize=7)
    _name_points(axes, points)
    _percent(axes, from_zero=True)


def _human_lines(axes: "Axes", humans: Sequence[Estimand]) -> None:
    heights = {human.key: height_of(axes, human.error) for human in humans}
    ordered = sorted(humans, key=lambda human: human.error)
    placed = spread([heights[human.key] for human in ordered], CLOSE)
    for human, height in zip(ordered, placed, strict=True):
        if human is humans[0]:
            axes.axhspan(*human.interval, color=COLOURS["judge"], alpha=0.12, linewidth=0)
        axes.axhline(human.error, color=COLOURS["judge"], linewidth=1.6)
        axes.annotate(
            f"{human.name}: {percent(human.error)}", (1, human.error),
            (8, height - heights[human.key]), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=COLOURS["judge"], annotation_clip=False,
        )  # fmt: skip


def _name_points(axes: "Axes", points: Sequence[Point]) -> None:
    """Names beside their dots, moved apart where dots of one time are close."""
    for when in sorted({point.when for point in points}):
        mine = sorted((p for p in points if p.when == when), key=lambda point: point.error)
        heights = [height_of(axes, point.error) for point in mine]
        low, high = axes.get_xlim()
        left = (when - low) / (high - low) > 0.8
        for point, height, place in zip(mine, heights, spread(heights, CLOSE), strict=True):
            axes.annotate(
                point.name, (point.when, point.error), (-9 if left else 9, place - height),
                textcoords="offset points", va="center", ha="right" if left else "left",
                color=COLOURS["ink"], annotation_clip=False,
            )  # fmt: skip
