"""The report as a page: figures laid out for the template, nothing computed that JSON lacks."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glassnet.humans.axis import Axis
from glassnet.humans.charts import history_chart
from glassnet.humans.comparison import Comparison
from glassnet.humans.estimands import Estimand
from glassnet.humans.manifest import CAUSES
from glassnet.humans.mistakes import Beside, Missed, confusion
from glassnet.humans.report import Images, Report
from glassnet.humans.statements import exclusions, p_value, points, size, summary
from glassnet.humans.statistics.intervals import Interval, wilson
from glassnet.humans.statistics.power import images_needed
from glassnet.humans.verdict import relevant
from glassnet.humans.view_people import agreement, behaviour
from glassnet.look import page, pictures
from glassnet.look.confusion import confusions, matrix
from glassnet.look.wording import words

STYLES = (("glassnet.look", "report.css"), ("glassnet.humans", "report.css"))
SYMBOLS = {"better": "▼", "worse": "▲", "not shown": "=", "too few images": "?"}
GROUPS = (3, 5, 10, 20, 50)  # people, in the table of what would have been needed
CHAINS: dict[Any, str] = {
    True: "every session's chain verifies",
    False: "a session's chain does not verify",
}
ADJUDICATED: dict[Any, str] = {
    True: "answers that most adjudicators called acceptable count as right",
    False: "the given labels alone count as right",
}
DRAWN = 100  # classes, up to which the confusions are drawn as a matrix
SMALL = 64  # pixels; smaller pictures are enlarged without smoothing


def render(report: Report, images: Images | None = None) -> str:
    """The page as HTML text."""
    facts = report.answers.facts
    groups = [human for human in report.humans if human.kind != "person"] or [report.primary]
    order = [c.network for c in _ranked(report, report.primary)]
    chosen = next((b for name in order for b in report.beside if b.network == name), None)
    context: dict[str, Any] = {
        "title": ": ".join(str(facts[k]) for k in ("bench", "title") if facts.get(k))
        or "People beside networks",
        "summary": summary(report.humans, report.compared),
        "conclusions": _conclusions(report),
        "report": report,
        "facts": _facts(report),
        "exclusions": exclusions(facts),
        "grid": _grid(report, groups, order),
        "errors": _errors(report, order),
        "differences": [d for human in groups if (d := _differences(report, human))],
        "counts": [b for name in order for b in report.beside if b.network == name],
        "gallery": _gallery(chosen, images) if chosen else None,
        "confusion": _confusion(report, chosen),
        "people": report.people.people,
        "crowd": agreement(report, order),
        "charts": behaviour(report),
        "history": history_chart(report.history, [h for h in groups if h.kind != "consensus"]),
        "power": _power(report),
        "checklist": _checklist(report),
        "methods": [(human.name, human.method) for human in groups],
        "causes": _causes(facts.get("causes")),
        "wrong_labels": len(facts.get("wrong_labels") or ()),
        "making": _making(report),
    }
    return page.render("glassnet.humans", "report.html.j2", context, STYLES)


def _ranked(report: Report, human: Estimand) -> list[Comparison]:
    mine = [c for c in report.compared if c.estimand == human.key]
    return sorted(mine, key=lambda c: (c.network_error, c.network))


def _conclusions(report: Report) -> list[tuple[str, str]]:
    """(kind, sentence) of each network beside the first reading, the best first."""
    mine = [c for c in report.compared if c.estimand == report.primary.key]
    told = sorted(zip(mine, report.conclusions, strict=True), key=lambda x: x[0].network_error)
    return [(c.verdict.kind if c.verdict else "", text) for c, text in told]


def _facts(report: Report) -> list[tuple[str, str]]:
    answers = report.answers
    given = int(answers.crowd.sum()) if answers.crowd is not None else len(answers.trials)
    people = f"{len(answers.people):,}"
    if answers.crowd is not None:
        people = f"about {round(float(answers.crowd.sum(axis=1).mean()))} an image"
    rows = [
        ("People", people),
        ("Images", f"{len(answers.items):,}"),
        ("Answers", f"{given:,}"),
        ("Classes", f"{len(answers.classes):,}"),
        ("Networks", f"{len(answers.models):,}"),
    ]
    withdrawn = answers.facts.get("withdrawn")
    if isinstance(withdrawn, int):
        rows.append(("Withdrew", f"{withdrawn:,}"))
    return rows


def _grid(report: Report, groups: Sequence[Estimand], order: Sequence[str]) -> dict[str, Any]:
    """Verdicts: a row a network, a column a reading of the human."""
    single = [human for human in report.humans if human.kind == "person"]
    return {
        "columns": [human.name for human in groups],
        "persons": len(single) if len(single) > 1 else 0,
        "rows": [
            {
                "network": name,
                "cells": [_cell(report.comparison(human.key, name)) for human in groups],
                "better_than": sum(
                    c.verdict.kind == "better"
                    for human in single
                    if (c := report.comparison(human.key, name)) and c.verdict
                ),
            }
            for name in order
        ],
    }


def _cell(comparison: Comparison | None) -> dict[str, str] | None:
    if comparison is None or comparison.verdict is None:
        return None
    kind = comparison.verdict.kind
    return {
        "kind": kind.replace(" ", "-"),
        "symbol": SYMBOLS[kind],
        "words": comparison.verdict.words,
        "difference": points(comparison.difference),
        "interval": f"{points(comparison.interval.low)} to {points(comparison.interval.high)}",
        "p": p_value(comparison.adjusted),
    }


def _errors(report: Report, order: Sequence[str]) -> dict[str, Any]:
    """Every reading and every network on one axis of error."""
    humans = [(h.name, h.error, h.interval, h.images, "human") for h in report.humans]
    networks = [
        (name, point.network_error, _network_interval(point), point.images, "network")
        for name in order
        if (point := report.comparison(report.primary.key, name))
    ]
    whole = humans + networks
    axis = Axis.of([row[2] for row in whole])
    rows = [
        {
            "name": name,
            "error": error,
            "interval": interval,
            "images": images,
            "kind": kind,
            "person": kind == "human" and report.humans[i].kind == "person",
            **axis.whisker(error, interval),
        }
        for i, (name, error, interval, images, kind) in enumerate(whole)
    ]
    return {"ticks": axis.ticks(), "rows": rows}


def _network_interval(comparison: Comparison) -> Interval:
    return wilson(comparison.network_error * comparison.images, comparison.images)


def _differences(report: Report, human: Estimand) -> dict[str, Any] | None:
    """The differences of all networks to one reading, on an axis with 0 in its middle."""
    compared = _ranked(report, human)
    if not compared:
        return None
    axis = Axis.of([c.interval for c in compared])
    return {
        "human": human,
        "ticks": axis.ticks(signed=True),
        "zero": axis.at(0),
        "methods": list(dict.fromkeys(f"{c.test}; {c.method}" for c in compared)),
        "margin": axis.at(report.margin) if report.margin else None,
        "rows": [
            {"c": c, "cell": _cell(c), **axis.whisker(c.difference, c.interval)} for c in compared
        ],
    }


def _gallery(chosen: Beside, images: Images | None) -> dict[str, Any]:
    kinds = (
        ("Only people err", "most people are wrong, the network is right", chosen.only_people,
         chosen.people_missed),
        ("Only the network errs", "most people are right, the network is wrong",
         chosen.only_network, chosen.network_missed),
        ("Both err", "most people and the network are wrong", chosen.both, chosen.both_missed),
    )  # fmt: skip
    return {
        "network": chosen.network,
        "kinds": [
            {"title": title, "about": about, "total": total,
             "shown": [_picture(missed, images) for missed in missed_images]}
            for title, about, total, missed_images in kinds
        ],
    }  # fmt: skip


def _picture(missed: Missed, images: Images | None) -> dict[str, Any]:
    data = None
    if images is not None:
        data = images(missed.item) if callable(images) else images.get(missed.item)
    uri, small = _data_uri(data) if data else (None, False)
    seen = sum(n for _, n in missed.people)
    return {
        "item": missed.item,
        "picture": uri,
        "small": small,
        "truth": " or ".join(missed.truth),
        "network": ", ".join(missed.network) or "(no answer)",
        "people": ", ".join(f"{name} {n}" for name, n in missed.people[:3]),
        "wrong": f"{round(missed.people_wrong * seen)} of {seen} wrong",
    }


def _data_uri(png: bytes) -> tuple[str, bool]:
    from PIL import Image

    image = Image.open(io.BytesIO(png))
    pixels = np.asarray(image.convert("RGB"))
    return pictures.data_uri(pixels), max(image.size) <= SMALL


def _confusion(report: Report, chosen: Beside | None) -> list[dict[str, Any]]:
    """The matrices of people and of the chosen network."""
    sides: list[tuple[str, str | None]] = [("People", None)]
    if chosen is not None:
        sides.append((chosen.network, chosen.network))
    shown = []
    drawn = len(report.answers.classes) <= DRAWN
    for name, network in sides:
        table = confusion(report.answers, network)
        shown.append(
            {
                "name": name,
                "caption": f"Confusion matrix of {name}: rows are the truth, columns the answer",
                "matrix": drawn and matrix(table, report.answers.classes),
                "digits": max(len(str(table.max())), 2),
                "words": confusions(table, report.answers.classes),
            }
        )
    return shown


def _power(report: Report) -> dict[str, Any]:
    """What this bench can see, and what it would have needed, beside the first reading."""
    compared = _ranked(report, report.primary)
    spreads = [(c, c.spread) for c in compared if c.spread is not None]
    return {
        "rows": [
            {
                "network": c.network,
                "seen": points(c.difference),
                "smallest": size(c.smallest),
                "wanted": size(relevant(c.human_error, report.margin)),
                "needed": f"{c.needed:,}" if c.needed is not None else "no number is enough",
            }
            for c in compared
        ],
        "groups": GROUPS,
        "plans": [
            {
                "network": c.network,
                "needed": [
                    _many(images_needed(spread, relevant(c.human_error, report.margin), people))
                    for people in GROUPS
                ],
            }
            for c, spread in spreads
        ],
    }


def _many(images: int | None) -> str:
    return "never" if images is None else f"{images:,}"


def _checklist(report: Report) -> list[tuple[str, list[Any]]]:
    parts = dict.fromkeys(entry.field.part for entry in report.checklist)
    return [(part, [e for e in report.checklist if e.field.part == part]) for part in parts]


def _causes(causes: Any) -> dict[str, Any] | None:
    if not isinstance(causes, Mapping) or not causes:
        return None
    names = list(dict.fromkeys(cause for counts in causes.values() for cause in counts))
    return {
        "who": list(causes),
        "rows": [
            (CAUSES.get(name, name), [counts.get(name, 0) for counts in causes.values()])
            for name in names
        ],
    }


def _making(report: Report) -> list[tuple[str, str]]:
    import scipy
    import statsmodels

    import glassnet

    facts = report.answers.facts
    rows = [
        ("Protocol", facts.get("protocol")),
        ("Images", facts.get("source")),
        ("Manifest", facts.get("manifest")),
        ("Hash chains", CHAINS.get(facts.get("chains_hold"))),
        ("Adjudication", ADJUDICATED.get(facts.get("adjudicated"))),
        ("Screens", words(facts.get("screens")) or None),
        ("Margin", f"{size(report.margin)} points" if report.margin else "none was set"),
        ("Seed", report.seed),
        (
            "Versions",
            f"glassnet {glassnet.__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
            f"statsmodels {statsmodels.__version__}",
        ),
    ]
    return [(name, str(text)) for name, text in rows if text is not None]
