"""Twins of activations: one walk through memory, from one end to the other.

Entries do not know of each other, so the layout does not matter as long as it is one block: arrays
that lie channels last stay channels last. Each part takes a stretch of it, LANES numbers at a time.
An activation is two curves of vectors: y of x (and of the option a, if it has one), and dx of dy
and of what forward kept, y where the derivative follows from it and x elsewhere.
"""

from __future__ import annotations

import math
from typing import Any

from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, dense, in_layout_of, like, single
from glassnet.kernels.vector import (
    Floats,
    Vector,
    fma,
    lanes,
    load,
    load_part,
    part,
    select,
    splat,
    store,
    store_part,
    to_floats,
)
from glassnet.kernels.vector_math import erf, exp, sigmoid, tanh

UP: dict[str, Any] = {}
DOWN: dict[str, Any] = {}


@part
def curved(v: Vector, curve: str) -> Vector:
    """curve(v), of a curve without options, or v for "none"."""
    return UP[curve](v, 0.0) if curve != "none" else v


# -- the walk --------------------------------------------------------------------------------------
@task
def walk_up(begin: int, end: int, x: Floats, y: Floats, a: float, *, curve: str) -> None:
    """y = curve(x), entries `begin` to `end`."""
    for i in range(begin, end, lanes()):
        count = min(end - i, lanes())
        if count == lanes():
            store(y + i, UP[curve](load(x + i), a))
        else:
            store_part(y + i, UP[curve](load_part(x + i, count), a), count)


@task
def walk_down(
    begin: int, end: int, dy: Floats, kept: Floats, dx: Floats, a: float, *, curve: str
) -> None:
    """dx of dy and what forward kept."""
    for i in range(begin, end, lanes()):
        count = min(end - i, lanes())
        if count == lanes():
            store(dx + i, DOWN[curve](load(dy + i), load(kept + i), a))
        else:
            v = DOWN[curve](load_part(dy + i, count), load_part(kept + i, count), a)
            store_part(dx + i, v, count)


def run_up(curve: str, x: Array, a: float) -> Array:
    """y = curve(x) in the layout of a dense x."""
    y = like(x)
    walk_up.compiled(curve=curve)(x.size, parts(x.size, COST[curve] * x.size), x, y, a)
    return y


def run_down(curve: str, dy: Array, kept: Array, a: float) -> Array:
    """dx in the layout of what forward kept."""
    dx, size = like(kept), kept.size
    dy = in_layout_of(dy, kept)
    walk_down.compiled(curve=curve)(size, parts(size, COST[curve] * size), dy, kept, dx, a)
    return dx


# -- the curves ------------------------------------------------------------------------------------
@part
def relu_up(x: Vector, a: float) -> Vector:
    """max(x, 0); NaN stays NaN."""
    return select(x < 0.0, 0.0, x)


@part
def relu_down(dy: Vector, y: Vector, a: float) -> Vector:
    """dy where y > 0, else 0 dy."""
    return dy * to_floats(y > 0.0)


@part
def relu6_up(x: Vector, a: float) -> Vector:
    """min(max(x, 0), 6); NaN stays NaN."""
    return select(x < 0.0, 0.0, select(x > 6.0, 6.0, x))


@part
def relu6_down(dy: Vector, y: Vector, a: float) -> Vector:
    """dy where 0 < y < 6, else 0 dy."""
    return dy * to_floats((y > 0.0) & (y < 6.0))


@part
def leaky_relu_up(x: Vector, a: float) -> Vector:
    """x where x > 0, else a x."""
    return select(x > 0.0, x, x * a)


@part
def leaky_relu_down(dy: Vector, x: Vector, a: float) -> Vector:
    """dy where x > 0, else a dy."""
    return select(x > 0.0, dy, dy * a)


@part
def elu_up(x: Vector, a: float) -> Vector:
    """x where x > 0, else a (e^x - 1) = a 2 t / (1 - t) with t = tanh(x / 2): no digit is lost."""
    t = tanh(select(x > 0.0, 0.0, x) * 0.5)
    return select(x > 0.0, x, (t + t) / (1.0 - t) * a)


@part
def elu_down(dy: Vector, x: Vector, a: float) -> Vector:
    """dy where x > 0, else a e^x dy."""
    return select(x > 0.0, dy, exp(select(x > 0.0, 0.0, x)) * a * dy)


@part
def sigmoid_up(x: Vector, a: float) -> Vector:
    """1 / (1 + e^-x)."""
    return sigmoid(x)


@part
def sigmoid_down(dy: Vector, y: Vector, a: float) -> Vector:
    """y (1 - y) dy."""
    return dy * y * (1.0 - y)


@part
def tanh_up(x: Vector, a: float) -> Vector:
    """tanh x."""
    return tanh(x)


