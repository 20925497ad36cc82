"""The part of the page that tells of the people: how they agree, learn, hurry and trust."""

from collections.abc import Iterable, Sequence
from typing import Any

from glassnet.humans.charts import blocks_chart
from glassnet.humans.people import Refused
from glassnet.humans.report import Report
from glassnet.humans.statements import p_value, points, signed, size
from glassnet.humans.statistics.behaviour import Calibration, Trend
from glassnet.humans.statistics.consistency import Consistency
from glassnet.humans.statistics.mixed import OddsRatio
from glassnet.look.wording import count, percent


def agreement(report: Report, order: Sequence[str]) -> dict[str, Any]:
    """Agreement, error consistency and the mixed model."""
    people, mixed = report.people, report.people.mixed
    rows = [
        ("Krippendorff's alpha", _words(people.agreement, signed)),
        ("Error consistency among people", _words(people.consistency, _consistency)),
    ]
    if isinstance(mixed, Refused):
        rows.append(("Mixed-effects model", mixed.why))
    else:
        rows.append(
            (
                "Mixed-effects model",
                f"people differ by a standard deviation of {mixed.spread_people:.2f} in log odds "
                f"of an error, images by {mixed.spread_items:.2f}",
            )
        )
    return {
        "rows": rows,
        "networks": [
            {
                "name": name,
                "consistency": _words(people.networks[name], _consistency),
                "sure": _sure(people.sure[name]) if name in people.sure else None,
                "odds": None if isinstance(mixed, Refused) else _odds(mixed.networks[name]),
            }
            for name in order
        ]
        if people.sure or _answered(people.networks.values())
        else [],
        "sure": bool(people.sure),
        "approximation": None if isinstance(mixed, Refused) else mixed.approximation,
    }


def _answered(values: Iterable[Any]) -> bool:
    """Whether any of them is a figure, not a refusal."""
    return any(not isinstance(value, Refused) for value in values)


def _odds(odds: OddsRatio) -> str:
    low, high = odds.interval
    return f"{odds.ratio:.2f} (95\u00a0% {low:.2f} to {high:.2f}, {p_value(odds.p)})"


def _words(value: Any, tell: Any) -> str:
    return value.why if isinstance(value, Refused) else str(tell(value))


def _consistency(found: Consistency) -> str:
    if found.kappa is None:
        return (
            f"undefined: agreement by chance alone is {found.expected:.3f}, so there is nothing "
            "beyond it to measure"
        )
    interval = (
        f" (95\u00a0% {signed(found.interval.low)} to {signed(found.interval.high)})"
        if found.interval
        else ""
    )
    without = f"; {count(found.undefined, 'pair')} undefined" if found.undefined else ""
    return (
        f"κ = {signed(found.kappa)}{interval}; agreement {found.observed:.3f}, by chance "
        f"{found.expected:.3f}{without}"
    )


def behaviour(report: Report) -> list[dict[str, str]]:
    """Learning, speed and calibration, each a drawing with its trend, or why there is none."""
    people = report.people
    if report.answers.crowd is not None:
        return []
    shown = []
    for title, axis, part, log, unit in (
        ("Learning", "by position in the test", people.learning, False,
         "from the first to the last image"),
        ("Speed and accuracy", "by seconds, each person's own fifths", people.speed, True,
         "with every doubling of the time taken"),
    ):  # fmt: skip
        if isinstance(part, Refused):
            shown.append({"title": title, "axis": axis, "svg": "", "text": part.why})
            continue
        blocks, trend = part
        text = f"The error changes by {_trend(trend)} {unit}."
        svg = blocks_chart(title.split()[0].lower(), f"{title}: {text}", blocks, log=log)
        shown.append({"title": title, "axis": axis, "svg": svg, "text": text})
    return [*shown, _calibration(people.calibration)]


def _calibration(found: Calibration | Refused) -> dict[str, str]:
    if isinstance(found, Refused):
        return {"title": "Calibration", "axis": "", "svg": "", "text": found.why}
    text = f"Confidence is {_sure(found)}"
    svg = blocks_chart("calibration", f"Calibration: {text}", found.blocks, right=True)
    return {
        "title": "Calibration",
        "axis": "share right by confidence",
        "svg": svg,
        "text": f"{text}.",
    }


def _sure(found: Calibration) -> str:
    text = f"off by {size(found.gap)} points on average, Brier score {found.brier:.3f}"
    if found.discrimination is None:
        return text
    return f"{text}; a right answer had the higher one in {percent(found.discrimination)}"


def _trend(trend: Trend) -> str:
    low, high = trend.interval
    return f"{points(trend.slope)} points (95\u00a0% {points(low)} to {points(high)})"
