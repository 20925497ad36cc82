"""Models by date against the human line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from glassnet.errors import DataError
from glassnet.humans.answers import ModelAnswers
from glassnet.humans.comparison import Comparison
from glassnet.humans.statistics.intervals import Interval, wilson


@dataclass(frozen=True)
class Point:
    """One model: when it appeared, and its error on the bench's images."""

    name: str
    when: float  # as a year with its fraction
    date: str
    error: float
    interval: Interval
    record: bool  # the lowest error so far


def year(text: str) -> float:
    """ "2017" -> 2017.5, "2017-05" the middle of May, "2017-05-21" that day.

    Raises DataError for anything else.
    """
    try:
        parts = [int(part) for part in text.split("-")]
        if len(parts) == 1:
            return date(parts[0], 1, 1).year + 0.5
        if len(parts) == 2:
            return parts[0] + (date(parts[0], parts[1], 1).month - 0.5) / 12
        day = date(*parts)
    except (TypeError, ValueError) as error:
        raise DataError(f"the date {text!r} is none; give a year, 2017-05 or 2017-05-21") from error
    return day.year + (day.timetuple().tm_yday - 0.5) / 365.25


def history(
    models: Mapping[str, ModelAnswers], compared: Sequence[Comparison]
) -> tuple[Point, ...]:
    """The models that have a date, by date; `compared` are those of one estimand."""
    points: list[Point] = []
    dated = [c for c in compared if models[c.network].date]
    for comparison in sorted(dated, key=lambda c: (year(models[c.network].date or ""), c.network)):
        text = models[comparison.network].date or ""
        errors = comparison.network_error * comparison.images
        points.append(
            Point(
                comparison.network,
                year(text),
                text,
                comparison.network_error,
                wilson(errors, comparison.images),
                record=all(comparison.network_error < point.error for point in points),
            )
        )
    return tuple(points)
