"""What all commands share: speaking, tables, JSON answers, and errors as one paragraph.

With `--json` everything a command says goes to standard error, and standard output holds one line:
the JSON object of its answer.
"""

import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import IO, TYPE_CHECKING, Any

import click

from glassnet.errors import GlassnetError, GlassnetWarning

if TYPE_CHECKING:
    from glassnet.train import Evaluation

Answer = dict[str, Any]

WIDTH = 120  # of tables that go into a file or a pipe


class Unfinished(GlassnetError):
    """A command that did a part of its work; `answer` is what it has."""

    def __init__(self, message: str, answer: Answer, interrupted: bool = False) -> None:
        super().__init__(message)
        self.answer = answer
        self.interrupted = interrupted


class Failure(click.ClickException):
    """An error as the user sees it: `glassnet: ...` on standard error, and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, without a traceback."""
        click.echo(f"glassnet: {self.format_message()}", file=file or sys.stderr)


class Interrupted(Failure):
    """Ctrl-C; the exit code is 128 + SIGINT, as shells have it."""

    exit_code = 130


def answers(command: Callable[..., Answer]) -> Callable[..., None]:
    """Give a command `--json`; what it returns is the object."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **options: Any) -> None:
        if not as_json:
            command(*args, **options)
            return
        try:
            with redirect_stdout(sys.stderr):
                answer = command(*args, **options)
        except Unfinished as error:
            click.echo(json.dumps(error.answer))
            raise
        click.echo(json.dumps(answer))

    return run


@contextmanager
def failures() -> Iterator[None]:
    """Turn what a user can cause into a `Failure`, and glassnet's warnings into plain notes."""
    with warnings.catch_warnings():
        warnings.showwarning = _note(warnings.showwarning)
        try:
            yield
        except Unfinished as error:
            raise (Interrupted if error.interrupted else Failure)(str(error)) from error
        except GlassnetError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise Failure(f"{error.filename}: {error.strerror}") from error
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted") from error


def _note(otherwise: Callable[..., None]) -> Callable[..., None]:
    """Shows glassnet's own warnings as a line for people, all others as before."""

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, GlassnetWarning):
            click.echo(f"note: {message}", err=True)
        else:
            otherwise(message, category, *where)

    return show


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute on `count` threads within the block.

    By itself on all of them where kernels are compiled, and on one where the NumPy pages run: the
    matrix products of a small network are small, and on one thread several times as fast as on two
    that wait for each other.
    """
    from glassnet import get_num_threads, set_num_threads
    from glassnet.kernels import compiled

    before = get_num_threads()
    set_num_threads(count or (before if compiled() else 1))
    try:
        yield
    finally:
        set_num_threads(before)


def say(text: str = "") -> None:
    """One line on standard output."""
    click.echo(text)


def tell(judged: "Evaluation") -> Answer:
    """Say how accurate a network is, and give the same as facts."""
    low, high = judged.interval
    say(
        f"held-out accuracy: {judged.accuracy:.3f} ({len(judged):,} images, "
        f"95 % interval {percent(low)} to {percent(high)})"
    )
    return {
        "accuracy": judged.accuracy,
        "interval": [low, high],
        "images": len(judged),
        "loss": judged.loss,
    }


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", left: int = 1
) -> None:
    """Print a table; the first `left` columns are texts, the others numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, title_justify="left", title_style="")
    drawn.title = Text(title) if title else None
    for i, column in enumerate(columns):
        drawn.add_column(Text(column), justify="left" if i < left else "right", no_wrap=i >= left)
    for row in rows:
        drawn.add_row(*map(Text, row))  # Text: a class named [red] is not a colour
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False).print(drawn)


def percent(share: float) -> str:
    """0.984 -> "98.4 %"."""
    return f"{share:.1%}".replace("%", " %")
