"""The curves of a run as SVG that stands inside a page.

Matplotlib draws, text stays text in the page's own font, and every colour becomes a CSS variable
of the page, so that one drawing serves light, dark and paper. A chart is small and of one size
(user units are CSS pixels); the page sets as many side by side as fit.
"""

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 380.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 78.0, 26.0, 30.0  # RIGHT is where the direct labels stand
LABEL = 15.0  # least distance between two of them
LOG_FROM = 20.0  # a greater ratio of largest to smallest is drawn on a logarithmic scale

# Matplotlib wants real colours: each of these stands for one variable of the page's style.
COLOURS = {
    name: f"#{i:02x}{i:02x}{i:02x}"
    for i, name in enumerate(("ink", "quiet", "grid", "train", "judge"), start=1)
}


@dataclass(frozen=True)
class Curve:
    """One line: its label, its points, the name of its colour."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str


def line_chart(
    name: str,
    description: str,
    curves: Sequence[Curve],
    percent: bool = False,
    log: bool = False,
    mark: tuple[float, float, str] | None = None,
) -> str:
    """An `<svg>` of `curves` over epochs; "" where there is not one point to draw.

    percent: the values are shares of 1; log: a great range is drawn on a logarithmic scale.
    name prefixes the ids in the drawing and must be unique in the page; description is what a
    screen reader says; mark is (x, y, text) of one point worth pointing at.
    """
    curves = [curve for curve in curves if len(curve.x)]
    if not curves:
        return ""

    def paint(axes: "Axes") -> None:
        _scales(axes, curves, percent, log)
        for curve in curves:
            _draw(axes, curve)
        _label_ends(axes, curves)
        if mark is not None:
            _mark(axes, *mark)

    return draw(name, description, paint)


def draw(
    name: str,
    description: str,
    paint: "Callable[[Axes], None]",
    width: float = WIDTH,
    height: float = HEIGHT,
    right: float = RIGHT,
) -> str:
    """An `<svg>` of one chart, whose empty axes `paint` fills; right is the margin for labels."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 12}):
        figure = Figure(figsize=(width / 72, height / 72))
        FigureCanvasSVG(figure)
        paint(
            figure.add_axes(
                (
                    LEFT / width,
                    BOTTOM / height,
                    1 - (LEFT + right) / width,
                    1 - (TOP + BOTTOM) / height,
                )
            )
        )
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return inline(buffer.getvalue(), name, description)


def plain(axes: "Axes") -> None:
    """The look of all charts: a line below, a quiet grid across, nothing else."""
    axes.set_facecolor("none")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["quiet"])
    axes.tick_params(length=0, pad=6, colors=COLOURS["quiet"])
    axes.grid(axis="y", color=COLOURS["grid"], linewidth=1)
    axes.set_axisbelow(True)


def _scales(axes: "Axes", curves: Sequence[Curve], percent: bool, log: bool) -> None:
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullLocator,
        PercentFormatter,
    )

    plain(axes)
    epochs = [x for curve in curves for x in curve.x]
    single = 0.4 * (min(epochs) == max(epochs))
    axes.set_xlim(min(epochs) - single, max(epochs) + single)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))

    values = [y for curve in curves for y in curve.y]
    low, high = min(values), max(values)
    if log and low > 0 and high / low > LOG_FROM:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1.0, 2.0, 5.0) if high < 1000 * low else (1.0,))
        )
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        edge = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
        bottom = max(low - edge, 0.0) if low >= 0 else low - edge
        axes.set_ylim(bottom, min(high + edge, 1.0) if percent else high + edge)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    if percent:
        digits = 0 if high - low > 0.05 else 1
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=digits, symbol=" %"))
    else:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw(axes: "Axes", curve: Curve) -> None:
    colour = COLOURS[curve.colour]
    width = 1.6 if curve.colour == "train" else 2.4
    single = "o" if len(curve.x) == 1 else None
    axes.plot(
        curve.x, curve.y, color=colour, linewidth=width, marker=single, clip_on=False,
        solid_capstyle="round", solid_joinstyle="round",
    )  # fmt: skip


def _label_ends(axes: "Axes", curves: Sequence[Curve]) -> None:
    """Each curve's name where it ends, moved apart where two would touch."""
    ends = sorted((height_of(axes, curve.y[-1]), i) for i, curve in enumerate(curves))
    for (end, i), height in zip(ends, spread([end for end, _ in ends], LABEL), strict=True):
        curve = curves[i]
        axes.annotate(
            curve.label, (curve.x[-1], curve.y[-1]), (8, height - end), textcoords="offset points",
            va="center", color=COLOURS[curve.colour], annotation_clip=False,
        )  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending heights, moved as little as keeps neighbours at least `gap` apart.

    Those too close form a group around their common middle, as long as groups meet.
    """
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _lowest(groups[-1], gap) < _highest(groups[-2], gap) + gap:
            last = groups.pop()
            groups[-1] += last
    return [_lowest(group, gap) + gap * i for group in groups for i in range(len(group))]


def _lowest(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _highest(group: Sequence[float], gap: float) -> float:
    return _lowest(group, gap) + gap * (len(group) - 1)


def height_of(axes: "Axes", y: float) -> float:
    """The height of a value on the drawing, in points."""
    pixels = float(axes.transData.transform((0.0, y))[1])
    return pixels * 72 / axes.figure.dpi


def _mark(axes: "Axes", x: float, y: float, text: str) -> None:
    """A dot, and above it the text: nothing is drawn above a highest point."""
    axes.plot([x], [y], marker="o", markersize=7, color=COLOURS["judge"], clip_on=False)
    low, high = axes.get_xlim()
    place = (x - low) / (high - low)
    axes.annotate(
        text, (x, y), (0, 14), textcoords="offset points", va="center", color=COLOURS["ink"],
        ha="left" if place < 0.3 else "right" if place > 0.7 else "center", annotation_clip=False,
    )  # fmt: skip


def inline(svg: str, name: str, description: str) -> str:
    """Matplotlib's SVG document as an element of a page.

    Metadata, namespaces and fonts go; ids get the prefix `name`; colours become `var(--colour)`.
    """
    root = ET.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    ids = set(_references(root))
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {
            key: value
            for key, value in _attributes(element, name)
            if key != "id" or value.removeprefix(f"{name}-") in ids
        }
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "class": "chart",
        "role": "img",
        "aria-label": description,
    }
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _references(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        for value in element.attrib.values():
            if value.startswith("#"):
                yield value[1:]
            elif value.startswith("url(#"):
                yield value[5:-1]


def _attributes(element: ET.Element, name: str) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        key = _local(key)
        if key == "id":
            value = f"{name}-{value}"
        elif value.startswith("#"):
            value = f"#{name}-{value[1:]}"
        elif value.startswith("url(#"):
            value = f"url(#{name}-{value[5:]}"
        elif key == "style":
            value = _style(value)
        yield key, value


def _style(style: str) -> str:
    kept = [part for part in style.split("; ") if not part.startswith("font-family")]
    text = "; ".join(kept)
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]
