"""export(): a run to a file that other programs read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glassnet import io
from glassnet.data import Preprocessing
from glassnet.errors import GlassnetError
from glassnet.export.python import export_python
from glassnet.train import Run

FORMATS = {"python": ".py", "onnx": ".onnx", "safetensors": ".safetensors"}


@dataclass(frozen=True)
class Exported:
    """The files that were written, and how far their logits are from the run's at most.

    difference is None where nothing here can run the file (ONNX without ONNX Runtime).
    """

    files: list[Path]
    difference: float | None


def export(
    run: Run, to: str, out: str | os.PathLike[str], images: Sequence[str | os.PathLike[str]] = ()
) -> Exported:
    """Write a run as "python", "onnx" or "safetensors", compared with it before.

    out     the file; its ending is that of the format
    images  image files that a program is compared on; noise where there are none

    python: one file and one .npz, which run with NumPy and Pillow alone. onnx: one file with
    preprocessing and class names in its metadata. safetensors: the arrays under the names of the
    network's parameters, with those two and the architecture in the metadata. Raises GlassnetError,
    and writes nothing, for what the format cannot say, and where the comparison fails.
    """
    if to not in FORMATS:
        raise GlassnetError(f"there is no format '{to}'; there are {', '.join(FORMATS)}")
    path = Path(out).with_suffix(FORMATS[to])
    if to == "python":
        return _python(run, path, [Path(image) for image in images])
    return _onnx(run, path) if to == "onnx" else _safetensors(run, path)


def _python(run: Run, path: Path, images: Sequence[Path]) -> Exported:
    if not path.stem.isidentifier():
        raise GlassnetError(
            f"'{path.stem}' cannot be the name of a Python file that is imported; use letters, "
            f"digits and _ in --out"
        )
    if images:
        return Exported([path, path.with_suffix(".npz")], export_python(run, path, images))
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        noise = _noise(run.preprocessing, Path(folder))
        return Exported([path, path.with_suffix(".npz")], export_python(run, path, noise))


def _noise(preprocessing: Preprocessing, folder: Path, count: int = 4) -> list[Path]:
    """A few image files of coarse random colours."""
    from PIL import Image

    rng, files = np.random.default_rng(0), []
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        files.append(folder / f"noise{i}.png")
        coarse.resize((400, 300), Image.Resampling.BICUBIC).save(files[-1])
    return files


def _onnx(run: Run, path: Path) -> Exported:
    size = run.preprocessing.size
    if size is None:
        raise GlassnetError(
            f"an ONNX file needs one size of images; this run takes {run.preprocessing}"
        )
    shape = (run.preprocessing.channels, *size)
    difference = io.save_onnx(run.net, path, shape, run.preprocessing, run.classes)
    return Exported([path], difference)


def _safetensors(run: Run, path: Path) -> Exported:
    """The arrays, read back and held against the network's before they are handed over."""
    from glassnet import nn

    state = run.net.state_dict()
    metadata = {
        "architecture": nn.architecture(run.net),
        "preprocessing": run.preprocessing.to_dict(),
        "classes": run.classes,
        "model": run.config.get("model"),
    }
    trial = path.with_name(f".{path.name}.trial")
    try:
        io.save(trial, state, metadata)
        arrays, read = io.load(trial)
        net = nn.build(read["architecture"])
        net.load_state_dict(arrays)
        theirs = net.state_dict()
        if any(not np.array_equal(state[name], theirs[name], equal_nan=True) for name in state):
            raise GlassnetError("the arrays that were read back differ; nothing was written")
        os.replace(trial, path)
    finally:
        trial.unlink(missing_ok=True)
    return Exported([path], 0.0)
