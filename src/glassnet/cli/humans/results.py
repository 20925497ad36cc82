"""`glassnet humans report`, `export`, `oracle`: what comes of a bench."""

from pathlib import Path

import click

from glassnet.cli.console import Answer, answers, say
from glassnet.cli.humans.common import opened, places


@click.command()
@click.argument("bench")
@click.option("-o", "--output", metavar="FILE", help="The HTML file; BENCH.html if not given.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--margin", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Of non-inferiority, in error rate.")  # fmt: skip
@click.option("--adjudicated", is_flag=True, help="Also accept what adjudicators accepted.")
@places
@answers
def report(
    bench: str,
    output: str | None,
    seed: int,
    margin: float,
    adjudicated: bool,
    database: str | None,
    data: str | None,
) -> Answer:
    """Write the report of a locked bench.

    \b
    Examples:
      glassnet humans report pets -o report.html
      glassnet humans report pets --json
    """
    from glassnet.humans.report import analyse

    with opened(database, data) as benches:
        found = benches.get(bench).analysis(adjudicated=adjudicated)
    made = analyse(found, seed=seed, margin=margin)
    path = made.write(output or f"{bench}.html")
    say(f"report: {Path(path).resolve()}")
    return made.to_json() | {"report": str(path)}


@click.command()
@click.argument("bench")
@click.argument("file")
@places
@answers
def export(bench: str, file: str, database: str | None, data: str | None) -> Answer:
    """Write every trial as one row of a CSV file.

    \b
    Example:
      glassnet humans export pets answers.csv
    """
    with opened(database, data) as benches:
        rows = benches.get(bench).export(file)
    say(f"{file}: {rows:,} rows")
    return {"bench": bench, "file": file, "rows": rows}


@click.command()
@answers
def oracle() -> Answer:
    """Reproduce published figures from published answers.

    \b
    Example:
      glassnet humans oracle
    """
    raise NotImplementedError
