"""What every augmentation is, and several in a row.

Legend: N samples, H W height width, C channels, K classes, D draws for a sample.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glassnet.data.augment.window import Window, whole
from glassnet.errors import DataError
from glassnet.random import uniforms

Pixels = NDArray[np.float32]  # (N, H, W, C) contiguous; where whole pixels move, of any type
Draws = NDArray[np.float64]  # (N, D) in [0, 1)
Labels = NDArray[Any]  # int64 (N,), or float32 (N, K)

_KINDS: dict[str, type["Augmentation"]] = {}
_APPLIED = {"apply", "change", "__call__"}  # each says how an augmentation is applied


@dataclass(frozen=True)
class Augmentation:
    """Base: a subclass says how many draws a sample takes and what `apply` does with them.

    soft: whether labels must come as probabilities, float32 (N, K).
    """

    soft: ClassVar[bool] = False

    @property
    def moves(self) -> bool:
        """Whether it does nothing but move whole pixels, and bring in zeros.

        Then it may as well move bytes, before they become numbers of four times their size.
        """
        return False

    def __init_subclass__(cls, abstract: bool = False) -> None:
        if not abstract:
            _KINDS[cls.__name__] = cls
        if vars(cls).keys() & _APPLIED and "window" not in vars(cls):
            cls.window = Augmentation.window  # type: ignore[method-assign]

    def window(
        self, height: int, width: int, seed: int, epoch: int, samples: NDArray[np.integer]
    ) -> Window | None:
        """All that it does, as windows through which images of this size are seen, or None.

        None for most, and for a subclass that says anew how it is applied: what it inherits need
        not describe it any more.
        """
        return None

    def draws(self, height: int, width: int) -> int:
        """How many uniform numbers a sample of this size takes."""
        raise NotImplementedError

    def drawn(
        self, height: int, width: int, seed: int, epoch: int, samples: NDArray[np.integer]
    ) -> Draws:
        """The numbers of these samples in this epoch, (N, D)."""
        return uniforms(seed, epoch, samples, self.draws(height, width))

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        """pixels (N, H, W, C), draws (N, D) -> changed pixels; the input is left as it is."""
        raise NotImplementedError

    def change(self, pixels: Pixels, labels: Labels, draws: Draws) -> tuple[Pixels, Labels]:
        """`apply`, for an augmentation that also changes labels."""
        return self.apply(pixels, draws), labels

    def __call__(
        self,
        images: NDArray[np.float32],
        labels: Labels,
        seed: int,
        epoch: int,
        samples: NDArray[np.integer],
    ) -> tuple[NDArray[np.float32], Labels]:
        """Augment a batch: images float32 (N, C, H, W) of range 0..1, samples (N,) their numbers.

        Returns (images, labels), images channels-last in memory. Raises DataError for data that
        are not images.
        """
        if images.ndim != 4:
            raise DataError(f"augmentation needs images (N, C, H, W), got {images.shape}")
        pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        draws = self.drawn(pixels.shape[1], pixels.shape[2], seed, epoch, samples)
        pixels, labels = self.change(pixels, labels, draws)
        return pixels.transpose(0, 3, 1, 2), labels

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the name and the settings; `from_dict` gives an equal object back."""
        return {"name": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, init=False)
class Compose(Augmentation):
    """Several augmentations, one after the other, each with draws of its own."""

    parts: tuple[Augmentation, ...]

    def __init__(self, parts: Any) -> None:
        flat: list[Augmentation] = []
        for part in parts:
            flat += part.parts if isinstance(part, Compose) else [part]
        object.__setattr__(self, "parts", tuple(flat))

    @property
    def soft(self) -> bool:  # type: ignore[override]
        return any(part.soft for part in self.parts)

    @property
    def moves(self) -> bool:
        return all(part.moves for part in self.parts)

    def __call__(
        self,
        images: NDArray[np.float32],
        labels: Labels,
        seed: int,
        epoch: int,
        samples: NDArray[np.integer],
    ) -> tuple[NDArray[np.float32], Labels]:
        for place, part in enumerate(self.parts):
            images, labels = part(images, labels, seed + (place << 32), epoch, samples)
        return images, labels

    def window(
        self, height: int, width: int, seed: int, epoch: int, samples: NDArray[np.integer]
    ) -> Window | None:
        seen: Window | None = whole(len(samples), height, width)
        for place, part in enumerate(self.parts):
            if seen is None:
                break
            size = seen.height, seen.width
            following = part.window(*size, seed + (place << 32), epoch, samples)
            seen = following and seen.then(following, height, width)
        return seen

    def to_dict(self) -> dict[str, Any]:
        return {"name": "Compose", "parts": [part.to_dict() for part in self.parts]}


def from_dict(data: Mapping[str, Any]) -> Augmentation:
    """Inverse of `to_dict`. Raises DataError for an unknown name or settings that do not fit."""
    settings = {key: value for key, value in data.items() if key != "name"}
    kind = _KINDS.get(data.get("name", ""))
    if kind is None:
        known = ", ".join(sorted(_KINDS))
        raise DataError(f"there is no augmentation '{data.get('name')}'; there are {known}")
    try:
        if kind is Compose:
            return Compose([from_dict(part) for part in settings["parts"]])
        return kind(**settings)
    except (TypeError, KeyError) as error:
        raise DataError(f"augmentation {dict(data)} does not fit: {error}") from error


def check(fine: bool, message: str) -> None:
    """Raise DataError with `message` unless the settings are fine."""
    if not fine:
        raise DataError(message)


def integers(draws: NDArray[np.float64], low: int, high: int) -> NDArray[np.intp]:
    """Uniform numbers in [0, 1) to integers low..high, both included, all equally likely."""
    return low + np.floor(draws * (high - low + 1)).astype(np.intp)


def between(draws: NDArray[np.float64], low: float, high: float) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1) to [low, high), float32."""
    return (low + draws * (high - low)).astype(np.float32)
