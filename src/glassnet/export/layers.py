"""The functions that exported programs are made of, each as plain NumPy.

A program gets the source of those that it calls, as it stands here, with its docstring. They know
nothing of glassnet, and of each other only what they call by name. `W` is the program's table of
weights. In memory the channels of images lie last (`x.transpose(0, 2, 3, 1)` is contiguous), which
makes windows and products fast; what a reader sees is (N, C, H, W) throughout.

N images, C channels, O outputs, H W height width, KH KW window, H' W' places where it stands.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Sides = Any  # a number, two, or two pairs: see `windows`
W: dict[str, Array] = {}


def windows(
    x: Array, size: Sides, stride: Sides, padding: Sides, dilation: Sides = 1, fill: float = 0.0
) -> Array:
    """Every window on x (N, C, H, W), padded with `fill`: a view (N, H', W', KH, KW, C).

    A number counts for both directions; padding (a, b) is a before and b behind in both, and
    ((top, bottom), (left, right)) says all.
    """
    (kh, kw), (sh, sw), (dh, dw) = (np.broadcast_to(n, 2) for n in (size, stride, dilation))
    x = x.transpose(0, 2, 3, 1)
    if np.any(padding):
        sides = ((0, 0), *np.broadcast_to(padding, (2, 2)).tolist(), (0, 0))
        x = np.pad(x, sides, constant_values=fill)
    reach = (dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    seen = sliding_window_view(x, reach, (1, 2))[:, ::sh, ::sw, :, ::dh, ::dw]
    return seen.transpose(0, 1, 2, 4, 5, 3)


def conv(x: Array, name: str, stride: Sides = 1, padding: Sides = 0, dilation: Sides = 1) -> Array:
    """y[o] = sum over window and c of x[c] weight[c, o], + bias[o], at every place.

    Each window is written out as a row: then the sum is one matrix product.
    """
    weight, bias = W[f"{name}.weight"], W[f"{name}.bias"]  # (KH, KW, C, O), (O,)
    seen = windows(x, weight.shape[:2], stride, padding, dilation)
    rows = seen.reshape(-1, weight[..., 0].size)  # (N H' W', KH KW C)
    y = rows @ weight.reshape(rows.shape[1], -1) + bias
    return y.reshape(*seen.shape[:3], -1).transpose(0, 3, 1, 2)


def depthwise(
    x: Array, name: str, stride: Sides = 1, padding: Sides = 0, dilation: Sides = 1
) -> Array:
    """A convolution in which each channel has a window of its own: y[c] = sum of x[c] weight[c]."""
    weight, bias = W[f"{name}.weight"], W[f"{name}.bias"]  # (KH, KW, C), (C,)
    seen = windows(x, weight.shape[:2], stride, padding, dilation)
    y = np.empty((*seen.shape[:3], len(bias)), x.dtype)
    y[...] = bias
    for i, j in np.ndindex(weight.shape[:2]):
        y += seen[:, :, :, i, j] * weight[i, j]
    return y.transpose(0, 3, 1, 2)


def grouped_conv(
    x: Array, name: str, groups: int, stride: Sides = 1, padding: Sides = 0, dilation: Sides = 1
) -> Array:
    """A convolution in `groups` that see nothing of each other: each its share of C and of O."""
    weight, bias = W[f"{name}.weight"], W[f"{name}.bias"]  # (KH, KW, C / groups, O), (O,)
    parts = []
    for part, own in zip(np.split(x, groups, 1), np.split(weight, groups, 3), strict=True):
        seen = windows(part, weight.shape[:2], stride, padding, dilation)
        rows = seen.reshape(-1, own[..., 0].size)
        parts.append(rows @ own.reshape(rows.shape[1], -1))
    y = np.concatenate(parts, 1) + bias
    return y.reshape(*seen.shape[:3], -1).transpose(0, 3, 1, 2)


def linear(x: Array, name: str) -> Array:
    """y = x weight + bias over the last axis: weight (D, O), bias (O,)."""
    return x @ W[f"{name}.weight"] + W[f"{name}.bias"]


def scaled(x: Array, name: str) -> Array:
    """Batch normalisation after training: one factor and one summand a channel, x (N, C, ...)."""
    shape = (-1,) + (1,) * (x.ndim - 2)
    return x * W[f"{name}.scale"].reshape(shape) + W[f"{name}.shift"].reshape(shape)


def layer_norm(x: Array, name: str, eps: float) -> Array:
    """Every row of the last axis to mean 0 and variance 1, times weight, plus bias."""
    centred = x - x.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + eps)
    return normed * W[f"{name}.weight"] + W[f"{name}.bias"]


def group_norm(x: Array, name: str, groups: int, eps: float) -> Array:
    """Mean 0 and variance 1 over each group of channels of an image, times weight, plus bias."""
    rows = x.reshape(len(x), groups, -1)
    centred = rows - rows.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + eps)
    shape = (-1,) + (1,) * (x.ndim - 2)
    weight, bias = W[f"{name}.weight"].reshape(shape), W[f"{name}.bias"].reshape(shape)
    return normed.reshape(x.shape) * weight + bias


def local_response_norm(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """y_c = x_c / (k + alpha / size * sum of x_b^2 over the `size` channels around c)^beta."""
    before, channels = size // 2, x.shape[1]
    ends = [(0, 0), (before, size - 1 - before)] + [(0, 0)] * (x.ndim - 2)
    squares = np.pad(x * x, ends)
    near = sum(squares[:, i : i + channels] for i in range(size))
    return x / (k + alpha / size * near) ** beta


def max_pool(x: Array, size: Sides, stride: Sides, padding: Sides = 0) -> Array:
    """The largest number that each window sees, outside the image -infinity."""
    seen = windows(x, size, stride, padding, fill=-np.inf)
    y = seen[:, :, :, 0, 0]
    for i, j in np.ndindex(seen.shape[3:5]):
        y = np.maximum(y, seen[:, :, :, i, j])
    return y.transpose(0, 3, 1, 2)


def avg_pool(x: Array, size: Sides, stride: Sides, padding: Sides = 0) -> Array:
    """The mean of what each window sees, outside the image 0."""
    seen = windows(x, size, stride, padding)
    y = np.zeros((*seen.shape[:3], seen.shape[5]), x.dtype)
    for i, j in np.ndindex(seen.shape[3:5]):
        y += seen[:, :, :, i, j]
    return (y / (seen.shape[3] * seen.shape[4])).transpose(0, 3, 1, 2)


def cell_means(x: Array, rows: int, columns: int) -> Array:
    """Means over the cells of a raster laid over the image: (N, C, rows, columns)."""
    y = np.empty((*x.shape[:2], rows, columns), x.dtype)
    for i, j in np.ndindex(rows, columns):
        top, bottom = i * x.shape[2] // rows, -(-(i + 1) * x.shape[2] // rows)
        left, right = j * x.shape[3] // columns, -(-(j + 1) * x.shape[3] // columns)
        y[:, :, i, j] = x[:, :, top:bottom, left:right].mean((2, 3))
    return y


def attention(
    query: Array, key: Array, value: Array, scale: float, mask: Array | float = 0.0
) -> Array:
    """y = softmax(scale query key^T + mask) value: each query reads from the keys like it."""
    return softmax(scale * (query @ key.swapaxes(-1, -2)) + mask) @ value


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum of exp(x) along an axis."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return (1 + np.tanh(x / 2)) / 2


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    """x, but not below 0 and not above 6."""
    return np.minimum(np.maximum(x, 0), 6)


def leaky_relu(x: Array, slope: float) -> Array:
    """x where it is positive, else slope x."""
    return np.where(x > 0, x, slope * x)


def elu(x: Array, alpha: float) -> Array:
    """x where it is positive, else alpha (exp(x) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def silu(x: Array) -> Array:
    """x sigmoid(x)."""
    return x * sigmoid(x)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(x, 0)


def gelu(x: Array) -> Array:
    """x Phi(x), Phi the share of a normal distribution that lies below x."""
    return 0.5 * x * (1 + erf(x * np.float32(0.5**0.5)))


def gelu_tanh(x: Array) -> Array:
    """x Phi(x), with Phi by a hyperbolic tangent."""
    return 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * x * (1 + 0.044715 * x * x)))


def erf(x: Array) -> Array:
    """The error function, to 1.5e-7 [Abramowitz & Stegun 1964, formula 7.1.26]."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = (((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
    return np.sign(x) * (1 - (series + 0.254829592) * t * np.exp(-x * x))