@part
def tanh_down(dy: Vector, y: Vector, a: float) -> Vector:
    """(1 - y^2) dy."""
    return dy * (1.0 - y * y)


@part
def silu_up(x: Vector, a: float) -> Vector:
    """x s(x)."""
    return x * sigmoid(x)


@part
def silu_down(dy: Vector, x: Vector, a: float) -> Vector:
    """s (1 + x (1 - s)) dy."""
    s = sigmoid(x)
    return dy * (s * fma(x, 1.0 - s, 1.0))


ROOT_HALF = math.sqrt(0.5)
DENSITY = 1 / math.sqrt(2 * math.pi)  # of a standard normal number at 0
TANH_SLOPE, TANH_CUBE = math.sqrt(2 / math.pi), 0.044715


@part
def gelu_up(x: Vector, a: float) -> Vector:
    """x (1 + erf(x / sqrt 2)) / 2."""
    return 0.5 * x * (1.0 + erf(x * ROOT_HALF))


@part
def gelu_down(dy: Vector, x: Vector, a: float) -> Vector:
    """(Phi + x phi) dy."""
    phi = exp(-0.5 * x * x) * DENSITY
    return dy * (0.5 * (1.0 + erf(x * ROOT_HALF)) + x * phi)


@part
def gelu_tanh_up(x: Vector, a: float) -> Vector:
    """x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)."""
    u = x * TANH_SLOPE * fma(x * x, splat(TANH_CUBE), 1.0)
    return 0.5 * x * (1.0 + tanh(u))


@part
def gelu_tanh_down(dy: Vector, x: Vector, a: float) -> Vector:
    """((1 + t) / 2 + x (1 - t^2) / 2 du/dx) dy, t = tanh u."""
    square = x * x
    t = tanh(x * TANH_SLOPE * fma(square, splat(TANH_CUBE), 1.0))
    slope = fma(square, splat(3 * TANH_CUBE), 1.0) * TANH_SLOPE
    return dy * (0.5 * (1.0 + t) + x * (0.5 * (1.0 - t * t) * slope))


# -- the twins -------------------------------------------------------------------------------------
COST: dict[str, int] = {}  # work an entry, in the units of `parts`


def enter(name: str, up: Any, down: Any, cost: int) -> None:
    """A curve and the gradient of it."""
    UP[name], DOWN[name], COST[name] = up, down, cost


enter("relu", relu_up, relu_down, 2)
enter("relu6", relu6_up, relu6_down, 2)
enter("leaky_relu", leaky_relu_up, leaky_relu_down, 2)
enter("elu", elu_up, elu_down, 16)
enter("sigmoid", sigmoid_up, sigmoid_down, 10)
enter("tanh", tanh_up, tanh_down, 14)
enter("silu", silu_up, silu_down, 12)
enter("gelu", gelu_up, gelu_down, 20)
enter("gelu_tanh", gelu_tanh_up, gelu_tanh_down, 16)


def _serves(x: Any, *options: Any, **named: Any) -> bool:
    return single(x)


def plain_curve(name: str, keeps_y: bool) -> None:
    """Register an activation without options."""

    def forward(x: Array) -> tuple[Array, Array]:
        x = dense(x)
        y = run_up(name, x, 0.0)
        return y, y if keeps_y else x

    def backward(dy: Array, kept: Array) -> Array:
        return run_down(name, dy, kept, 0.0)

    register(name, forward, backward, _serves)


def sloped_curve(name: str, option: str, default: float) -> None:
    """Register an activation with one option, a number."""

    def forward(x: Array, a: float = default, **named: float) -> tuple[Array, Any]:
        x, a = dense(x), float(named.get(option, a))
        return run_up(name, x, a), (x, a)

    def backward(dy: Array, cache: Any) -> Array:
        return run_down(name, dy, *cache)

    register(name, forward, backward, _serves)


def gelu_forward(x: Array, approximate: str = "none") -> tuple[Array, Any]:
    """y = x Phi(x), exact or by tanh."""
    x, name = dense(x), GELU[approximate]
    return run_up(name, x, 0.0), (name, x)


def gelu_backward(dy: Array, cache: Any) -> Array:
    """dx = (Phi + x phi) dy."""
    name, x = cache
    return run_down(name, dy, x, 0.0)


def _serves_gelu(x: Any, approximate: str = "none") -> bool:
    return single(x) and approximate in GELU


GELU = {"none": "gelu", "tanh": "gelu_tanh"}
for _name in ("relu", "relu6", "sigmoid", "tanh"):
    plain_curve(_name, keeps_y=True)
plain_curve("silu", keeps_y=False)
sloped_curve("leaky_relu", "negative_slope", 0.01)
sloped_curve("elu", "alpha", 1.0)
register("gelu", gelu_forward, gelu_backward, _serves_gelu)
