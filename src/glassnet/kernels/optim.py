"""Compiled updates of optimisers: one walk over all parameters, their gradients and their state.

    p parameter, g gradient, s t u state: one block of memory each, of the same layout

The functions at the end have the names and numbers of the pages in `optim/`, whose docstrings give
formulas and sources, but take a table of many parameters: `UPDATES` has them. NumPy walks over
memory once for each sign of a formula, ten to fifteen times a step. Here a rule is written for
LANES numbers, which stay in registers from the gradient to the new weight. One call updates all
parameters of a group: the table says where each lies, and only gradients are new in each step.
Every thread takes the same share of each parameter, since layers share them out so too: a thread
finds in its own cache the gradient that it computed, and leaves there the weights that it needs
next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from glassnet.kernels.compile import task
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, alike, in_layout_of, single
from glassnet.kernels.vector import (
    Floats,
    Longs,
    Vector,
    address,
    fma,
    lanes,
    larger,
    load_part,
    part,
    pointer,
    select,
    splat,
    sqrt,
    store_part,
    unroll,
)

Arrays = Sequence[Array]  # one for each parameter

RULES: dict[str, tuple[Any, int]] = {}  # name -> (the rule, how many arrays of state it has)


def rule(states: int) -> Callable[[Any], Any]:
    """Enter `rule(p, g, state, a) -> (p, state)`; a holds the step's numbers, a[0] to a[7]."""

    def enter(function: Any) -> Any:
        RULES[function.__name__] = (made := part(function)), states
        return made

    return enter


@part
def step_part(
    p: Floats, g: Floats, held: list[Floats], a: list[float], count: int, name: str
) -> None:
    """One vector of `count` numbers."""
    state = [load_part(at, count) for at in held]
    new, state = RULES[name][0](load_part(p, count), load_part(g, count), state, a)
    store_part(p, new, count)
    for i in unroll(len(held)):
        store_part(held[i], state[i], count)


SHARES = 1 << 10  # of each parameter, for as many threads at most
ROW = 6  # entries of the table for a parameter: addresses of p, g, s, t, u, and its size


@task
def enter_row(
    begin: int, end: int, row: Longs, size: int,
    p: Floats, g: Floats, s: Floats, t: Floats, u: Floats,
) -> None:  # fmt: skip
    """Write down where a parameter lies."""
    for i in unroll(5):
        row[i] = address([p, g, s, t, u][i])
    row[5] = size


@task
def enter_gradient(begin: int, end: int, row: Longs, g: Floats) -> None:
    """Write down where its gradient lies."""
    row[1] = address(g)


@task
def step(
    begin: int, end: int, table: Longs, rows: int,
    a: float, b: float, c: float, d: float, e: float, f: float, h: float, k: float, *, name: str,
) -> None:  # fmt: skip
    """Shares `begin` to `end` of each parameter, of SHARES in all, in place."""
    numbers = [a, b, c, d, e, f, h, k]
    for i in range(rows):
        row = table + i * ROW
        p, g = pointer(row[0], "Floats"), pointer(row[1], "Floats")
        state = [pointer(row[2 + j], "Floats") for j in unroll(RULES[name][1])]
        last = share(row[5], end)
        for j in range(share(row[5], begin), last, lanes()):
            held = [at + j for at in state]
            if last - j >= lanes():
                step_part(p + j, g + j, held, numbers, lanes(), name)
            else:
                step_part(p + j, g + j, held, numbers, last - j, name)


