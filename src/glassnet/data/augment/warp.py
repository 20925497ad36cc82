"""Where each pixel comes from: rotation, scale, elastic distortion, by bilinear sampling.

Every output pixel looks up a place in the source image and blends the four pixels around it
once, however many movements are combined; beyond the border lies the value `fill`.
"""

from dataclasses import dataclass
from math import radians
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.data.augment.base import Augmentation, Draws, Pixels, between, check

Places = NDArray[np.floating[Any]]  # (N, H, W) coordinates in pixels, 0 the centre of the first


@dataclass(frozen=True)
class Affine(Augmentation):
    """Rotate by up to `degrees` either way and scale by `low`..`high`, about the centre, at once.

    An affine distortion of LeCun et al. 1998, section III.C. Factors above 1 magnify.
    """

    degrees: float = 0.0
    low: float = 1.0
    high: float = 1.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        check(
            self.degrees >= 0 and 0 < self.low <= self.high,
            f"degrees must be 0 or more and 0 < low <= high, got {self.degrees}, {self.low}, "
            f"{self.high}",
        )

    def draws(self, height: int, width: int) -> int:
        return 2

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        limit = radians(self.degrees)
        angle = between(draws[:, 0], -limit, limit)
        factor = between(draws[:, 1], self.low, self.high)
        _, height, width, _ = pixels.shape
        y, x = _centred(height)[:, None], _centred(width)[None, :]
        cos = (np.cos(angle) / factor)[:, None, None]
        sin = (np.sin(angle) / factor)[:, None, None]
        source_y = cos * y + sin * x + np.float32((height - 1) / 2)
        source_x = cos * x - sin * y + np.float32((width - 1) / 2)
        return sample(pixels, source_y, source_x, self.fill)


@dataclass(frozen=True)
class Rotate(Augmentation):
    """Rotate by up to `degrees` either way; `Affine` rotates and scales at once."""

    degrees: float = 15.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        check(self.degrees >= 0, f"Rotate: degrees must be 0 or more, got {self.degrees}")

    def draws(self, height: int, width: int) -> int:
        return 2

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        return Affine(self.degrees, fill=self.fill).apply(pixels, draws)


@dataclass(frozen=True)
class Scale(Augmentation):
    """Scale by a factor from `low` to `high`; `Affine` rotates and scales at once."""

    low: float = 0.9
    high: float = 1.1
    fill: float = 0.0

    def __post_init__(self) -> None:
        check(0 < self.low <= self.high, f"Scale: 0 < low <= high, got {self.low}, {self.high}")

    def draws(self, height: int, width: int) -> int:
        return 2

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        return Affine(0.0, self.low, self.high, self.fill).apply(pixels, draws)


@dataclass(frozen=True)
class Elastic(Augmentation):
    """Elastic distortion of handwriting [Simard, Steinkraus, Platt 2003, section 2].

    Each pixel gets a displacement drawn from -1..1 in both directions; the two fields are smoothed
    by a Gaussian of standard deviation `sigma` pixels (their mean beyond the border is 0) and
    multiplied by `alpha` pixels. The paper's best for 29 x 29 digits: sigma 4, alpha 34, which
    moves a pixel by about 1.4.
    """

    alpha: float = 34.0
    sigma: float = 4.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        check(self.sigma > 0, f"Elastic: sigma must be positive, got {self.sigma}")

    def draws(self, height: int, width: int) -> int:
        return 2 * height * width

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        n, height, width, _ = pixels.shape
        noise = between(draws, -1, 1).reshape(n, 2, height, width)
        field = _gaussian(height, self.sigma) @ noise @ _gaussian(width, self.sigma)
        field *= np.float32(self.alpha)
        y = field[:, 0] + np.arange(height, dtype=np.float32)[:, None]
        x = field[:, 1] + np.arange(width, dtype=np.float32)
        return sample(pixels, y, x, self.fill)


def sample(pixels: Pixels, y: Places, x: Places, fill: float) -> Pixels:
    """pixels (N, H, W, C) at places y, x (N, H', W') -> (N, H', W', C), bilinear.

    out = (1-v)(1-u) p[i,j] + (1-v) u p[i,j+1] + v (1-u) p[i+1,j] + v u p[i+1,j+1],
    i + v = y, j + u = x. A border of one pixel `fill` stands for everything outside.
    """
    n, height, width, channels = pixels.shape
    bordered = np.full((n, height + 2, width + 2, channels), fill, np.float32)
    bordered[:, 1:-1, 1:-1] = pixels
    top, v = _cell(y, height)
    left, u = _cell(x, width)
    line = width + 2
    first = (np.arange(n)[:, None, None] * (height + 2) + top) * line + left  # (N, H', W')
    flat = bordered.reshape(-1, channels)
    v, u = v[..., None], u[..., None]
    upper = _blend(_take(flat, first), _take(flat, first + 1), u)
    lower = _blend(_take(flat, first + line), _take(flat, first + line + 1), u)
    return _blend(upper, lower, v)


def _take(flat: Pixels, index: NDArray[np.intp]) -> Pixels:
    """Rows of flat (M, C); the mode spares NumPy a second pass that looks for wrong indices."""
    return np.take(flat, index, axis=0, mode="clip")


def _cell(place: Places, length: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The pixel before a place, counted with the border, and how far beyond it the place is."""
    shifted = np.clip(place + 1, 0, np.nextafter(np.float32(length + 1), np.float32(0)))
    before = shifted.astype(np.intp)
    return before, shifted - before.astype(np.float32)


def _blend(a: Pixels, b: Pixels, weight: NDArray[np.float32]) -> Pixels:
    """a + (b - a) * weight, overwriting b."""
    b -= a
    b *= weight
    b += a
    return b


def _centred(length: int) -> NDArray[np.float32]:
    return np.arange(length, dtype=np.float32) - np.float32((length - 1) / 2)


def _gaussian(length: int, sigma: float) -> NDArray[np.float32]:
    """The matrix (length, length) of convolution with a Gaussian whose weights sum to 1."""
    reach = np.arange(-4 * int(np.ceil(sigma)), 4 * int(np.ceil(sigma)) + 1)
    total = np.exp(-0.5 * (reach / sigma) ** 2).sum()
    distance = np.subtract.outer(np.arange(length), np.arange(length))
    return (np.exp(-0.5 * (distance / sigma) ** 2) / total).astype(np.float32)
