"""Which benches a command is about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.errors import require

if TYPE_CHECKING:
    from glassnet.humans.bench import Benches

Command = Callable[..., Any]


def places(command: Command) -> Command:
    """Give a command `--database` and `--data`, which say where the benches are."""
    for option in (
        click.option("--data", metavar="FOLDER", help="Of the benches; the user's data folder."),
        click.option("--database", metavar="URL", help="postgresql://...; SQLite if not given."),
    ):
        command = option(command)
    return command


@contextmanager
def opened(database: str | None, data: str | None) -> Iterator["Benches"]:
    """The benches of a database and folder, closed at the end."""
    require("sqlalchemy", "web")
    from glassnet.humans.bench import Benches

    benches = Benches(database, Path(data) if data else None)
    try:
        yield benches
    finally:
        benches.close()
