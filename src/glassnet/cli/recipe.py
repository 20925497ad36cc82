"""Options of `glassnet train` as text, and what they mean: augmentations, optimisers, sizes."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from glassnet.data import Augmentation
    from glassnet.nn import Module
    from glassnet.optim import Optimizer

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "lion", "muon")
SCHEDULES = ("one-cycle", "cosine", "step", "constant")
AUGMENTATIONS = (
    "flip", "shift", "crop", "rotate", "scale", "affine", "colorjitter", "cutout", "mixup",
    "elastic",
)  # fmt: skip


class Size(click.ParamType[tuple[int, int]]):
    """ "64" or "48x64": (height, width) in pixels."""

    name = "PIXELS|HxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """(H, W); fails with the usage for anything else."""
        if isinstance(value, tuple):
            return value
        sides = value.split("x") if "x" in value else [value, value]
        if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
            self.fail(f"'{value}' is no size; give pixels, such as 64, or height x width, 48x64")
        return int(sides[0]), int(sides[1])


def optimizer(name: str, net: "Module", lr: float, weight_decay: float | None) -> "Optimizer":
    """The optimiser `name`; SGD has Nesterov momentum 0.9, Muon leaves vectors to AdamW."""
    from glassnet import optim

    options: dict[str, Any] = {"lr": lr}
    if weight_decay is not None:
        options["weight_decay"] = weight_decay
    if name == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    classes = {known.lower(): getattr(optim, known) for known in optim.__all__}
    classes["muon"] = optim.MuonAdamW
    made: Optimizer = classes[name](net.parameters(), **options)
    return made


def augmentation(text: str) -> "Augmentation | None":
    """ "flip,shift=2,crop=32:4" -> Compose([Flip(), Shift(2), Crop(32, 4)]); "" -> None.

    A part is the name of a class of `glassnet.data`, then its settings in their order, parted by
    colons. Raises click.BadParameter for an unknown name and settings that do not fit.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return _compose([_part(part) for part in parts]) if parts and text != "none" else None


def _compose(parts: "list[Augmentation]") -> "Augmentation":
    from glassnet.data import Compose

    return parts[0] if len(parts) == 1 else Compose(parts)


def _part(text: str) -> "Augmentation":
    from glassnet import data

    name, _, settings = text.partition("=")
    if name.lower() not in AUGMENTATIONS:
        known = ", ".join(AUGMENTATIONS)
        raise click.BadParameter(f"there is no augmentation '{name}'; there are {known}")
    kinds = {kind.lower(): getattr(data, kind) for kind in data.__all__}
    try:
        values = [_number(value) for value in settings.split(":") if value]
        made: Augmentation = kinds[name.lower()](*values)
    except (TypeError, ValueError) as error:
        raise click.BadParameter(f"'{text}': {error}; write it as shift=2 or crop=32:4") from error
    return made


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
