"""Images that stand twice: the same file, and the same picture in another file.

A picture's look is a perceptual hash of 64 bits: the picture in grey, shrunk to 32 x 32, its
cosine transform, and for each of the 8 x 8 lowest frequencies whether it lies over their median
[Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"]. Compressing,
resizing and slight changes of brightness turn few of the bits.

N images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassnet.data.images import from_array

Looks = NDArray[np.uint64]

LOOK = "look"  # the name under which a store keeps it
SIDE, LOW = 32, 8


class Pair(NamedTuple):
    """Two images, by their rows; `bits` of the look differ, `exact` where not one byte does."""

    first: int
    second: int
    bits: int
    exact: bool


def look_of(pixels: NDArray[np.uint8]) -> Looks:
    """uint8 (N, C, H, W) -> the 64 bits of each, uint64 (N,)."""
    from scipy.fft import dctn

    found = np.empty(len(pixels), np.uint64)
    for i, image in enumerate(pixels):
        low = dctn(_small(image))[:LOW, :LOW].ravel()
        bits = low > np.median(low[1:])  # the first is the mean brightness
        found[i] = np.packbits(bits).view(np.uint64)[0]
    return found


def _small(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(C, H, W) -> grey (32, 32), averaged over what each pixel covers."""
    from PIL import Image

    grey = from_array(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(grey, np.float64)


def across(
    first: Looks, second: Looks, digests: tuple[Sequence[bytes], Sequence[bytes]], most: int
) -> list[Pair]:
    """Pairs of an image on one side and one on the other that are the same or look the same.

    first (N,), second (M,), their digests, and the number of bits that may differ.
    """
    found = []
    for i, own in enumerate(first):
        bits = np.bitwise_count(second ^ own)  # (M,)
        for j in np.flatnonzero(bits <= most).tolist():
            found.append(Pair(i, j, int(bits[j]), digests[0][i] == digests[1][j]))
    return found
