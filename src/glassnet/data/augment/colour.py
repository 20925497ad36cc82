"""How light falls on it: brightness, contrast, saturation."""

from dataclasses import dataclass

import numpy as np

from glassnet.data.augment.base import Augmentation, Draws, Pixels, between, check

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class ColorJitter(Augmentation):
    """Change brightness, contrast and saturation, in this order [Howard 2013, section 2].

    For a setting s a factor f is drawn from [max(0, 1 - s), 1 + s). Brightness: f * x. Contrast:
    m + f (x - m), m the mean grey of the image. Saturation: g + f (x - g), g the grey (luma) of
    the pixel; grey images stay. After each step values are cut to 0..1.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        fine = min(self.brightness, self.contrast, self.saturation) >= 0
        check(fine, "ColorJitter: brightness, contrast and saturation must be 0 or more")

    def draws(self, height: int, width: int) -> int:
        return 3

    def apply(self, pixels: Pixels, draws: Draws) -> Pixels:
        zero = np.float32(0)
        pixels = _away_from(zero, pixels, self.brightness, draws[:, 0])
        if self.contrast:
            mean = grey(pixels).mean(axis=(1, 2, 3), keepdims=True)
            pixels = _away_from(mean, pixels, self.contrast, draws[:, 1])
        if self.saturation and pixels.shape[3] == 3:
            pixels = _away_from(grey(pixels), pixels, self.saturation, draws[:, 2])
        return pixels


def grey(pixels: Pixels) -> Pixels:
    """(N, H, W, C) -> (N, H, W, 1): the luma of RGB, else the mean of the channels."""
    if pixels.shape[3] == 3:
        return (pixels @ LUMA)[..., None]
    return pixels.mean(axis=3, keepdims=True)


def _away_from(base: Pixels | np.float32, pixels: Pixels, setting: float, draws: Draws) -> Pixels:
    """base + f (pixels - base) within 0..1, f drawn about 1."""
    factor = between(draws, max(0.0, 1 - setting), 1 + setting)[:, None, None, None]
    changed = (pixels - base) * factor
    changed += base
    return np.clip(changed, 0, 1, out=changed)
