"""`glassnet dream MODEL`: dreams of a machine, as a contact sheet or an animation."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glassnet.cli.console import Answer, answers, say, threads
from glassnet.cli.dream.judge import judged
from glassnet.cli.dream.wish import Wish
from glassnet.errors import GlassnetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glassnet.dreams.chain import Chain, Frame

RUNS = Path("runs")
PICTURES, FILMS = (".png", ".webp"), (".gif",)
COLUMNS = 12  # of a contact sheet


@click.command()
@click.argument("model", required=False)
@click.option("--label", metavar="CLASS", help="Hold a class, or `all`: one chain for each.")
@click.option(
    "--complete", type=click.Path(exists=True, dir_okay=False), metavar="IMAGE",
    help="Hold a part of an image, and dream the rest.",
)  # fmt: skip
@click.option(
    "--known", type=click.Choice(["top", "bottom", "left", "right"]), default="top",
    show_default=True, help="Which half of the image is held.",
)  # fmt: skip
@click.option(
    "--associate", type=(int, int), metavar="FROM TO", help="Go from one class to another."
)
@click.option("--steps", default=200, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--chains", default=8, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--temperature", default=1.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="Above 1 dreams are wilder, below tamer.",
)  # fmt: skip
@click.option(
    "--strength", default=2.0, show_default=True, type=click.FloatRange(0),
    help="Of a held class: 1 is as the machine learned it; above, dreams are surer of their class, "
    "and vary less.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--out", default="dreams.png", show_default=True, type=click.Path(dir_okay=False),
    help="A .png of moments, a row for each chain; or a .gif of all steps.",
)  # fmt: skip
@click.option("--judge", metavar="RUN", help="A run whose network says how good the dreams are.")
@answers
def show(model: str | None, out: str, judge: str | None, **wishes: Any) -> Answer:
    """Let a machine dream, one Gibbs step at a time.

    MODEL is the file of a machine, or its folder. The dreams start from noise; the same seed gives
    the same dreams.

    \b
    Examples:
      glassnet dream runs/dream/machine.safetensors --label 7 --steps 200 --chains 8
      glassnet dream runs/dream --associate 3 8 --steps 60 --out way.gif
      glassnet dream runs/dream --label all --judge runs/demo
    """
    from glassnet.dreams.files import load

    wish = Wish(**wishes)
    if Path(out).suffix.lower() not in (*PICTURES, *FILMS):
        endings = ", ".join(PICTURES + FILMS)
        raise click.UsageError(f"--out is '{out}'; expected an ending of {endings}")
    path = _found(model)
    machine = load(path)
    with threads(1):
        last = _written(Path(out), _film(machine, wish), wish)
    low, high = float(last.energy.min()), float(last.energy.max())
    say(f"{len(last.energy)} chains, {last.step} steps; free energy {low:,.1f} to {high:,.1f}")
    say(f"dreams: {Path(out).resolve()}")
    answer = {"machine": str(path), "out": out, "chains": len(last.energy), "steps": last.step,
              "seed": wish.seed, "energy": last.energy.tolist()}  # fmt: skip
    return answer | (judged(machine, judge, wish) if judge else {})


# -- which machine ---------------------------------------------------------------------------------
def _found(model: str | None) -> Path:
    """The machine's file. Raises GlassnetError that says what there is, and how to get one."""
    from glassnet.dreams.growth import MACHINE
    from glassnet.dreams.machines import machines

    path = Path(model) if model else None
    if path is not None and path.is_dir():
        path = path / MACHINE
    if path is not None and path.is_file():
        return path
    asked = "no machine is given" if path is None else f"{path}: there is no such file"
    there = "".join(f"\n  glassnet dream {each.path}" for each in machines(RUNS))
    if there:
        raise GlassnetError(f"{asked}. In {RUNS}/ there are:{there}")
    raise GlassnetError(f"{asked}. Teach one, in about a minute, with: glassnet dream train")


# -- what it dreams --------------------------------------------------------------------------------
def _film(machine: Any, wish: Wish) -> "Iterator[Frame]":
    """All frames, the one before the first step among them unless two classes are associated."""
    from glassnet.dreams.chain import Chain
    from glassnet.dreams.sheet import half, read_image

    if wish.associate is not None:
        return _ways(machine, wish.associate, wish)
    shares = None if wish.label is None else _shares(wish.label, machine.labels, wish.chains)
    chain = Chain(machine, wish.chains if shares is None else len(shares), wish.seed)
    pixels = known = None
    if wish.complete is not None:
        pixels, known = (
            read_image(wish.complete, machine.visible),
            half(wish.known, machine.visible),
        )
    chain.clamp(shares, pixels, known, wish.strength)
    return _steps(chain, wish.steps, wish.temperature)


def _steps(chain: "Chain", steps: int, temperature: float) -> "Iterator[Frame]":
    yield chain.look()
    for _ in range(steps):
        yield chain.step(1, temperature)


def _ways(machine: Any, ends: tuple[int, int], wish: Wish) -> "Iterator[Frame]":
    """Several ways between two classes side by side, of seeds one after another."""
    import numpy as np

    from glassnet.dreams.chain import Frame, associate

    _shares(str(max(ends)), machine.labels, 1)
    ways = [
        associate(machine, *ends, wish.steps, wish.seed + i, strength=wish.strength,
                  temperature=wish.temperature)
        for i in range(wish.chains)
    ]  # fmt: skip
    for i, together in enumerate(zip(*ways, strict=True), start=1):
        yield Frame(
            i,
            np.concatenate([each.visible for each in together]),
            [],
            np.concatenate([each.label for each in together]),
            np.concatenate([each.energy for each in together]),
        )


def _shares(label: str, labels: int, chains: int) -> "NDArray[np.float32]":
    """A class in each chain, or one chain for each class -> (N, L). Raises GlassnetError."""
    import numpy as np

    if not labels:
        raise GlassnetError("this machine has no label units, so no class can be held")
    if label != "all" and not (label.isdigit() and int(label) < labels):
        raise GlassnetError(
            f"--label is '{label}'; expected a class from 0 to {labels - 1}, or all"
        )
    one = np.eye(labels, dtype=np.float32)
    return one if label == "all" else one[[int(label)] * chains]


# -- how it is shown -------------------------------------------------------------------------------
def _written(out: Path, film: "Iterator[Frame]", wish: Wish) -> "Frame":
    """Write the sheet or the animation; gives the last frame."""
    from glassnet.dreams import sheet

    if out.suffix.lower() in FILMS:
        every = -(-wish.steps // sheet.ANIMATED)
        frames = [frame for frame in film if frame.step % every == 0 or frame.step == wish.steps]
        sheet.write_animation(out, [frame.visible for frame in frames])
        return frames[-1]
    spaced = sheet.moments if wish.associate is None else sheet.evenly
    shown = set(spaced(wish.steps, COLUMNS))
    frames = [frame for frame in film if frame.step in shown]
    rows = list(zip(*(frame.visible for frame in frames), strict=True))
    captions = [frame.step for frame in frames]
    sheet.write_sheet(out, sheet.contact_sheet(rows, captions, _names(frames[-1], wish)))
    return frames[-1]


def _names(last: "Frame", wish: Wish) -> list[object]:
    """What stands beside each row: the class held or, where none is, the chain's number."""
    if wish.label is not None:
        return last.label.argmax(axis=1).tolist()
    return list(range(1, len(last.energy) + 1))
