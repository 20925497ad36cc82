"""Features without a gradient: patches of images, whitened and clustered.

    n patches, S side of a patch, C channels, D = S S C, K centroids, N images, P places in an image

    1. cut patches, bring each to mean 0 and deviation 1 (contrast normalisation)
    2. whiten them (ZCA): no two pixels of a patch are correlated any more, and it is still a patch
    3. cluster them by k-means
    4. a place of an image gets f_k = max(0, mean(z) - z_k), z_k its patch's distance to centroid k:
       0 for the half of the centroids that are farther away than the average ("triangle")
    5. add up f in each quadrant of the image: 4 K features

[Coates, Lee, Ng 2011, "An analysis of single-layer networks in unsupervised feature learning"; its
constants. What is ours: patches of a single tone, half of all in a picture of a digit, are not
clustered.]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from glassnet import random
from glassnet.errors import DataError, GlassnetError, ShapeError

Array = NDArray[np.float32]

CONTRAST = 10 / 255**2  # added to a patch's variance; the paper's 10, for pixels of 0..255
WHITENING = 0.1  # added to the variance along each principal axis
AT_ONCE = 16  # images whose features are computed together: what they touch stays in the cache
_PLACES, _CENTROIDS = 0xC1, 0xC2


class PatchFeatures:
    """Features of images (N, C, H, W), (N, H, W), uint8 or 0..1, learned without labels.

    centroids K; size S; stride between places; seed

    mean, whitening  (D,), (D, D): a normalised patch x becomes (x - mean) @ whitening
    centres          (K, D), of whitened patches
    `fit` and `transform` are those of scikit-learn's estimators.
    """

    mean: Array
    whitening: Array
    centres: Array

    def __init__(self, centroids: int = 400, size: int = 6, stride: int = 1, seed: int = 0) -> None:
        if min(centroids, size, stride) < 1:
            raise GlassnetError(
                f"centroids, size and stride must be at least 1, got {centroids}, {size}, {stride}"
            )
        self.centroids, self.size, self.stride, self.seed = centroids, size, stride, seed

    def fit(
        self,
        x: ArrayLike,
        y: object = None,
        patches: int = 100_000,
        iterations: int = 50,
        until: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn whitening and centroids from so many patches at random places of the images.

        y, which scikit-learn's pipelines hand on, is not looked at; until is asked before each
        iteration of k-means, which ends once it says True. Raises DataError where the images hold
        fewer patches with contrast than centroids.
        """
        cut = normalise(self._cut_at_random(_pixels(x), patches))
        cut = cut[cut.any(axis=1)]
        if len(cut) < self.centroids:
            raise DataError(
                f"{len(cut)} patches with contrast cannot make {self.centroids} centroids; take "
                f"more patches or images"
            )
        self.mean, self.whitening = zca(cut)
        draw = random.derive(self.seed, _CENTROIDS)
        self.centres = kmeans(self._white(cut), self.centroids, iterations, draw, until)
        return self

    def transform(self, x: ArrayLike) -> Array:
        """The 4 K features of each image: (N, 4 K), quadrant by quadrant."""
        pixels = _pixels(x)
        made = np.empty((len(pixels), 4 * self.centroids), np.float32)
        for start in range(0, len(pixels), AT_ONCE):
            made[start : start + AT_ONCE] = self._features(pixels[start : start + AT_ONCE])
        return made

    def _features(self, pixels: Array) -> Array:
        every = self._windows(pixels)[:, :: self.stride, :: self.stride]  # (n, r, c, C, S, S)
        n, rows, columns = every.shape[:3]
        cut = normalise(every.reshape(n * rows * columns, -1))
        f = triangle(self._white(cut), self.centres)
        return _quadrants(f.reshape(n, rows, columns, self.centroids))

    def _white(self, cut: Array) -> Array:
        return np.asarray((cut - self.mean) @ self.whitening, np.float32)

    def _cut_at_random(self, pixels: Array, count: int) -> Array:
        every = self._windows(pixels)
        draw = random.derive(self.seed, _PLACES)
        image, row, column = (draw.integers(0, size, count) for size in every.shape[:3])
        return every[image, row, column].reshape(count, -1)

    def _windows(self, pixels: Array) -> Array:
        """A view of all patches, (N, places down, places across, C, S, S)."""
        if min(pixels.shape[2:]) < self.size + self.stride:
            raise ShapeError(
                f"images {pixels.shape} are too small for patches of {self.size} pixels at a "
                f"stride of {self.stride}"
            )
        view = sliding_window_view(pixels, (self.size, self.size), axis=(2, 3))
        return view.transpose(0, 2, 3, 1, 4, 5)


