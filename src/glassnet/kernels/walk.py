"""Where a convolution looks: offsets in memory, worked out once for each shape.

    H W height width of the source, C its channels; step, shift: see below
    a place is a pixel of the result; a tap is one number that a place looks at

All three sums of a convolution walk over a source image in the same way: place (i, j) of the result
looks, for tap (a, b), at pixel (i step + shift_a, j step + shift_b) of the source. Forward the step
is the stride and the shift a dilation - padding. Backward to the image the source is dy and the
pixels (h, w) of dx fall into stride x stride phases, each seeing a few taps of the filter, with
step 1. A walk is one such phase for a chunk of the batch: a band of rows of one image, or several
small images. Where places look beyond the source, the chunk is copied into the middle of zeros
first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
Offsets = NDArray[np.int64]


class Axis(NamedTuple):
    """One phase along one axis: result index `start + i every`, i < places, and what it sees."""

    start: int
    every: int
    places: int
    step: int
    taps: tuple[Pair, ...]  # (index in the filter, shift)

    @property
    def low(self) -> int:
        """The smallest shift."""
        return min(shift for _, shift in self.taps)

    def reach(self, count: int) -> int:
        """How many entries of the source `count` places in a row see, first to last."""
        return (count - 1) * self.step + max(shift for _, shift in self.taps) - self.low + 1

    def inside(self, size: int) -> bool:
        """Whether no place looks beyond a source of this size."""
        return self.low >= 0 and self.low + self.reach(self.places) <= size


def forward_axis(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> Axis:
    """The way of y over x along one axis."""
    count = (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1
    taps = tuple((a, a * dilation - padding[0]) for a in range(kernel))
    return Axis(0, 1, count, stride, taps)


def backward_axes(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> list[Axis]:
    """The ways of dx over dy along one axis, a phase for each remainder by the stride.

    h = e + i stride was seen by y at (h + padding - a dilation) / stride, where that is whole.
    """
    axes = []
    for e in range(min(stride, size)):
        whole = [(a, e + padding[0] - a * dilation) for a in range(kernel)]
        taps = tuple((a, n // stride) for a, n in whole if n % stride == 0)
        axes.append(Axis(e, stride, -(-(size - e) // stride), 1, taps))
    return axes


class Walk(NamedTuple):
    """A walk over chunks of a batch: the numbers that a kernel needs, and its tables of offsets."""

    rows: Axis
    cols: Axis
    images: int  # in a chunk
    band: int  # rows of the result in a chunk
    source: tuple[int, int, int]  # H W C
    result: tuple[int, int, int]  # the same of the result
    copied: bool

    @property
    def bands(self) -> int:
        """Chunks that one image is cut into."""
        return -(-self.rows.places // self.band)

    @property
    def area(self) -> tuple[int, int]:
        """Height and width of what a chunk sees of one image, as it lies in memory."""
        if not self.copied:
            return self.source[:2]
        return self.rows.reach(self.band), self.cols.reach(self.cols.places)

    @property
    def room(self) -> int:
        """Floats of a copied chunk."""
        return self.images * self.area[0] * self.area[1] * self.source[2] if self.copied else 0

    def chunks(self, batch: int) -> int:
        """The chunks of a batch."""
        return -(-batch // self.images) * self.bands

    def places(self) -> Offsets:
        """(places, 2): where each place of a chunk begins in the source and in the result."""
        (high, wide), channels = self.area, self.source[2]
        height, width, outputs = self.result
        n, i, j = np.ix_(*map(np.arange, (self.images, self.band, self.cols.places)))
        seen = ((n * high + i * self.rows.step) * wide + j * self.cols.step) * channels
        made = ((n * height + i * self.rows.every) * width + j * self.cols.every) * outputs
        return np.stack([seen.ravel(), made.ravel()]).astype(np.int64)

    def taps(self, channels: int) -> Offsets:
        """What each tap of the first `channels` channels is away from its place."""
        wide, every = self.area[1], self.source[2]
        down = np.array([shift - self.rows.low for _, shift in self.rows.taps])[:, None, None]
        right = np.array([shift - self.cols.low for _, shift in self.cols.taps])[:, None]
        offsets = (down * wide + right) * every + np.arange(channels)
        return offsets.ravel().astype(np.int64)

    def numbers(self, batch: int) -> Offsets:
        """The walk as kernels read it: the numbers named below, in their order."""
        height, width, outputs = self.result
        start = (self.rows.start * width + self.cols.start) * outputs
        return np.array(
            [
                batch, self.images, self.bands, self.band, self.rows.places, self.cols.places,
                self.rows.step, self.rows.low, self.cols.low, *self.source, *self.area,
                height * width * outputs, width * outputs * self.rows.every, start,
            ],
            np.int64,
        )  # fmt: skip


# Of `Walk.numbers`. IMAGES, BANDS, BAND: see Walk; ROWS, COLS: places of an image; STEP of the
# rows; LOW, LEFT: smallest shifts; HIGH, WIDE: of the area; then floats of a whole image of the
# result, between its rows, and before its first place.
(
    BATCH, IMAGES, BANDS, BAND, ROWS, COLS, STEP, LOW, LEFT, HEIGHT, WIDTH, CHANNELS, HIGH, WIDE,
    IMAGE, ROW, START,
) = range(17)  # fmt: skip
