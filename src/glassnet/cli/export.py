"""`glassnet export`: a trained network handed on to other programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glassnet.cli.console import Answer, answers, say

if TYPE_CHECKING:
    from glassnet.train import Run

IMAGES = 16  # on which a program is compared, where none are named
FORMATS = ("python", "onnx", "safetensors")


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--to",
    "kind",
    required=True,
    type=click.Choice(FORMATS),
    help="python: a readable program; onnx, safetensors: for other libraries.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; RUN/exported.py (.onnx, .safetensors) if not given.",
)
@click.option(
    "--images",
    multiple=True,
    type=click.Path(exists=True),
    help="Files or folders that a program is compared on; by default of RUN's own data.",
)
@answers
def export(run: str, kind: str, out: Path | None, images: tuple[str, ...]) -> Answer:
    """Hand a network on to other programs.

    python: one readable file of plain NumPy functions and one .npz of weights. It holds the
    preprocessing and the class names, and classifies images with NumPy and Pillow alone. Whatever
    is written is run and compared with RUN first.

    \b
    Examples:
      glassnet export runs/photos --to python -o photos.py     (then: python photos.py holiday.jpg)
      glassnet export runs/photos --to onnx
    """
    from glassnet.export import FORMATS
    from glassnet.export import export as write
    from glassnet.train import load

    trained = load(run)
    target = out or Path(trained.path or ".") / f"exported{FORMATS[kind]}"
    shown = _images(trained, images) if kind == "python" else []
    done = write(trained, kind, target, shown)
    for file in done.files:
        say(f"{file}   ({file.stat().st_size / 2**20:.1f} MiB)")
    say(_compared(kind, done.difference, len(shown)))
    return {
        "run": run,
        "files": [str(file) for file in done.files],
        "difference": done.difference,
        "images": len(shown),
    }


def _compared(kind: str, difference: float | None, images: int) -> str:
    if kind == "safetensors":
        return "read back: every array is the network's own"
    if difference is None:
        return "checked; ONNX Runtime is not installed, so it was not run: pip install onnxruntime"
    on = f"{images} images" if images else "random images"
    return f"run beside the network on {on}: logits differ by at most {difference:.1e}"


def _images(run: "Run", named: tuple[str, ...]) -> list[str]:
    """Those that were named, or some of the run's own held-out ones that are still there."""
    from glassnet.cli.predict import expand
    from glassnet.cli.sources import held_out_for
    from glassnet.errors import GlassnetError

    if named:
        return expand(named)
    source = run.config.get("source") or {}
    root = Path(source.get("data", ""))
    if not source or not root.is_dir():
        return []
    try:
        held_out = held_out_for(run, None)
    except GlassnetError:
        return []
    files = held_out.files() if held_out is not None else []
    step = max(len(files) // IMAGES, 1)
    return [str(root / file) for file in files[::step][:IMAGES]]
