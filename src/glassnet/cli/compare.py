"""`glassnet compare-pretraining`: does unsupervised learning pay?"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, answers, percent, say, table
from glassnet.errors import GlassnetError

if TYPE_CHECKING:
    from glassnet.dreams.compare import Plan, Point

Options = dict[str, Any]
ARMS = "boltzmann,denoising,patches,transfer,scratch"
QUICK: Options = {"seconds": 6.0, "judged": 2000, "held_out": 400}


@click.command("compare-pretraining")
@click.option("--quick", is_flag=True, help="6 seconds a cell, 2,000 test digits: minutes.")
@click.option("--out", default="runs/compare-pretraining", show_default=True,
              type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Of the results; the same call goes on there.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0, min_open=True),
              help="What a cell may spend on pretraining, tuning and training; 240.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), help="How many; 5.")
@click.option("--labels", help="Numbers of labelled digits, by commas; 10,100,1000,10000,60000.")
@click.option("--arms", default=ARMS, show_default=True, help="Which, by commas.")
@click.option("--judged", type=click.IntRange(10, 10_000), help="Test digits judged on; 10000.")
@click.option("--timer", type=click.Choice(["wall", "cpu"]), default="wall", show_default=True,
              help="Wall clock, or processor time on a busy machine.")  # fmt: skip
@click.option("--processes", type=click.IntRange(1), default=os.cpu_count() or 1,
              show_default="one a core", help="Each works on one thread.")  # fmt: skip
@answers
def compare_pretraining(out: Path, processes: int, **options: Any) -> Answer:
    """Compare ways to learn from few labels, on MNIST.

    Boltzmann machines, a denoising autoencoder, k-means patches, transfer from labelled photographs
    and training from scratch learn from 10 to 60,000 labelled digits; all training digits are there
    without labels. Each cell, an arm with so many labels and a seed, has the same seconds for
    pretraining, tuning and training, and tries as many settings. It takes hours, may be stopped at
    any moment, and goes on where it was. CIFAR-10 is needed for the transfer.

    \b
    Examples:
      glassnet compare-pretraining --quick
      glassnet compare-pretraining --seconds 600 --out runs/long
      glassnet compare-pretraining --arms scratch,denoising --labels 10,100 --json
    """
    from glassnet.dreams import compare

    plan = _plan(options)
    spent = plan.seconds * len(plan.cells) / processes
    say(
        f"{len(plan.cells)} cells: {len(plan.arms)} arms x {len(plan.labels)} numbers of labels x "
        f"{len(plan.seeds)} seeds, {plan.seconds:g} s each; at most {_duration(spent)} and judging"
    )
    for name in plan.arms:
        say(f"  {name}: {compare.ARMS[name].about}")
    done = len(compare.Store(out, plan).rows())
    if done:
        say(f"{done} cells are done already, in {out}")
    rows = compare.run(out, plan, processes, lambda row, n: _tell(row, n, len(plan.cells)))
    return _answer(rows, plan, out)


def _plan(options: Options) -> "Plan":
    from glassnet.dreams.compare import Plan

    chosen = dict(QUICK) if options["quick"] else {}
    chosen |= {k: v for k, v in options.items() if v is not None and k != "quick"}
    chosen["arms"] = tuple(chosen["arms"].split(","))
    if "labels" in chosen:
        try:
            chosen["labels"] = tuple(int(n) for n in chosen["labels"].split(","))
        except ValueError as error:
            raise GlassnetError(
                f"--labels are numbers with commas between, got '{chosen['labels']}'"
            ) from error
    if "seeds" in chosen:
        chosen["seeds"] = tuple(range(chosen["seeds"]))
    return Plan(**chosen)


def _tell(row: Answer, done: int, cells: int) -> None:
    say(
        f"[{done}/{cells}] {row['arm']}, {row['labels']:,} labels, seed {row['seed']}: "
        f"error {percent(row['error'])} in {row['seconds']['all']:.1f} s"
    )


def _answer(rows: list[Answer], plan: "Plan", out: Path) -> Answer:
    """Say and draw what the cells show."""
    from dataclasses import asdict

    from glassnet.dreams import compare
    from glassnet.dreams.compare.plot import plot

    points = compare.points(rows)
    table(
        ("arm", *(f"{n:,} labels" for n in plan.labels)),
        [(name, *(_error(points, name, n) for n in plan.labels)) for name in plan.arms],
        title="Test error, and its 95 % interval over the seeds",
    )
    others = [name for name in plan.arms if name != compare.BASELINE]
    crossings = [c for name in others if (c := compare.crossing(rows, name))]
    say("better than from scratch up to so many labels:")
    for c in crossings:
        say(f"  {c.arm}: {c}")
    seconds = [row["seconds"]["all"] for row in rows]
    say(f"seconds a cell: {min(seconds):.2f} to {max(seconds):.2f} of {plan.seconds:g}")
    title = f"MNIST, {plan.seconds:g} s a cell, {len(plan.seeds)} seeds"
    picture = plot(points, out / "errors.png", title)
    say(f"plot: {picture}   results: {out / 'cells.jsonl'}")
    return {
        "out": str(out),
        "plot": str(picture),
        "plan": plan.to_dict(),
        "points": [asdict(p) for p in points],
        "crossings": [
            {"arm": c.arm, "at": _finite(c.at), "low": _finite(c.low), "high": _finite(c.high)}
            for c in crossings
        ],
        "seconds": [min(seconds), max(seconds)],
    }


def _error(points: "list[Point]", name: str, labels: int) -> str:
    p = next(p for p in points if (p.arm, p.labels) == (name, labels))
    if p.low is None or p.high is None:
        return percent(p.error)
    return f"{percent(p.error)} ({100 * p.low:.1f}-{100 * p.high:.1f})"


def _finite(at: float | None) -> float | str | None:
    """JSON has no infinity: "beyond" is beyond all numbers of labels that were tried."""
    return "beyond" if at == float("inf") else at


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
