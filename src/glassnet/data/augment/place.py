"""Where the image is cut: flip, shift, crop, cutout. Whole pixels, nothing is interpolated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassnet.data.augment.base import Augmentation, Draws, Labels, Pixels, check, integers
from glassnet.kernels import memory
from glassnet.random import uniforms


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror left and right with this probability [Krizhevsky et al. 2012, section 4.1]."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        check(0 <= self.probability <= 1, f"Flip: probability {self.probability} not in 0..1")

    @property
    def moves(self) -> bool:
        return True

    def draws(self, height: int, width: int) -> int:
        return 1

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        return _mirror(pixels, draws[:, 0] < self.probability)


@dataclass(frozen=True)
class AlternateFlip(Augmentation):
    """Mirror left and right in every second epoch: half of the images in the even ones.

    Each image is so seen both ways in any two epochs, where a coin for each would show a quarter of
    them twice the same way [Jordan 2024, "94% on CIFAR-10 in 3.29 seconds", section 3.6].
    """

    @property
    def moves(self) -> bool:
        return True

    def __call__(
        self,
        images: NDArray[np.float32],
        labels: Labels,
        seed: int,
        epoch: int,
        samples: NDArray[np.integer],
    ) -> tuple[NDArray[np.float32], Labels]:
        turned = uniforms(seed, 0, samples, 1)[:, 0] < 0.5  # in the first epoch
        pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        return _mirror(pixels, turned ^ bool(epoch % 2)).transpose(0, 3, 1, 2), labels


@dataclass(frozen=True)
class Shift(Augmentation):
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

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        corners = integers(draws, 0, 2 * self.pixels)  # (N, 2): top, left
        if self.reflect:
            margin = (self.pixels, self.pixels)
            padded = np.pad(pixels, ((0, 0), margin, margin, (0, 0)), "reflect")
        else:
            padded = _pad(pixels, self.pixels, self.fill)
        return _windows(padded, corners, pixels.shape[1], pixels.shape[2])


@dataclass(frozen=True)
class Crop(Augmentation):
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

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        padded = _pad(pixels, self.padding, self.fill)
        height, width = padded.shape[1:3]
        check(
            min(height, width) >= self.size,
            f"Crop: cannot cut {self.size} x {self.size} out of {height} x {width} pixels "
            "(padding included); use a smaller size or more padding",
        )
        top = integers(draws[:, 0], 0, height - self.size)
        left = integers(draws[:, 1], 0, width - self.size)
        return _windows(padded, np.stack([top, left], axis=1), self.size, self.size)


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


def _mirror(pixels: Pixels, chosen: NDArray[np.bool_]) -> Pixels:
    """The chosen images (N) mirrored left and right; a pixel's channels move as one piece."""
    mirrored = memory.empty(pixels.shape, pixels.dtype)
    if pixels.size:
        size = pixels.shape[3] * pixels.itemsize
        pieces = {1: "u1", 2: "u2", 4: "u4", 8: "u8", 16: "c16"}
        piece = np.dtype(pieces.get(size, f"V{size}"))
        given, made = pixels.view(piece), mirrored.view(piece)
        for i, turned in enumerate(chosen.tolist()):
            made[i] = given[i, :, ::-1] if turned else given[i]
    return mirrored


def _pad(pixels: Pixels, margin: int, fill: float) -> Pixels:
    """A border of `margin` pixels of value `fill` on all four sides."""
    n, height, width, channels = pixels.shape
    shape = (n, height + 2 * margin, width + 2 * margin, channels)
    padded = memory.empty(shape, pixels.dtype)
    padded.fill(fill)
    padded[:, margin : margin + height, margin : margin + width] = pixels
    return padded


def _windows(pixels: Pixels, corners: NDArray[np.intp], height: int, width: int) -> Pixels:
    """One window of every image, its top left corner at corners (N, 2)."""
    cut = memory.empty((len(pixels), height, width, pixels.shape[3]), pixels.dtype)
    for i, (top, left) in enumerate(corners.tolist()):
        cut[i] = pixels[i, top : top + height, left : left + width]
    return cut
