"""`glassnet humans`: measure people on exactly the images that a network is measured on."""

import click

from glassnet.cli.humans.keeping import backup, verify, withdraw
from glassnet.cli.humans.making import add_model, create, invite
from glassnet.cli.humans.results import export, oracle, report
from glassnet.cli.humans.running import list_benches, lock, status

__all__ = ["humans"]


class InOrder(click.Group):
    """A group that lists its commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of definition."""
        return list(self.commands)


@click.group(cls=InOrder)
def humans() -> None:
    """Measure people on a network's images.

    Every command takes --json.

    \b
    Examples:
      glassnet humans create pets/ --protocol imagenet-top5 --images 400 --exemplars 13
      glassnet serve
      glassnet humans invite pets --people 5
      glassnet humans add-model pets runs/pets
      glassnet humans status pets
      glassnet humans lock pets
      glassnet humans report pets -o report.html
      glassnet humans export pets answers.csv
    """


for command in (
    create, invite, add_model, list_benches, status, lock, report, export, withdraw, verify,
    backup, oracle,
):  # fmt: skip
    humans.add_command(command)
