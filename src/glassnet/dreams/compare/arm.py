"""What is compared: an arm is one way to learn from many images and few labels.

A new arm is a subclass of `Arm` with a `name`: a short file in `arms/`, which `arms/__init__.py`
imports. Arms never see the time but through the clocks that they are handed, and they ask these in
every loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glassnet import data
from glassnet.dreams.compare.clock import Clock
from glassnet.errors import GlassnetError

Images = NDArray[np.uint8]  # (N, 1, 28, 28)
Labels = NDArray[np.int64]  # (N,)
Setting = dict[str, Any]  # JSON-able

BASELINE = "scratch"  # what all others are measured by

ARMS: dict[str, type[Arm]] = {}


class Arm(ABC):
    """One way to learn; an object for each seed, used for all numbers of labels.

    name      on the command line and in results; title for people; about says what it is
    settings  that tuning tries: as many for each arm, the default first

    `prepare` is called once. `train` is called many times and begins each time where `prepare`
    ended: what one call learned from labels must not reach the next.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "name"):
            ARMS[cls.name] = cls

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @classmethod
    def check(cls) -> None:
        """Raise DataError where data that the arm needs are not to be had."""
        data.mnist()

    @abstractmethod
    def prepare(self, unlabelled: Images, clock: Clock) -> None:
        """Learn what can be learned without their labels, until the clock is over."""

    @abstractmethod
    def train(self, x: Images, y: Labels, setting: Setting, clock: Clock) -> None:
        """Learn to tell the classes from labelled images, until the clock is over."""

    @abstractmethod
    def predict(self, x: Images) -> Labels:
        """The classes of images, by what the last `train` learned."""


def arm(name: str) -> type[Arm]:
    """The arm of that name. Raises GlassnetError where there is none."""
    from glassnet.dreams.compare import arms  # noqa: F401  (enters them into the table)

    if name not in ARMS:
        raise GlassnetError(f"there is no arm '{name}'; there are {', '.join(ARMS)}")
    return ARMS[name]
