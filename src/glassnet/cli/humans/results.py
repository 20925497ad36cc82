"""`glassnet humans report`, `export`, `oracle`: what comes of a bench."""

from pathlib import Path

import click

from glassnet.cli.console import Answer, Unfinished, answers, percent, say, table
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
    from glassnet.humans.reporting import report_of, write

    with opened(database, data) as benches:
        found = benches.get(bench)
        made = report_of(found, seed=seed, margin=margin, adjudicated=adjudicated)
        path = write(made, found, Path(output or f"{bench}.html"))
    for sentence in made.conclusions:
        say(sentence)
    say(f"report: {path.resolve()}")
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
@click.option("--shared", metavar="FOLDER", help="Of the published answers; GLASSNET_SHARED.")
@answers
def oracle(shared: str | None) -> Answer:
    """Reproduce published figures from published answers.

    Exit code 1 where a figure does not come out as it was published.

    \b
    Example:
      glassnet humans oracle
    """
    from glassnet.humans.oracle import checks, find_data, networks

    data = Path(shared) if shared else find_data()
    found = checks(data)
    marks = {True: "yes", False: "NO", None: "not looked at"}
    table(
        ("figure", "published", "found", "agrees"),
        [(one.name, one.published, one.found, marks[one.agrees]) for one in found],
    )
    beside = networks(data) if data else []
    if beside:
        table(
            ("network", "year", "right", "published", "beside one person", "three", "all"),
            [(one.name, one.year, percent(one.accuracy), f"{one.published:.1f} %",
              *one.verdicts.values()) for one in beside],
        )  # fmt: skip
    else:
        say("published answers: not here; name their folder by --shared or GLASSNET_SHARED")
    wrong = [one.name for one in found if one.agrees is False]
    wrong += [one.name for one in beside if not one.agrees]
    answer = {
        "checks": [vars(one) for one in found],
        "networks": [vars(one) for one in beside],
        "wrong": wrong,
    }
    if wrong:
        raise Unfinished(f"not as published: {', '.join(wrong)}", answer)
    return answer
