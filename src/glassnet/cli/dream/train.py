"""`glassnet dream train`: a small machine learns digits in about a minute."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli import sources
from glassnet.cli.console import Answer, Unfinished, answers, say, threads

if TYPE_CHECKING:
    from glassnet.data import Dataset
    from glassnet.dreams.growth import Digits, Growth

EXAMPLES = 12_000  # of MNIST that a small machine learns from
LEARNING: dict[str, Any] = {"method": "pcd", "lr": 0.1, "binarise": True}
EPOCHS = {"mnist": 20, "demo-digits": 40}


@click.command()
@click.option("--out", default="runs/dream", show_default=True, help="The machine's folder.")
@click.option(
    "--data", type=click.Choice(list(EPOCHS)),
    help="What it learns from; MNIST where it is there, else the digits of the demo.",
)  # fmt: skip
@click.option("--hidden", default=200, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--epochs", type=click.IntRange(1), help="[default: 20 of MNIST, 40 of the demo's]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@answers
def train(out: str, data: str | None, hidden: int, epochs: int | None, seed: int) -> Answer:
    """Teach a small Boltzmann machine digits and their names.

    A restricted Boltzmann machine with label units, by persistent contrastive divergence. Its
    filters are kept after each epoch: `glassnet serve` shows them growing, while it learns and
    after. An earlier one in the same folder is replaced. Ctrl-C ends it, and keeps what it learned.

    \b
    Examples:
      glassnet dream train
      glassnet dream train --data demo-digits --hidden 300 --out runs/larger
    """
    from glassnet.dreams.growth import MACHINE, grow

    name = data or ("mnist" if sources.where("mnist") else "demo-digits")
    learned, held_out = sources.find(name).open()
    train, judged = _digits(learned, EXAMPLES), _digits(held_out, len(held_out))
    say(f"{len(train[0]):,} digits of {learned.name} to learn from, {len(judged[0]):,} held out")
    say(f"{train[0].shape[1]} pixels, {hidden} hidden units, a label unit for each class")
    with threads(1), _sigterm_interrupts():
        grown = grow(Path(out), train, judged, learned.name, hidden, epochs or EPOCHS[name], seed,
                     watch=_tell, **LEARNING)  # fmt: skip
    answer = _answer(grown, Path(out) / MACHINE)
    if grown.state == "stopped":
        raise Unfinished("interrupted; what it learned is kept", answer, interrupted=True)
    say(f"right about {grown.accuracy:.1%} of held-out digits, by its own label units")
    say(f"machine: {answer['machine']}")
    say(f"Now: glassnet dream {answer['machine']} --label 7     or: glassnet serve")
    return answer


def _digits(images: "Dataset", most: int) -> "Digits":
    """The first images as rows of numbers from 0 to 1, and their labels."""
    import numpy as np

    pixels, labels = images.batch(np.arange(min(most, len(images))))
    return np.divide(pixels.reshape(len(pixels), -1), 255, dtype=np.float32), labels


def _tell(growth: "Growth") -> None:
    row = growth.rows[-1]
    say(
        f"epoch {len(growth.rows):3}/{growth.epochs}   reconstruction {row['reconstruction']:.4f}"
        f"   free-energy gap {row['gap']:6.2f}   {row['seconds']:.1f} s"
    )


def _answer(growth: "Growth", machine: Path) -> Answer:
    last = growth.rows[-1] if growth.rows else {}
    return {
        "machine": str(machine),
        "state": growth.state,
        "data": growth.data,
        "examples": growth.examples,
        "epochs": len(growth.rows),
        "accuracy": growth.accuracy,
        "reconstruction": last.get("reconstruction"),
        "gap": last.get("gap"),
        "seconds": sum(row["seconds"] for row in growth.rows),
    }


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM, with which a server stops its training, ends it as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
