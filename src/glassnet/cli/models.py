"""`glassnet models`: the architectures that `train --model` knows."""

import click

from glassnet.cli.console import Answer, answers, say, table


@click.command()
@answers
def models() -> Answer:
    """List the models that can be trained, with their sizes.

    \b
    Example:
      glassnet models
    """
    from glassnet.models import build, describe, names

    known = [(describe(name), build(name).num_parameters()) for name in names()]
    table(
        ("model", "what it is", "input", "parameters"),
        [
            (model.name, model.summary, " x ".join(map(str, model.input)), f"{parameters:,}")
            for model, parameters in known
        ],
        left=2,
    )
    say("Input is channels x height x width by default; every model fits other sizes and classes.")
    return {
        "models": [
            {
                "name": model.name,
                "summary": model.summary,
                "input": list(model.input),
                "parameters": parameters,
                "source": model.source,
            }
            for model, parameters in known
        ]
    }
