"""Two images at once: mixup."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from glassnet.data.augment.base import Augmentation, Draws, Labels, Pixels, check


@dataclass(frozen=True)
class Mixup(Augmentation):
    """x = l x_i + (1 - l) x_j, and labels alike; l ~ Beta(alpha, alpha) [Zhang et al. 2018, (1)].

    j runs through a random permutation of the batch. Labels come and go as probabilities, float32
    (N, K).
    """

    alpha: float = 0.2

    soft: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(self.alpha > 0, f"Mixup: alpha must be positive, got {self.alpha}")

    def draws(self, height: int, width: int) -> int:
        return 3

    def change(self, pixels: Pixels, labels: Labels, draws: Draws) -> tuple[Pixels, Labels]:
        weight = symmetric_beta(self.alpha, draws[:, 0], draws[:, 1]).astype(np.float32)
        partner = np.argsort(draws[:, 2])
        return _mix(pixels, partner, weight), _mix(labels, partner, weight)


def symmetric_beta(
    alpha: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Two uniform numbers in [0, 1) each to a draw from Beta(alpha, alpha), for any alpha > 0.

    T = sqrt(nu (U^(-2/nu) - 1)) cos(2 pi V) has Student's t distribution with nu = 2 alpha degrees
    of freedom [Bailey 1994], and (1 + T / sqrt(nu + T^2)) / 2 has Beta(nu/2, nu/2).
    """
    with np.errstate(over="ignore", divide="ignore"):
        cosine = np.cos(2 * np.pi * second)
        ratio = np.expm1(-np.log1p(-first) / alpha) * cosine**2  # T^2 / nu, U = 1 - first
        return 0.5 + 0.5 * np.sign(cosine) / np.sqrt(1 + 1 / ratio)


def _mix(
    values: Labels, partner: NDArray[np.intp], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    weight = weight.reshape(-1, *[1] * (values.ndim - 1))
    return weight * values + (1 - weight) * values[partner]
