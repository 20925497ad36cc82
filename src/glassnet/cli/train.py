"""`glassnet train`: from a data set to a run and its report."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, Unfinished, answers, say, tell, threads
from glassnet.cli.invocation import command_line, free_folder, given
from glassnet.cli.recipe import OPTIMIZERS, SCHEDULES, Size
from glassnet.errors import CheckpointError, DataError, GlassnetError

if TYPE_CHECKING:
    from glassnet.data import Dataset
    from glassnet.nn import Module
    from glassnet.train import Run

Options = dict[str, Any]


@click.command()
@click.argument("data", required=False, metavar="DATA")
@click.option("--model", help="The network; `glassnet models` lists them.")
@click.option("--epochs", type=click.IntRange(1), help="How often all images are gone through.")
@click.option("--steps", type=click.IntRange(1), help="The length in batches.")
@click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds of training.")
@click.option("--batch-size", type=click.IntRange(1), help="Images in a step.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="The highest learning rate.")
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="How the weights are updated.")
@click.option("--schedule", type=click.Choice(SCHEDULES), help="How the learning rate goes.")
@click.option("--weight-decay", type=click.FloatRange(0), help="Of the optimiser.")
@click.option("--augment", metavar="LIST", help='Such as "flip,shift=2,crop=32:4", or "none".')
@click.option("--size", type=Size(), help="Of the images of a folder; 64 if not given.")
@click.option(
    "--validation-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share held out of a folder or CSV without a held-out part of its own.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="By itself all processors; one where no kernels are compiled.",
)
@click.option("--out", metavar="RUN", help="The run's folder; runs/DATA-MODEL if not given.")
@click.option(
    "--resume", metavar="RUN", help="Go on with this run where it stopped; takes no DATA."
)
@click.pass_context
@answers
def train(
    context: click.Context, data: str | None, out: str | None, resume: str | None, **options: Any
) -> Answer:
    """Train a network on DATA; write its run and report.

    DATA is mnist, fashion-mnist, cifar10, cifar100, demo-digits, a folder with one folder of images
    a class, or a CSV file of pixels with a column "label". What is not given is chosen to fit it.
    The network is judged on the held-out images after every epoch, and its last weights count.

    \b
    Examples:
      glassnet train photos/ --out runs/photos
      glassnet train mnist --model digits --epochs 3
      glassnet train cifar10 --augment "flip,shift=2" --time-limit 600 --epochs 20
      glassnet train --resume runs/photos
    """
    if resume is not None:
        return _resume(context, resume)
    if data is None:
        raise click.UsageError("Give DATA to train on, or --resume RUN.", context)
    options = _complete(data, options)
    source = {"data": data, "size": options["size"], "seed": options["seed"]}
    source["fraction"] = options["validation_fraction"]
    folder = free_folder(data, options["model"]) if out is None else Path(out)
    if (folder / "last.safetensors").exists():
        raise GlassnetError(
            f"{folder} holds a run already; go on with it by `glassnet train --resume {folder}`, "
            f"or choose another --out"
        )
    with threads(options["threads"]):
        return _start(options, source, folder, command_line(context, "data"))


def _complete(data: str, given: Options) -> Options:
    """The options with the data set's own defaults in place of what was not given."""
    from glassnet.cli.sources import KNOWN, find

    if given["size"] is not None and data in KNOWN:
        raise click.BadParameter(f"{data} has a size of its own", param_hint="--size")
    defaults = dict(find(data).defaults)
    if given["steps"] or given["time_limit"]:
        del defaults["epochs"]
    if given["time_limit"] and not given["steps"] and not given["epochs"]:
        defaults["schedule"] = "constant"  # the others need to know how long the run will be
    chosen = {name: value for name, value in given.items() if value is not None}
    return dict.fromkeys(given) | defaults | chosen


def _resume(context: click.Context, folder: str) -> Answer:
    """Go on with a run that this command began, as it was begun."""
    from glassnet.train import load, resume

    extra = [name for name in given(context) if name not in ("resume", "threads", "as_json")]
    if extra:
        raise click.UsageError(f"--resume goes on as the run began; leave out {', '.join(extra)}.")
    config = load(folder).config
    if "source" not in config:
        raise CheckpointError(
            f"{folder} was not begun by this command; go on with it from Python, by "
            f"glassnet.train.resume(path, train, validation)"
        )
    with threads(given(context).get("threads", config["threads"])):
        learn, held_out = _open(config["source"])
        return finish(resume(folder, learn, held_out), held_out)


def _start(options: Options, source: Options, folder: Path, command: str) -> Answer:
    """Open the data, make the network, train, judge, report."""
    import glassnet
    from glassnet.cli import recipe
    from glassnet.train import fit

    augment = recipe.augmentation(options["augment"])
    learn, held_out = _open(source)
    glassnet.manual_seed(options["seed"])
    net = _network(options["model"], learn)
    say(f"model: {options['model']}, {net.num_parameters():,} parameters")
    trained = fit(
        net,
        learn,
        held_out,
        recipe.optimizer(options["optimizer"], net, options["lr"], options["weight_decay"]),
        schedule=options["schedule"],
        epochs=options["epochs"],
        steps=options["steps"],
        time_limit=options["time_limit"],
        batch_size=options["batch_size"],
        seed=options["seed"],
        augment=augment,
        out=folder,
        about={"model": options["model"], "command": command, "source": source},
    )
    return finish(trained, held_out)


def _open(source: Options) -> "tuple[Dataset, Dataset]":
    """The data to train and to judge on."""
    from glassnet.cli.sources import find

    size = source["size"] and tuple(source["size"])
    learn, held_out = find(source["data"], size, source["fraction"], source["seed"]).open()
    say(
        f"data: {learn.name}, {len(learn):,} images to train and {len(held_out):,} held out, "
        f"{len(learn.classes)} classes"
    )
    return learn, held_out


def _network(model: str, data: "Dataset") -> "Module":
    from glassnet.models import build

    channels, *size = data.shape
    if not size and model != "mlp":
        raise DataError(f"{data.name} holds rows of numbers, not images; use --model mlp")
    return build(
        model, in_channels=channels, classes=len(data.classes), size=tuple(size) if size else None
    )


def finish(trained: "Run", held_out: "Dataset") -> Answer:
    """Judge a run on held-out data, write its report, say where everything is."""
    from glassnet.look import report

    answer: Answer = {"run": str(trained.path), "epochs": len(trained.history)}
    if not trained.finished:
        message = f"interrupted; go on with: glassnet train --resume {trained.path}"
        raise Unfinished(message, answer | {"stopped": trained.stopped}, interrupted=True)
    judged = trained.evaluate(held_out)
    path = report(trained, held_out, evaluation=judged)
    say(f"run: {trained.path}")
    say(f"report: {path}")
    return (
        answer
        | tell(judged)
        | {
            "report": str(path),
            "stopped": trained.stopped,
            "seconds": sum(row["seconds"] for row in trained.history),
        }
    )
