"""`glassnet summary`: a network layer by layer."""

from pathlib import Path
from typing import Any

import click

from glassnet.cli.console import Answer, answers, say


@click.command()
@click.argument("network", metavar="MODEL|RUN")
@click.option("--classes", type=click.IntRange(2), help="Classes, for a model.")
@click.option("--channels", type=click.IntRange(1), help="Channels of the images, for a model.")
@click.option("--size", type=click.IntRange(1), help="Side of the images in pixels, for a model.")
@answers
def summary(network: str, classes: int | None, channels: int | None, size: int | None) -> Answer:
    """Show a network layer by layer.

    Shapes, parameters, multiply-adds and memory, of a model or of a trained run.

    \b
    Examples:
      glassnet summary digits
      glassnet summary convnetjs --classes 100
      glassnet summary runs/photos
    """
    from glassnet.models import names
    from glassnet.nn import summary as summarise

    if network not in names() and Path(network).exists():
        from glassnet.train import load

        run = load(network)
        net, shape = run.net, (run.preprocessing.channels, *(run.preprocessing.size or ()))
    else:
        net, shape = _model(network, classes, channels, size)
    table = summarise(net, shape)
    say(str(table))
    return table.to_dict()


def _model(name: str, classes: int | None, channels: int | None, size: int | None) -> Any:
    """(network, shape of its input) of a model, with the options that were given."""
    from glassnet.models import build, describe

    shape = describe(name).input
    if size is not None:
        shape = (shape[0], size, size)
    if channels is not None:
        shape = (channels, *shape[1:])
    options: dict[str, Any] = {} if classes is None else {"classes": classes}
    return build(name, in_channels=shape[0], size=shape[1:], **options), shape
