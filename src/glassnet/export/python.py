"""A trained network as one readable Python file and one .npz, which know nothing of glassnet."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from glassnet.data import Preprocessing
from glassnet.data.images import needed
from glassnet.errors import GlassnetError
from glassnet.export.program import Program, functions
from glassnet.io import atomic_write
from glassnet.nn import evaluating
from glassnet.tape import Array
from glassnet.tensor import Tensor
from glassnet.train import Run

TOLERANCE = 1e-4  # of the largest logit, that the program may differ by
SECONDS = 600  # that the program may take for the images that it is compared on

# Runs a program with glassnet out of its reach, and hands over what it computes.
_COMPARE = """
import sys
sys.modules["glassnet"] = None
import numpy as np
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("exported", sys.argv[1])
module = module_from_spec(spec)
spec.loader.exec_module(module)
np.save(sys.argv[2], np.concatenate([module.network(module.read(path)) for path in sys.argv[3:]]))
"""


def export_python(run: Run, path: Path, images: Sequence[Path]) -> float:
    """Write `path` (.py) and the .npz of its weights; the largest difference to the run's logits.

    images  files on which the program is run, by itself, and compared with the run
    Raises GlassnetError, and writes nothing, for what a program of NumPy cannot say, and where
    program and run differ by more than 1e-4 of the largest logit, or in an answer.
    """
    text, weights = write(run, path.stem)
    content = io.BytesIO()
    np.savez(content, **weights)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder, f"{path.stem}.py")
        trial.write_text(text, encoding="utf-8")
        trial.with_suffix(".npz").write_bytes(content.getvalue())
        difference = compare(run, trial, images)
    atomic_write(path.with_suffix(".npz"), content.getvalue())
    atomic_write(path, text)
    return difference


def write(run: Run, stem: str) -> tuple[str, dict[str, Array]]:
    """The text of the program, and its weights by name."""
    preprocessing = run.preprocessing
    if preprocessing.size is None or preprocessing.channels not in (1, 3):
        raise GlassnetError(
            "a program is written for networks that look at images of one size, grey or colour; "
            f"this one takes: {preprocessing}"
        )
    shape = (preprocessing.channels, *preprocessing.size)
    examples = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    program = Program(run.net, examples)
    activation = "sigmoid" if run.attributes else "softmax"
    template = Template((files("glassnet.export") / "program.txt").read_text("utf-8"))
    text = template.substitute(
        title=_title(run),
        stem=stem,
        about=_about(run, stem, sum(array.size for array in program.weights.values())),
        imports=_imports(program),
        classes=_classes(run.classes),
        size=", ".join(map(str, preprocessing.size)),
        mean=_numbers(preprocessing.mean),
        std=_numbers(preprocessing.std),
        shape=", ".join(map(str, shape)),
        outputs=len(run.classes),
        lines="\n".join(program.lines),
        least=needed(preprocessing.size, preprocessing.crop),
        mode="L" if preprocessing.channels == 1 else "RGB",
        interpolation=preprocessing.interpolation.upper(),
        channels=preprocessing.channels,
        crop=_crop(preprocessing),
        functions="\n\n\n".join(functions({*program.calls, activation})),
        activation=activation,
        answers="The attributes with their probabilities, the surest first."
        if run.attributes
        else "The classes with their probabilities, the most probable first.",
    )  # fmt: skip
    return text, program.weights


def compare(run: Run, program: Path, images: Sequence[Path]) -> float:
    """Run the program on image files, without glassnet, and hold its logits against the run's.

    The largest difference. Raises GlassnetError where they differ or the program fails.
    """
    theirs = _theirs(program, images)
    ours = np.concatenate([_ours(run, image) for image in images])
    difference = float(np.abs(theirs - ours).max())
    largest = float(np.abs(ours).max())
    changed = int(np.count_nonzero(theirs.argmax(1) != ours.argmax(1)))
    if not difference <= TOLERANCE * largest or changed:
        raise GlassnetError(
            f"the program does not compute what the network computes: logits differ by up to "
            f"{difference:.2g} of {largest:.2g}, and {changed} of {len(images)} answers; nothing "
            f"was written"
        )
    return difference


def _theirs(program: Path, images: Sequence[Path]) -> Array:
    """What the program computes, in a process of its own that cannot import glassnet."""
    out = program.with_name("logits.npy")
    words = [sys.executable, "-I", "-c", _COMPARE, str(program), str(out), *map(str, images)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise GlassnetError(f"the exported program does not run: {last[0]}; nothing was written")
    logits: Array = np.load(out)
    return logits


def _ours(run: Run, image: Path) -> Array:
    with evaluating(run.net):
        logits: Array = run.net(Tensor(run.preprocessing(run.preprocessing.read(image)[None]))).data
    return logits


def _title(run: Run) -> str:
    """The first line: what the network tells apart."""
    names = run.classes if len(run.classes) <= 4 else [*run.classes[:3], "..."]
    what = f"{', '.join(names)}" if len(run.classes) <= 4 else f"{len(run.classes)} classes"
    line = f"{run.config.get('model') or 'A network'}: {what}."
    return line if len(line) < 90 else f"{len(run.classes)} classes."


def _about(run: Run, stem: str, count: int) -> str:
    """What the program needs and where it is from, as a paragraph."""
    data = run.config.get("dataset") or {}
    told = f", from a run on {data['name']} ({data['train_size']:,} images)" if data else ""
    return textwrap.fill(
        f"says what images show. It needs NumPy, Pillow and {stem}.npz beside it: the {count:,} "
        f"numbers that training found. glassnet wrote it{told}, and it does not need glassnet.",
        98,
    )


def _imports(program: Program) -> str:
    windows = "from numpy.lib.stride_tricks import sliding_window_view\n"
    used = any("sliding_window_view" in text for text in functions(program.calls))
    return (windows if used else "") + (
        "from numpy.typing import NDArray\nfrom PIL import Image, ImageOps"
    )


def _classes(names: Sequence[str]) -> str:
    """The list of class names, on one line if it fits."""
    quoted = [_quoted(name) for name in names]
    line = f"CLASSES = [{', '.join(quoted)}]"
    if len(line) <= 100:
        return line
    lines, row = [], "   "
    for name in quoted:
        if len(row) + len(name) + 2 > 100 and row.strip():
            lines.append(row)
            row = "   "
        row += f" {name},"
    return "\n".join(["CLASSES = [", *lines, row, "]"])


def _quoted(name: str) -> str:
    """A string in Python, in double quotes where that needs no escapes."""
    return repr(name) if '"' in name or repr(name)[1:-1] != name else f'"{name}"'


def _numbers(values: Sequence[float]) -> str:
    """One number where all channels have the same."""
    if len(set(values)) == 1:
        return repr(values[0])
    return f"({', '.join(map(repr, values))})"


def _crop(preprocessing: Preprocessing) -> str:
    """The function that says which part of an image is looked at."""
    head = "def crop(width: int, height: int) -> tuple[float, float, float, float]:\n"
    if preprocessing.crop is None:
        return f'{head}    """All of the image: left, top, right, bottom."""\n' \
               f"    return 0.0, 0.0, float(width), float(height)"  # fmt: skip
    share = "" if preprocessing.crop == 1 else f" * {preprocessing.crop!r}"
    return (
        f'{head}    """The middle of the image, as large as it goes: left, top, right, bottom."""\n'
        f"    scale = min(width / WIDTH, height / HEIGHT){share}\n"
        f"    left, top = (width - scale * WIDTH) / 2, (height - scale * HEIGHT) / 2\n"
        f"    return max(left, 0), max(top, 0), min(width - left, width), min(height - top, height)"
    )
