"""`glassnet humans list`, `status`, `lock`: while the test runs, and its end."""

import click

from glassnet.cli.console import Answer, answers, say, table
from glassnet.cli.humans.common import opened, places


@click.command("list")
@places
@answers
def list_benches(database: str | None, data: str | None) -> Answer:
    """List the benches.

    \b
    Example:
      glassnet humans list
    """
    with opened(database, data) as benches:
        found = [benches.get(name).status() for name in benches.names()]
    table(
        ("bench", "protocol", "state", "images", "people"),
        [(one["name"], one["protocol"], "locked" if one["locked"] else "open",
          f"{one['images']:,}", str(len(one["people"]))) for one in found],
        left=3,
    )  # fmt: skip
    return {"benches": found}


@click.command()
@click.argument("bench")
@places
@answers
def status(bench: str, database: str | None, data: str | None) -> Answer:
    """Say how far everybody is.

    \b
    Example:
      glassnet humans status pets
    """
    with opened(database, data) as benches:
        told = benches.get(bench).status()
    sent = told["invitations"]
    say(f"{bench}: {told['protocol']}, {'locked' if told['locked'] else 'open'}; "
        f"{told['images']:,} images; {sent['sent']} invited, {sent['used']} came")  # fmt: skip
    rows = [
        (one["person"], one["state"] + (", paused" if one["paused"] else ""),
         f"{one['answered']} of {one['total']}",
         f"{one['seconds']:.1f} s" if one["seconds"] else "")
        for one in told["people"]
    ]  # fmt: skip
    if rows:
        table(("person", "state", "answered", "median"), rows, left=2)
    say(f"models: {', '.join(told['models']) or 'none'}")
    return told


@click.command()
@click.argument("bench")
@click.confirmation_option("--yes", prompt="Nobody can answer after the lock. Lock it?")
@places
@answers
def lock(bench: str, database: str | None, data: str | None) -> Answer:
    """End the test for everybody.

    From then on report and answers can be seen, and nothing can be answered. Cannot be undone.

    \b
    Example:
      glassnet humans lock pets --yes
    """
    with opened(database, data) as benches:
        benches.get(bench).lock()
    say(f"{bench} is locked; next: glassnet humans report {bench} -o report.html")
    return {"bench": bench, "locked": True}