@part
def share(size: int, unit: int) -> int:
    """Where share `unit` of `size` numbers begins: at a whole vector."""
    vectors = (size + lanes() - 1) // lanes()
    return min(vectors * unit // SHARES * lanes(), size)


class Table:
    """Parameters with their state, those of them that are served, and where these lie.

    state: an array for each parameter, or None for a state that this rule does without. The arrays
    are held, so that what is at their addresses stays theirs.
    """

    def __init__(self, p: Arrays, state: Sequence[Arrays | None]) -> None:
        self.p, self.state, self.ids = p, state, _ids(p, state)
        each = [a for a in state if a is not None]
        self.served = [i for i in range(len(p)) if serves(p[i], *(a[i] for a in each))]
        self.others = [i for i in range(len(p)) if i not in set(self.served)]
        self.size = sum(p[i].size for i in self.served)
        self.rows, self.used = np.empty((len(self.served), ROW), np.int64), len(each)
        for row, i in zip(self.rows, self.served, strict=True):
            lies = [*(a[i] for a in each), None, None, None][:3]
            enter_row(1, 1, row, p[i].size, p[i], None, *lies)
        self.each = [(p[i], row) for i, row in zip(self.served, self.rows, strict=True)]

    def holds(self, p: Arrays, state: Sequence[Arrays | None]) -> bool:
        """Whether it is of these very arrays."""
        return self.ids == _ids(p, state)

    def run(self, name: str, g: Arrays, *numbers: float) -> None:
        """Make a step of the rule `name` with the parameters that are served."""
        g = g if not self.others else [g[i] for i in self.served]
        g = [in_layout_of(array, p) for array, (p, _) in zip(g, self.each, strict=True)]
        for array, (_, row) in zip(g, self.each, strict=True):
            enter_gradient(1, 1, row, array)
        given = [*map(float, numbers), *[0.0] * 8][:8]
        slots = parts(SHARES, self.size * (3 + 2 * self.used))
        step.compiled(name=name)(SHARES, slots, self.rows, len(self.rows), *given)


def _ids(p: Arrays, state: Sequence[Arrays | None]) -> list[int]:
    """Which arrays these are."""
    return [*map(id, p), *(id(a) for column in state if column is not None for a in column)]


def serves(p: Array, *state: Array | None) -> bool:
    """Whether all are float32 blocks of memory of one layout (None is none)."""
    for a in state:
        if a is not None and not alike(a, p):
            return False
    return single(p, *state) and _is_block(p.shape, p.strides)


@lru_cache(1024)
def _is_block(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether float32 numbers lie in one block, in whatever order of axes."""
    step = 4
    for stride, length in sorted(zip(strides, shape, strict=True)):
        if length > 1:
            if stride != step:
                return False
            step *= length
    return True


# -- SGD -------------------------------------------------------------------------------------------
@rule(states=0)
def sgd(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """a: lr, weight_decay."""
    return p - fma(p, a[1], g) * a[0], state


@rule(states=1)
def sgd_momentum(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """a: lr, weight_decay, what b keeps, what it takes, the parts of g and b in the step."""
    g = fma(p, a[1], g)
    b = fma(state[0], a[2], g * a[3])
    return p - fma(b, a[5], g * a[4]) * a[0], [b]


def sgd_update(
    p: Table, g: Arrays, step: int, lr: float, momentum: float = 0.0, dampening: float = 0.0,
    weight_decay: float = 0.0, nesterov: bool = False,
) -> None:  # fmt: skip
    """The page is `optim.sgd.sgd_update`."""
    if not p.used or not momentum:
        p.run("sgd", g, lr, weight_decay)
        return
    keeps, takes = (0.0, 1.0) if step == 1 else (momentum, 1 - dampening)
    shares = (1.0, momentum) if nesterov else (0.0, 1.0)
    p.run("sgd_momentum", g, lr, weight_decay, keeps, takes, *shares)


# -- Adam ------------------------------------------------------------------------------------------
@part
def adam_step(p: Vector, m: Vector, v: Vector, a: list[float]) -> Vector:
    """p less the step; a as in `adam`."""
    return p - m * a[5] / (sqrt(v) * a[6] + a[7])


@part
def adam_moments(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """p and g after weight decay, and the two moving averages."""
    g = fma(p, a[1], g)
    p = p * a[0]
    m = fma(g - state[0], a[2], state[0])
    v = fma(state[1], a[3], g * g * a[4])
    return p, m, v


@rule(states=2)
def adam(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """a: 1 - decoupled decay, coupled decay, 1 - beta1, beta2, 1 - beta2, the step's size,
    1 / sqrt(1 - beta2^step), eps."""
    p, m, v = adam_moments(p, g, state, a)
    return adam_step(p, m, v, a), [m, v]


@rule(states=3)
def amsgrad(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """As adam, with the largest v so far in its place."""
    p, m, v = adam_moments(p, g, state, a)
    top = larger(state[2], v)
    return adam_step(p, m, top, a), [m, v, top]


def adam_update(
    p: Table, g: Arrays, step: int, lr: float, beta1: float = 0.9, beta2: float = 0.999,
    eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False,
) -> None:  # fmt: skip
    """The page is `optim.adam.adam_update`."""
    decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    size, root = lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
    numbers = (*decay, 1 - beta1, beta2, 1 - beta2, size, root, eps)
    p.run("adam" if p.used == 2 else "amsgrad", g, *numbers)


# -- Adagrad, Adadelta, RMSprop --------------------------------------------------------------------
@rule(states=1)
def adagrad(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """a: the step's size, weight_decay, eps."""
    g = fma(p, a[1], g)
    sums = fma(g, g, state[0])
    return p - g * a[0] / (sqrt(sums) + a[2]), [sums]


def adagrad_update(
    p: Table, g: Arrays, step: int, lr: float, lr_decay: float = 0.0, weight_decay: float = 0.0,
    eps: float = 1e-10,
) -> None:  # fmt: skip
    """The page is `optim.adaptive.adagrad_update`."""
    p.run("adagrad", g, lr / (1 + (step - 1) * lr_decay), weight_decay, eps)


@rule(states=2)
def adadelta(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """a: lr, weight_decay, rho, 1 - rho, eps."""
    g = fma(p, a[1], g)
    squares = fma(state[0], a[2], g * g * a[3])
    d = sqrt(state[1] + a[4]) / sqrt(squares + a[4]) * g
    return p - d * a[0], [squares, fma(state[1], a[2], d * d * a[3])]


def adadelta_update(
    p: Table, g: Arrays, lr: float, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
) -> None:  # fmt: skip
    """The page is `optim.adaptive.adadelta_update`."""
    p.run("adadelta", g, lr, weight_decay, rho, 1 - rho, eps)


@part
def rmsprop_step(
    p: Vector, g: Vector, state: list[Vector], a: list[float], CENTRED: bool, MOMENTUM: bool
) -> Any:
    """a: lr, weight_decay, alpha, 1 - alpha, eps, momentum."""
    g = fma(p, a[1], g)
    squares = fma(state[0], a[2], g * g * a[3])
    new = [squares]
    variance = squares
    if CENTRED:
        mean = fma(g - state[1], a[3], state[1])
        new = [squares, mean]
        variance = squares - mean * mean
    d = g / (sqrt(variance) + a[4])
    if MOMENTUM:
        d = fma(state[len(new)], a[5], d)
        new = [squares, mean, d] if CENTRED else [squares, d]
    return p - d * a[0], new


@rule(states=1)
def rmsprop(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """By the root of a moving mean square."""
    return rmsprop_step(p, g, state, a, CENTRED=False, MOMENTUM=False)


@rule(states=2)
def rmsprop_centred(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """By a moving deviation."""
    return rmsprop_step(p, g, state, a, CENTRED=True, MOMENTUM=False)


@rule(states=2)
def rmsprop_momentum(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """With momentum."""
    return rmsprop_step(p, g, state, a, CENTRED=False, MOMENTUM=True)


@rule(states=3)
def rmsprop_centred_momentum(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """With both."""
    return rmsprop_step(p, g, state, a, CENTRED=True, MOMENTUM=True)


def rmsprop_update(
    p: Table, g: Arrays, lr: float, alpha: float = 0.99, eps: float = 1e-8,
    weight_decay: float = 0.0, momentum: float = 0.0,
) -> None:  # fmt: skip
    """The page is `optim.adaptive.rmsprop_update`."""
    _, mean, b = p.state
    name = "rmsprop" + "_centred" * (mean is not None) + "_momentum" * (b is not None)
    p.run(name, g, lr, weight_decay, alpha, 1 - alpha, eps, momentum)


# -- Lion ------------------------------------------------------------------------------------------
@rule(states=1)
def lion(p: Vector, g: Vector, state: list[Vector], a: list[float]) -> Any:
    """a: lr, 1 - lr weight_decay, beta1, 1 - beta1, beta2, 1 - beta2."""
    m = state[0]
    c = fma(m, a[2], g * a[3])
    sign = select(c > 0.0, splat(1.0), select(c < 0.0, splat(-1.0), c))
    return p * a[1] - sign * a[0], [fma(m, a[4], g * a[5])]


def lion_update(
    p: Table, g: Arrays, lr: float, beta1: float = 0.9, beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> None:  # fmt: skip
    """The page is `optim.lion.lion_update`."""
    p.run("lion", g, lr, 1 - lr * weight_decay, beta1, 1 - beta1, beta2, 1 - beta2)


UPDATES: dict[str, Callable[..., None]] = {
    f.__name__: f
    for f in (
        sgd_update, adam_update, adagrad_update, adadelta_update, rmsprop_update, lion_update
    )
}  # fmt: skip
