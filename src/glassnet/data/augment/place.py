"""Where the image is cut: flip, shift, crop, cutout. Whole pixels, nothing is interpolated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassnet.data.augment.base import Augmentation, Draws, Pixels, check, integers
from glassnet.data.augment.window import Window, look, whole
from glassnet.random import uniforms


class Move(Augmentation, abstract=True):
    """Base of those that show each image through a window: a subclass says through which.

    Several in a row are one window as long as they are not applied in a way of their own.
    """

    def place(self, height: int, width: int, draws: Draws) -> Window:
        """The windows on images of this size, draws (N, D)."""
        raise NotImplementedError

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        return look(pixels, self.place(pixels.shape[1], pixels.shape[2], draws))

    def window(
        self, height: int, width: int, seed: int, epoch: int, samples: NDArray[np.integer]
    ) -> Window | None:
        return self.place(height, width, self.drawn(height, width, seed, epoch, samples))


@dataclass(frozen=True)
class Flip(Move):
    """Mirror left and right with this probability [Krizhevsky et al. 2012, section 4.1]."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        check(0 <= self.probability <= 1, f"Flip: probability {self.probability} not in 0..1")

    @property
    def moves(self) -> bool:
        return True

    def draws(self, height: int, width: int) -> int:
        return 1

    def place(self, height: int, width: int, draws: Draws) -> Window:
        return whole(len(draws), height, width)._replace(mirrored=draws[:, 0] < self.probability)


@dataclass(frozen=True)
class AlternateFlip(Move):
    """Mirror left and right in every second epoch: half of the images in the even ones.

    Each image is so seen both ways in any two epochs, where a coin for each would show a quarter of
    them twice the same way [Jordan 2024, "94% on CIFAR-10 in 3.29 seconds", section 3.6].
    """

    @property
    def moves(self) -> bool:
        return True

    def draws(self, height: int, width: int) -> int:
        return 1

    def drawn(
        self, height: int, width: int, seed: int, epoch: int, samples: NDArray[np.integer]
    ) -> Draws:
        """(N, 1): 0 for an image that is mirrored in this epoch, 1 for another."""
        first = uniforms(seed, 0, samples, 1) < 0.5  # in the first epoch
        return (first == bool(epoch % 2)).astype(np.float64)

    def place(self, height: int, width: int, draws: Draws) -> Window:
        return whole(len(draws), height, width)._replace(mirrored=draws[:, 0] == 0)


@dataclass(frozen=True)
class Shift(Move):
    """Move by up to `pixels` in each direction; what comes in has the value `fill` (0..1).

    With `reflect` it is the image, mirrored at its edge. A planar translation of LeCun et al. 1998,
    section III.C ("distorted MNIST").
    """

    pixels: int
    fill: float = 0.0
    reflect: bool = False

    def __post_init__(self) -> None:
        check(self.pixels >= 0, f"Shift: pixels must be 0 or more, got {self.pixels}")

    @property
    def moves(self) -> bool:
        return self.reflect or self.fill == 0

    def draws(self, height: int, width: int) -> int:
        return 2

    def place(self, height: int, width: int, draws: Draws) -> Window:
        down, right = integers(draws, -self.pixels, self.pixels).T
        straight = np.zeros(len(draws), np.bool_)
        return Window(down, right, straight, height, width, self.fill, self.reflect)


@dataclass(frozen=True)
class Crop(Move):
    """Pad by `padding` pixels of value `fill`, then cut out `size` x `size` at a random place.

    Crop(32, padding=4) is the CIFAR augmentation of He et al. 2016, section 4.2. Raises DataError
    for an image that is smaller than the crop even with its padding.
    """

    size: int
    padding: int = 0
    fill: float = 0.0

    def __post_init__(self) -> None:
        fine = self.size >= 1 and self.padding >= 0
        check(fine, f"Crop: size {self.size} or padding {self.padding} is too small")

    @property
    def moves(self) -> bool:
        return self.fill == 0

    def draws(self, height: int, width: int) -> int:
        return 2

    def place(self, height: int, width: int, draws: Draws) -> Window:
        high, wide = height + 2 * self.padding, width + 2 * self.padding
        check(
            min(high, wide) >= self.size,
            f"Crop: cannot cut {self.size} x {self.size} out of {high} x {wide} pixels "
            "(padding included); use a smaller size or more padding",
        )
        top = integers(draws[:, 0], -self.padding, high - self.size - self.padding)
        left = integers(draws[:, 1], -self.padding, wide - self.size - self.padding)
        return Window(top, left, np.zeros(len(draws), np.bool_), self.size, self.size, self.fill)


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Set a square of side `size` at a random place to `fill`; it may reach over the border.

    Its centre is drawn among all pixels [DeVries, Taylor 2017, section 3.2].
    """

    size: int
    fill: float = 0.0

    def __post_init__(self) -> None:
        check(self.size >= 1, f"Cutout: size must be at least 1, got {self.size}")

    def draws(self, height: int, width: int) -> int:
        return 2

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        _, height, width, _ = pixels.shape
        rows = self._inside(integers(draws[:, 0], 0, height - 1), height)  # (N, H)
        columns = self._inside(integers(draws[:, 1], 0, width - 1), width)  # (N, W)
        cut = pixels.copy()
        cut[rows[:, :, None] & columns[:, None, :]] = self.fill
        return cut

    def _inside(self, centre: NDArray[np.intp], length: int) -> NDArray[np.bool_]:
        first = centre[:, None] - self.size // 2
        position = np.arange(length)
        return (position >= first) & (position < first + self.size)
