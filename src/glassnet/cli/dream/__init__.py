"""`glassnet dream`: let a Boltzmann machine dream, and teach one."""

from typing import Any

import click

from glassnet.cli.dream.show import show
from glassnet.cli.dream.train import train

__all__ = ["dream"]


class ShowByDefault(click.Group):
    """A group in whose calls `show` may be left out: `dream MODEL` is `dream show MODEL`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` in front of what is neither a command nor a question for help."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of definition."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: Any) -> None:
        """The options of `show` too: it is what most calls are."""
        super().format_options(ctx, formatter)
        with formatter.section("Options of a dream (show)"):
            formatter.write_dl([r for p in show.params if (r := p.get_help_record(ctx))])


@click.group(cls=ShowByDefault)
def dream() -> None:
    """Let a Boltzmann machine dream; teach one.

    `glassnet dream MODEL ...` is short for `glassnet dream show MODEL ...`.

    \b
    Examples:
      glassnet dream train
      glassnet dream runs/dream/machine.safetensors --label 7
      glassnet dream runs/dream/machine.safetensors --label all --out digits.gif
      glassnet dream runs/dream/machine.safetensors --complete half.png --known top
      glassnet dream runs/dream/machine.safetensors --associate 3 8
    """


for command in (show, train):
    dream.add_command(command)
