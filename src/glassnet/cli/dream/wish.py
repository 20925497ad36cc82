"""What a call of `glassnet dream` asks of a machine."""

from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Wish:
    """The options of a dream, as they stand at the command line.

    label      a class or "all"; complete  an image's file, of which the half `known` is held
    associate  two classes, from one to the other
    """

    label: str | None
    complete: str | None
    known: str
    associate: tuple[int, int] | None
    steps: int
    chains: int
    temperature: float
    strength: float
    seed: int

    def __post_init__(self) -> None:
        if self.associate is None:
            return
        if self.label is not None or self.complete is not None:
            raise click.UsageError("--associate goes without --label and --complete")
        if self.steps < 2:
            raise click.UsageError("--associate takes at least 2 --steps")
