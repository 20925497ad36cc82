"""Mean and variance of each channel, taken while its numbers are still in registers.

    y (M, C): M rows, the C channels of a pixel side by side; slot: which part of the work

A kernel that makes y, a convolution, adds up u = y - shift and u^2 on the way, so that a batch norm
behind it need not read y once more. Nobody knows the mean before; each part of the work takes the
first number that it makes of a channel as the shift, which keeps a channel far from zero from
losing its digits to the difference of two large squares. What a tile or a chunk adds up in float32
goes into sums of float64, and those of the parts are put together in order, each with its shift.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from glassnet.kernels import memory
from glassnet.kernels.compile import task
from glassnet.kernels.layout import Array, plain
from glassnet.kernels.ready import Launch
from glassnet.kernels.target import host
from glassnet.kernels.vector import (
    Doubles,
    Floats,
    Vector,
    fma,
    lanes,
    load,
    load_part,
    narrow,
    part,
    select,
    splat,
    sqrt,
    store,
    store_part,
    to_doubles,
    unroll,
    width,
)

ROOM = 16  # numbers behind the sums of a part: in the first, how many rows it had


class Sums(NamedTuple):
    """For each part of the work: its shifts (parts, C), and its sums of u, of u^2, and its rows.

    There may be columns behind those of the channels.
    """

    shift: Array
    sums: Array


class Moments(NamedTuple):
    """Of each channel (C): mean, variance, 1 / sqrt(variance + eps), and that times the weight."""

    mean: Array
    var: Array
    rstd: Array
    scale: Array


@task
def settle(
    begin: int, end: int, shift: Floats, sums: Doubles, weight: Floats, made: Floats, parts: int,
    columns: int, C: int, eps: float,
) -> None:  # fmt: skip
    """The moments (4, C) of the channels in vectors `begin` to `end`, in float64 on the way.

    With rows n, sums s and q and mean m = shift + s / n of each part, and the mean of all:
    var = (sum of q - s^2 / n + n (m - mean)^2) / (sum of n).
    """
    every = 2 * columns + ROOM
    rows = sums[2 * columns]
    for p in range(1, parts):
        rows += sums[p * every + 2 * columns]
    for c in range(begin * lanes(), min(end * lanes(), C), lanes()):
        count, total, apart = min(C - c, lanes()), to_doubles(splat(0.0)), to_doubles(splat(0.0))
        for p in range(parts):
            middle = to_doubles(load_part(shift + p * columns + c, count))
            n = sums[p * every + 2 * columns]
            total += middle * n + load_part(sums + p * every + c, count)
        mean = total / rows
        for p in range(parts):
            n, s = sums[p * every + 2 * columns], load_part(sums + p * every + c, count)
            off = to_doubles(load_part(shift + p * columns + c, count)) + s / n - mean
            apart += load_part(sums + p * every + columns + c, count) - s * s / n + off * off * n
        var = select(apart < 0.0, 0.0, apart / rows)  # NaN stays NaN
        rstd = narrow(1.0 / sqrt(var + to_doubles(eps)))
        store_part(made + c, narrow(mean), count)
        store_part(made + C + c, narrow(var), count)
        store_part(made + 2 * C + c, rstd, count)
        if weight is not None:
            rstd = rstd * load_part(weight + c, count)
        store_part(made + 3 * C + c, rstd, count)


def settled(
    given: Sums, channels: int, weight: Array | None, eps: float, todo: list[Launch]
) -> Moments:
    """The moments of all rows, once `todo` has been done; weight (C) or None for 1."""
    count, columns = given.shift.shape
    made = np.empty((4, channels), np.float32)
    units, weight = -(-channels // host().lanes), None if weight is None else plain(weight)
    sizes = (count, columns, channels, float(eps))
    todo.append((settle.compiled(), (units, 1, *given, weight, made, *sizes)))
    return Moments(*made)


def room(slots: int, channels: int) -> Sums:
    """Sums of so many parts, from 0."""
    return Sums(memory.zeros((slots, channels)), np.zeros((slots, 2 * channels + ROOM)))


@part
def add_to(sums: Doubles, v: Vector, count: int) -> None:
    """sums += v, in float64."""
    store_part(sums, load_part(sums, count) + to_doubles(v), count)


@part
def add_wide(sums: Doubles, v: Any) -> None:
    """sums += all numbers of v, in float64."""
    store(sums, load(sums, width(v)) + to_doubles(v))


@part
def counted(sums: Doubles, channels: int, rows: int) -> None:
    """Note that a part had so many rows more."""
    add_to(sums + 2 * channels, splat(float(rows)), lanes())


@part
def taken(value: Vector, shift: Floats, total: list[Vector]) -> None:
    """Add u and u^2 of a vector to total[0] and total[1]."""
    u = value - load(shift, width(value))
    total[0] = total[0] + u
    total[1] = fma(u, u, total[1])


@part
def put_down(sums: Doubles, channels: int, total: list[Vector]) -> None:
    """Add what `taken` added up to the sums of this part."""
    for k in unroll(2):
        add_wide(sums + k * channels, total[k])
