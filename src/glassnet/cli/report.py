"""`glassnet report`: the report of a run again, or on other data."""

import click

from glassnet.cli.console import Answer, answers, say, tell


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("data", required=False, metavar="[DATA]")
@click.option(
    "--out", type=click.Path(dir_okay=False), help="The file; RUN/report.html if not given."
)
@answers
def report(run: str, data: str | None, out: str | None) -> Answer:
    """Write the report of a run as one HTML file.

    RUN is judged on the held-out part of DATA, which is what `glassnet train` takes; if not given,
    what RUN was trained on. A folder or CSV that RUN has not seen and that has no held-out part is
    taken whole.

    \b
    Examples:
      glassnet report runs/photos
      glassnet report runs/digits mnist --out mnist.html
    """
    from glassnet.cli.sources import held_out_for
    from glassnet.look import report as write
    from glassnet.look.report import require_classes
    from glassnet.train import load

    trained = load(run)
    held_out = held_out_for(trained, data)
    if held_out is not None:
        require_classes(trained, held_out)
    judged = None if held_out is None else trained.evaluate(held_out)
    path = write(trained, held_out, out, judged)
    say(f"report: {path}")
    answer: Answer = {"run": run, "report": str(path)}
    if judged is not None:
        answer |= tell(judged)
    return answer
