"""Twin of the draws in `dreams/sampling.py`: sigmoid, random number and comparison in one walk.

    x (N, H) log odds before the bias, bias (H), p (N, H) chances, s (N, H) draws of 0 and 1

The generator, Threefry, takes nothing but additions, rotations and exclusive ors of 32 bits, which
a register of LANES numbers does LANES at a time. A unit of work is a pair of rows: the two words
that a counter gives belong to the upper and the lower one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.language import Translator
from glassnet.kernels.launch import parts
from glassnet.kernels.layout import Array, single
from glassnet.kernels.vector import (
    Floats,
    Vector,
    call,
    fma,
    lanes,
    load_part,
    part,
    select,
    splat,
    steps,
    store_part,
    sum_lanes,
    to_floats,
    unroll,
    word,
)
from glassnet.kernels.vector_math import exp, log, sigmoid

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
WORK = 12  # a draw costs about as much as so many numbers read or written


@word
def rotate(t: Translator, v: Any, count: int) -> Any:
    """Each int32 with its bits moved `count` places up, those that fall off back in below."""
    return call(t, f"llvm.fshl.v{t.lanes}i32", v.type, v, v, t.number(count, v.type))


@word
def upper_bits(t: Translator, v: Any, count: int) -> Any:
    """The upper `count` bits of each int32, as a number from 0 on."""
    return t.b.lshr(v, t.number(32 - count, v.type))


@part
def threefry(a: Vector, b: Vector, one: Vector, other: Vector) -> list[Any]:
    """Two random words for each counter (a, b) under the key (one, other): 20 rounds."""
    keys = [one, other, one ^ other ^ PARITY]
    x = [a + one, b + other]
    for i in unroll(20):
        x[0] = x[0] + x[1]
        x[1] = rotate(x[1], ROTATIONS[i % 8]) ^ x[0]
        if i % 4 == 3:
            x[0] = x[0] + keys[(i // 4 + 1) % 3]
            x[1] = x[1] + keys[(i // 4 + 2) % 3] + (i // 4 + 1)
    return x


@task
def pairs_of_rows(
    begin: int, end: int, x: Floats, bias: Floats, p: Floats, s: Floats, N: int, H: int,
    scale: float, one: int, other: int, *, chances: bool,
) -> None:  # fmt: skip
    """Rows 2 begin to 2 end of s, and of p where the chances are wanted as well."""
    for pair in range(begin, end):
        rows = min(N - 2 * pair, 2)
        for h in range(0, H, lanes()):
            words = threefry(splat(h) + steps(), splat(pair), splat(one), splat(other))
            at = 2 * pair * H + h
            some(x + at, bias + h, p + at, s + at, words[0], min(H - h, lanes()), scale, chances)
            if rows == 2:
                at = at + H
                some(
                    x + at, bias + h, p + at, s + at, words[1], min(H - h, lanes()), scale, chances
                )


@part
def some(
    x: Floats, bias: Floats, p: Floats, s: Floats, words: Vector, count: int, scale: float,
    chances: bool,
) -> None:  # fmt: skip
    """`count` draws, at most LANES."""
    odds = fma(load_part(x, count), splat(scale), load_part(bias, count))
    chance = sigmoid(odds)
    uniform = to_floats(upper_bits(words, 24)) * 2.0**-24
    if chances:
        store_part(p, chance, count)
    store_part(s, select(uniform < chance, splat(1.0), splat(0.0)), count)


def bernoulli(
    x: Array, bias: Array, key: tuple[int, int], scale: float = 1.0, chances: bool = False
) -> tuple[Array, Array | None]:
    """s ~ sigmoid(scale x + bias), and these chances or None: (N, H), (H) -> twice (N, H)."""
    n, h = x.shape
    s = memory.empty((n, h))
    p = memory.empty((n, h)) if chances else None
    units = (n + 1) // 2
    cut = parts(units, WORK * n * h)
    pairs_of_rows.compiled(chances=chances)(units, cut, x, bias, p, s, n, h, scale, *key)
    return s, p


# -- a step of an annealed walk --------------------------------------------------------------------
@task
def annealed(
    begin: int, end: int, x: Floats, bias: Floats, s: Floats, gain: Floats, N: int, H: int,
    now: float, following: float, one: int, other: int,
) -> None:  # fmt: skip
    """Rows 2 begin to 2 end of s, and their gains."""
    for pair in range(begin, end):
        upper, lower = splat(0.0), splat(0.0)
        for h in range(0, H, lanes()):
            words = threefry(splat(h) + steps(), splat(pair), splat(one), splat(other))
            count, at = min(H - h, lanes()), 2 * pair * H + h
            odds = load_part(x + at, count) + load_part(bias + h, count)
            upper += raised(odds, words[0], s + at, count, now, following)
            if 2 * pair + 1 < N:
                odds = load_part(x + at + H, count) + load_part(bias + h, count)
                lower += raised(odds, words[1], s + at + H, count, now, following)
        gain[2 * pair] = sum_lanes(upper)
        if 2 * pair + 1 < N:
            gain[2 * pair + 1] = sum_lanes(lower)


@part
def raised(
    odds: Vector, words: Vector, s: Floats, count: int, now: float, following: float
) -> Vector:
    """Draw at `following`; log(1 + sigmoid(now odds) (exp((following - now) odds) - 1))."""
    uniform = to_floats(upper_bits(words, 24)) * 2.0**-24
    store_part(s, select(uniform < sigmoid(odds * following), splat(1.0), splat(0.0)), count)
    return log(fma(sigmoid(odds * now), exp(odds * (following - now)) - 1.0, splat(1.0)))


def anneal(
    x: Array, bias: Array, key: tuple[int, int], now: float, following: float
) -> tuple[Array, Array]:
    """s ~ sigmoid(following (x + bias)), and each row's sum of softplus(following (x + bias)) less
    softplus(now (x + bias)): (N, H), (N)."""
    n, h = x.shape
    s, gain, units = memory.empty((n, h)), np.empty(n, np.float32), (n + 1) // 2
    annealed(units, parts(units, 3 * WORK * n * h), x, bias, s, gain, n, h, now, following, *key)
    return s, gain


def serves(x: Array, bias: Array) -> bool:
    """Whether both are float32 and lie in one row after the other."""
    return single(x, bias) and x.flags.c_contiguous and bias.flags.c_contiguous