def normalise(patches: NDArray[Any]) -> Array:
    """(x - mean) / sqrt(variance + CONTRAST) of each patch (n, D)."""
    off = np.asarray(patches - patches.mean(axis=1, keepdims=True), np.float32)
    scale = np.sqrt((off * off).mean(axis=1, keepdims=True) + np.float32(CONTRAST))
    made: Array = off / scale
    return made


def zca(patches: Array) -> tuple[Array, Array]:
    """The mean (D,) and V (L + WHITENING)^(-1/2) V^T (D, D), with V L V^T the covariance."""
    mean = patches.mean(axis=0, dtype=np.float64)
    off = patches - mean
    values, vectors = np.linalg.eigh(off.T @ off / len(patches))
    whitening = (vectors / np.sqrt(np.maximum(values, 0) + WHITENING)) @ vectors.T
    return mean.astype(np.float32), whitening.astype(np.float32)


def kmeans(
    x: Array,
    count: int,
    iterations: int,
    draw: np.random.Generator,
    until: Callable[[], bool] | None = None,
) -> Array:
    """Lloyd's algorithm from `count` of the points x (n, D): centres (count, D).

    In turn each point goes to its nearest centre and each centre to the mean of its points, until
    nothing moves. A centre that has no point left moves to a point drawn anew.
    """
    centres = x[draw.choice(len(x), count, replace=False)].copy()
    before = np.empty(0, np.intp)
    for _ in range(iterations):
        if until is not None and until():
            break
        nearest = _nearest(x, centres)
        if np.array_equal(nearest, before):
            break
        sums, sizes = _sums(x, nearest, count)
        centres[sizes > 0] = sums[sizes > 0] / sizes[sizes > 0, None]
        empty = np.flatnonzero(sizes == 0)
        centres[empty] = x[draw.integers(0, len(x), len(empty))]
        before = nearest
    return centres


def _nearest(x: Array, centres: Array, at_once: int = 2000) -> NDArray[np.intp]:
    """argmin over k of |x - c_k|^2 = argmin of |c_k|^2 - 2 x c_k: (n,)."""
    half = (centres * centres).sum(axis=1) / 2
    parts = [
        (half - x[start : start + at_once] @ centres.T).argmin(axis=1)
        for start in range(0, len(x), at_once)
    ]
    return np.concatenate(parts)


def _sums(x: Array, group: NDArray[np.intp], count: int) -> tuple[Array, NDArray[np.intp]]:
    """The sum of the points of each group (count, D), and how many they are (count,)."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=count)
    sums = np.zeros((count, x.shape[1]), np.float32)
    starts = np.concatenate([[0], sizes.cumsum()[:-1]])[sizes > 0]
    sums[sizes > 0] = np.add.reduceat(x[order], starts, axis=0)
    return sums, sizes


def triangle(x: Array, centres: Array) -> Array:
    """f_k = max(0, mean(z) - z_k), z_k = |x - c_k|: (n, D), (K, D) -> (n, K)."""
    z = x @ (-2 * centres.T)
    z += (x * x).sum(axis=1, keepdims=True)
    z += (centres * centres).sum(axis=1)
    np.sqrt(np.maximum(z, 0, out=z), out=z)
    np.subtract(z.mean(axis=1, keepdims=True), z, out=z)
    return np.maximum(z, 0, out=z)


def _quadrants(f: Array) -> Array:
    """Sums over the four quarters of each image: (n, rows, columns, K) -> (n, 4 K)."""
    n, rows, columns, count = f.shape
    down = np.add.reduceat(f, [0, rows // 2], axis=1)
    return np.add.reduceat(down, [0, columns // 2], axis=2).reshape(n, 4 * count)


def _pixels(x: ArrayLike) -> Array:
    """Images as (N, C, H, W) float32 in 0..1. Raises ShapeError and DataError."""
    values = np.asarray(x)
    if values.ndim == 3:
        values = values[:, None]
    if values.ndim != 4:
        raise ShapeError(f"expected images (N, C, H, W) or (N, H, W), got {values.shape}")
    if values.dtype == np.uint8:
        return values * np.float32(1 / 255)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise DataError(f"expected values from 0 to 1, got {values.min():g} to {values.max():g}")
    return values.astype(np.float32)
