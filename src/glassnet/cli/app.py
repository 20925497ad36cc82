"""The command `glassnet` and the list of its commands."""

import sys
from typing import Any

import click

import glassnet
from glassnet.cli.compare import compare_pretraining
from glassnet.cli.console import failures
from glassnet.cli.data import data
from glassnet.cli.demo import demo
from glassnet.cli.dream import dream
from glassnet.cli.export import export
from glassnet.cli.features import features
from glassnet.cli.humans import humans
from glassnet.cli.kernels import kernels, warm_up
from glassnet.cli.models import models
from glassnet.cli.predict import predict
from glassnet.cli.report import report
from glassnet.cli.serve import serve
from glassnet.cli.summary import summary
from glassnet.cli.train import train
from glassnet.cli.transfer import transfer


class Commands(click.Group):
    """A group that lists its commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of definition."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a user's mistake ends in one paragraph and an exit code."""
        with failures():
            return super().invoke(ctx)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(glassnet.__version__, prog_name="glassnet", message="%(prog)s %(version)s")
def cli() -> None:
    """Train networks, look into them, and use them.

    \b
    Start with:  glassnet demo
    Then:        glassnet train photos/ --out runs/photos
    """


for command in (
    demo, train, transfer, predict, features, export, summary, models, data, report, dream, humans,
    compare_pretraining, serve, kernels, warm_up,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """The console script: exit codes 0 done, 1 a problem said on stderr, 2 usage, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal may not know every character
    cli.main(prog_name="glassnet")
