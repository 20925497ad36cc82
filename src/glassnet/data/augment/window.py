"""Images seen through windows: what flips, shifts and crops are, one by one or all in one.

Legend: N samples, H W height width of the images, h w of the windows, C channels.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from glassnet.kernels import memory

Array = NDArray[Any]


class Window(NamedTuple):
    """One window of h x w pixels for each image, which may reach over the image's border.

    top, left  (N,) row and column of the image at the window's corner; negative before the first
    mirrored   (N,) whether left and right are exchanged in what is seen
    height, width  h, w
    fill       what lies beyond the border, in the image's units
    reflect    in its place the image itself, mirrored at its edge
    """

    top: NDArray[np.intp]
    left: NDArray[np.intp]
    mirrored: NDArray[np.bool_]
    height: int
    width: int
    fill: float = 0.0
    reflect: bool = False

    def of(self, samples: slice) -> "Window":
        """The windows of some of the images."""
        return self._replace(
            top=self.top[samples], left=self.left[samples], mirrored=self.mirrored[samples]
        )

    def margins(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """How far they reach over images of this size: ((above, below), (left, right))."""
        return _over(self.top, self.height, height), _over(self.left, self.width, width)

    def then(self, other: "Window", height: int, width: int) -> "Window | None":
        """One window that shows what `other` shows of what is seen through this one.

        None where there is none: `other` reaches over the border of windows that are not the whole
        images, of this height and width, so that pixels would come back that had gone.
        """
        if other.margins(self.height, self.width) == NOWHERE:
            beyond = self
        elif self._is_whole(height, width):
            beyond = other
        else:
            return None
        turned = self.width - other.width - other.left
        return Window(
            self.top + other.top,
            self.left + np.where(self.mirrored, turned, other.left),
            self.mirrored ^ other.mirrored,
            other.height,
            other.width,
            beyond.fill,
            beyond.reflect,
        )

    def _is_whole(self, height: int, width: int) -> bool:
        moved = self.top.any() or self.left.any()
        return (self.height, self.width) == (height, width) and not moved


NOWHERE = ((0, 0), (0, 0))


def whole(count: int, height: int, width: int) -> Window:
    """Windows through which `count` images of this size are seen as they are."""
    nothing = np.zeros(count, np.intp)
    return Window(nothing, nothing, np.zeros(count, np.bool_), height, width)


def look(pixels: Array, window: Window) -> Array:
    """y[n, i, j] = x[n, top[n] + i, left[n] + j], j counted from the right where mirrored[n].

    x (N, H, W, C) of any type -> y (N, h, w, C) contiguous, a copy
    """
    margins = window.margins(*pixels.shape[1:3])
    (above, _), (before, _) = margins
    pieces = _pieces(_padded(pixels, margins, window))
    places = sliding_window_view(pieces, (window.height, window.width), axis=(1, 2))
    seen = places[np.arange(len(pixels)), window.top + above, window.left + before]
    seen[window.mirrored] = seen[window.mirrored, :, ::-1]
    return seen.view(pixels.dtype).reshape(*seen.shape, pixels.shape[3])


def _over(first: NDArray[np.intp], size: int, length: int) -> tuple[int, int]:
    """How far places from `first` on reach over a line of this length, before it and behind it."""
    low, high = (int(first.min()), int(first.max())) if len(first) else (0, 0)
    return max(0, -low), max(0, high + size - length)


def _padded(
    pixels: Array, margins: tuple[tuple[int, int], tuple[int, int]], window: Window
) -> Array:
    """The images with what lies beyond their border."""
    if margins == NOWHERE:
        return np.ascontiguousarray(pixels)
    if window.reflect:
        return np.pad(pixels, ((0, 0), *margins, (0, 0)), "reflect")
    n, height, width, channels = pixels.shape
    (above, below), (before, behind) = margins
    shape = (n, above + height + below, before + width + behind, channels)
    padded = memory.empty(shape, pixels.dtype)
    padded.fill(window.fill)
    padded[:, above : above + height, before : before + width] = pixels
    return padded


def _pieces(pixels: Array) -> Array:
    """(N, H, W, C) as (N, H, W): a pixel's channels move as one piece."""
    size = pixels.shape[3] * pixels.itemsize
    kinds = {1: "u1", 2: "u2", 4: "u4", 8: "u8", 16: "c16"}
    kind = np.dtype(kinds.get(size, f"V{size}"))
    return np.ndarray(pixels.shape[:3], kind, pixels)
