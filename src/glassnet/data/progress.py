"""A progress bar on a terminal, nothing in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(
    description: str, total: float | None, size: bool = False
) -> Iterator[Callable[[float], None]]:
    """Gives `advance(amount)`; shown on standard error if that is a terminal, removed at the end.

    size: the amounts are bytes, and a speed is shown.
    """
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    amount = (
        [bars.DownloadColumn(), bars.TransferSpeedColumn()] if size else [bars.MofNCompleteColumn()]
    )
    columns = [bars.TextColumn("{task.description}"), bars.BarColumn(), *amount]
    bar = bars.Progress(
        *columns,
        bars.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)
