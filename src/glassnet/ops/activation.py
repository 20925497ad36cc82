"""Activations: the curves between the layers, applied entry by entry.

x, dx    any shape (maxout: (N, C, ...), C channels)
y, dy    the same shape, in the memory layout of x
s(x)     the logistic sigmoid 1 / (1 + exp(-x))
Phi, phi the distribution and the density of a standard normal number
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.operation import example, operation
from glassnet.ops._samples import distinct, normal
from glassnet.ops.elementwise import erf_forward
from glassnet.tape import Array


def _examples() -> list[Any]:
    return [example(normal(3, 4)), example(4 * normal(2, 3, 2))]


def relu_forward(x: Array) -> tuple[Array, Array]:
    """y = max(x, 0)."""
    y = np.maximum(x, 0)
    return y, y


def relu_backward(dy: Array, y: Array) -> Array:
    """dx = dy where x > 0, else 0."""
    return dy * (y > 0)


relu = operation(relu_forward, relu_backward, examples=_examples)


def relu6_forward(x: Array) -> tuple[Array, Array]:
    """y = min(max(x, 0), 6) [Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10"]."""
    y = np.clip(x, 0, 6)
    return y, y


def relu6_backward(dy: Array, y: Array) -> Array:
    """dx = dy where 0 < x < 6, else 0."""
    return dy * ((y > 0) & (y < 6))


relu6 = operation(relu6_forward, relu6_backward, examples=_examples)


def leaky_relu_forward(x: Array, negative_slope: float = 0.01) -> tuple[Array, Any]:
    """y = x where x > 0, else negative_slope x [Maas et al. 2013]."""
    return np.where(x > 0, x, negative_slope * x), (x > 0, negative_slope)


def leaky_relu_backward(dy: Array, cache: Any) -> Array:
    """dx = dy where x > 0, else negative_slope dy."""
    positive, negative_slope = cache
    return np.where(positive, dy, negative_slope * dy)


leaky_relu = operation(
    leaky_relu_forward,
    leaky_relu_backward,
    examples=lambda: [*_examples(), example(normal(3, 4), negative_slope=0.2)],
)


def elu_forward(x: Array, alpha: float = 1.0) -> tuple[Array, Any]:
    """y = x where x > 0, else alpha (exp(x) - 1) [Clevert et al. 2016]."""
    y = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return y, (x > 0, y, alpha)


def elu_backward(dy: Array, cache: Any) -> Array:
    """dx = dy where x > 0, else alpha exp(x) dy = (y + alpha) dy."""
    positive, y, alpha = cache
    return np.where(positive, dy, (y + alpha) * dy)


elu = operation(
    elu_forward, elu_backward, examples=lambda: [*_examples(), example(normal(3, 4), alpha=0.5)]
)


def _sigmoid(x: Array) -> Array:
    """s(x) from exp(-|x|), which cannot overflow; small values keep all their digits."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z)


def sigmoid_forward(x: Array) -> tuple[Array, Array]:
    """y = s(x) = 1 / (1 + exp(-x))."""
    y = _sigmoid(x)
    return y, y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """dx = y (1 - y) dy."""
    return dy * y * (1 - y)


sigmoid = operation(sigmoid_forward, sigmoid_backward, examples=_examples)


def tanh_forward(x: Array) -> tuple[Array, Array]:
    """y = tanh x."""
    y = np.tanh(x)
    return y, y


def tanh_backward(dy: Array, y: Array) -> Array:
    """dx = (1 - y^2) dy."""
    return dy * (1 - y * y)


tanh = operation(tanh_forward, tanh_backward, examples=_examples)


def softplus_forward(x: Array, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Any]:
    """y = log(1 + exp(beta x)) / beta, taken as x where beta x > threshold.

    log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), which cannot overflow.
    """
    z = beta * x
    smooth = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta
    return np.where(z > threshold, x, smooth), (z, threshold)


def softplus_backward(dy: Array, cache: Any) -> Array:
    """dx = s(beta x) dy, and dy where beta x > threshold."""
    z, threshold = cache
    return np.where(z > threshold, dy, _sigmoid(z) * dy)


softplus = operation(
    softplus_forward,
    softplus_backward,
    examples=lambda: [*_examples(), example(normal(3, 4), beta=2.0, threshold=1.5)],
)


def silu_forward(x: Array) -> tuple[Array, Any]:
    """y = x s(x) [Elfwing et al. 2017; Ramachandran et al. 2017 as swish]."""
    s = _sigmoid(x)
    return x * s, (x, s)


def silu_backward(dy: Array, cache: Any) -> Array:
    """dx = s (1 + x (1 - s)) dy."""
    x, s = cache
    return dy * (s * (1 + x * (1 - s)))


silu = operation(silu_forward, silu_backward, examples=_examples)


def gelu_forward(x: Array, approximate: str = "none") -> tuple[Array, Any]:
    """y = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 [Hendrycks & Gimpel 2016].

    With approximate="tanh", Phi(x) = (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3).
    """
    if approximate == "none":
        inner, _ = erf_forward(x * 0.5**0.5)
    elif approximate == "tanh":
        inner = np.tanh((2 / np.pi) ** 0.5 * x * (1 + 0.044715 * x * x))
    else:
        raise ValueError(f'approximate is "none" or "tanh", not {approximate!r}')
    return 0.5 * x * (1 + inner), (x, inner, approximate)


def gelu_backward(dy: Array, cache: Any) -> Array:
    """dx = (Phi + x phi) dy, phi(x) = exp(-x^2 / 2) / sqrt(2 pi).

    With the approximation phi = (1 - tanh^2 u) / 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2).
    """
    x, inner, approximate = cache
    if approximate == "none":
        z = np.minimum(np.abs(x), 40)  # exp(-800) is 0, and the square does not overflow
        phi = (2 * np.pi) ** -0.5 * np.exp(-0.5 * z * z)
    else:
        slope = (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * x * x)
        phi = 0.5 * (1 - inner * inner) * slope
    return dy * (0.5 * (1 + inner) + x * phi)


gelu = operation(
    gelu_forward,
    gelu_backward,
    examples=lambda: [*_examples(), example(normal(3, 4), approximate="tanh")],
)


def maxout_forward(x: Array, pieces: int = 2, dim: int = 1) -> tuple[Array, Any]:
    """y_i = the largest of the `pieces` entries of x from pieces * i on, along the axis `dim`.

    x (N, C, ...) -> y (N, C / pieces, ...) [Goodfellow et al. 2013, "Maxout networks"]
    """
    dim %= x.ndim
    if x.shape[dim] % pieces:
        raise ValueError(f"axis {dim} has length {x.shape[dim]}, no multiple of {pieces} pieces")
    groups = x.reshape(*x.shape[:dim], x.shape[dim] // pieces, pieces, *x.shape[dim + 1 :])
    chosen = groups.argmax(axis=dim + 1, keepdims=True)
    y = np.take_along_axis(groups, chosen, dim + 1).squeeze(dim + 1)
    return y, (chosen, groups.shape, x.shape, dim + 1)


def maxout_backward(dy: Array, cache: Any) -> Array:
    """dx = dy at the entry that was chosen, of equal ones the first, else 0."""
    chosen, groups, shape, axis = cache
    dx = np.zeros(groups, dy.dtype)
    np.put_along_axis(dx, chosen, np.expand_dims(dy, axis), axis)
    return dx.reshape(shape)


maxout = operation(
    maxout_forward,
    maxout_backward,
    examples=lambda: [
        example(distinct(3, 4)),
        example(distinct(2, 6, 2, 2), pieces=3),
        example(distinct(2, 3, 4), dim=-1),
    ],
)
