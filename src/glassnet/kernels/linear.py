"""Products of matrices: the twins of linear, alone and with an activation, and of matmul.

    y (M, N) = a b, a sum over k < K; ld: a row's distance from the next, in floats

Two micro-kernels make all three products of a layer, and neither needs a matrix transposed. Where
both have k along their rows (y = x W^T: weights are (outputs, inputs)) a tile of 4 x 3 dot products
stays in registers, each as LANES partial sums; seven vectors are loaded for twelve multiply-adds,
and at the end a tile's vectors are added up across lanes, eight at once. Where b has k down its
columns (dx = dy W, dW = dy^T x) it is the tile of `microkernel.py`: six rows of a, number by
number, times sixteen columns of b, which are first copied side by side, so that they lie in the
nearest cache whatever the rows' distance is.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from glassnet.kernels import launch, memory
from glassnet.kernels.activation import COST, curved, walk_down
from glassnet.kernels.compile import task
from glassnet.kernels.dispatch import register
from glassnet.kernels.layout import Array, plain, single
from glassnet.kernels.microkernel import best_tile, dots, strided, sum_each
from glassnet.kernels.ready import Empty, Launch, Ready, run_all
from glassnet.kernels.target import host, nearest_cache
from glassnet.kernels.vector import (
    Floats,
    lane,
    lanes,
    load,
    load_part,
    part,
    splat,
    store,
    store_part,
    unroll,
)

Gradients = tuple[Array | None, ...]
DEEP = 256  # of the sum at once: 16 columns of b, so many deep, are half of the nearest cache
LARGE = 2**24  # multiply-adds from which BLAS, which copies both matrices into blocks, is faster
ROWS = 4  # of the tile of dot products
COLUMNS_OF = {16: 3, 32: 4}  # of that tile: as many sums as there are registers for
BESIDE = 4096  # floats of the nearest cache for rows of b: what it has more is for rows of a


# -- y = a b^T -------------------------------------------------------------------------------------
@task
def rows_by_rows(
    begin: int,
    end: int,
    a: Floats,
    b: Floats,
    bias: Floats,
    y: Floats,
    M: int,
    N: int,
    K: int,
    near: int,
    *,
    COLUMNS: int,
    FEW: bool,
    curve: str,
) -> None:
    """y[m, n] = curve(bias[n] + sum over k of a[m, k] b[n, k]), for groups begin .. end of columns.

    near: rows of a that stay in the nearest cache. COLUMNS: of a tile. FEW: rows of a are so few
    that b comes from memory as fast as it can, asked for a tile before.
    """
    for block in range(0, M, near):
        for unit in range(begin, end):
            ns = [min(unit * COLUMNS + j, N - 1) for j in unroll(COLUMNS)]
            for m in range(block, min(block + near, M), ROWS):
                ms = [min(m + i, M - 1) for i in unroll(ROWS)]
                rows, columns = [a + i * K for i in ms], [b + n * K for n in ns]
                sums = sum_each(dots(rows, columns, K, FEW, COLUMNS * K))
                for i in unroll(ROWS * COLUMNS):
                    n = ns[i % COLUMNS]
                    value = lane(sums[i // lanes()], i % lanes())
                    if bias is not None:  # as an expression it would be read in any case
                        value = value + bias[n]
                    y[ms[i // COLUMNS] * N + n] = curved(value, curve)


def times_rows(
    a: Array,
    b: Array,
    bias: Array | None,
    todo: list[Launch],
    curve: str = "none",
    empty: Empty = memory.empty,
) -> Array:
    """curve(a b^T + bias), once `todo` is done: a (M, K), b (N, K), bias (N) contiguous -> (M, N).

    Like all products here it has a result to hand out before it is computed.
    """
    (m, k), n = a.shape, len(b)
    y, (units, near, columns) = empty((m, n)), _row_cut(n, k)
    run = rows_by_rows.compiled(COLUMNS=columns, FEW=m <= ROWS, curve=curve)
    todo.append((run, (units, launch.parts(units, m * n * k / 4), a, b, bias, y, m, n, k, near)))
    return y


@lru_cache(1024)
def _row_cut(n: int, k: int) -> tuple[int, int, int]:
    """Groups of columns, rows of a that stay in the nearest cache, columns of a tile."""
    columns = COLUMNS_OF[host().registers]
    near = max(1, (nearest_cache() // 4 - BESIDE) // (ROWS * k)) * ROWS
    return -(-n // columns), near, columns


# -- y = a b ---------------------------------------------------------------------------------------
@task
def rows_by_columns(
    begin: int,
    end: int,
    slot: int,
    a: Floats,
    b: Floats,
    bias: Floats,
    y: Floats,
    rooms: Floats,
    each: int,
    M: int,
    N: int,
    K: int,
    down: int,
    along: int,
    bands: int,
    *,
    MB: int,
    NB: int,
) -> None:
    """y[m, n] = bias[n] + sum over k of a[m down + k along] b[k, n].

    For blocks begin .. end of y: `bands` of rows, one after the other, by groups of NB vectors.
    rooms: `each` floats for each part, for a group of columns side by side.
    """
    room = rooms + slot * each
    groups = (N + NB * lanes() - 1) // (NB * lanes())
    for unit in range(begin, end):
        band, first = unit // groups, unit % groups * NB * lanes()
        top, bottom = M * band // bands, M * (band + 1) // bands
        for wide in unroll(1, NB + 1):  # the last group may have fewer vectors
            there = N - first
            most = there if wide == NB else wide * lanes()
            if (there > (wide - 1) * lanes()) & (there <= most):
                group(a, b, bias, y, room, N, K, down, along, top, bottom, first, MB, wide)


@part
def group(
    a: Floats, b: Floats, bias: Floats, y: Floats, room: Floats, N: int, K: int, down: int,
    along: int, top: int, bottom: int, first: int, MB: int, NB: int,
) -> None:  # fmt: skip
    """Rows `top` to `bottom` of NB vectors of columns from `first` on."""
    for k in range(0, K, DEEP):
        deep = min(DEEP, K - k)
        beside(b + (k * N + first), room, N, deep, N - first, NB)
        for m in range(top, bottom, MB):
            ms = [min(m + i, bottom - 1) for i in unroll(MB)]
            so_far = [read_row(y + (i * N + first), bias, first, N - first, k, NB) for i in ms]
            at = [a + (i * down + k * along) for i in ms]
            acc = strided(at, along, deep, room, so_far)
            for i in unroll(MB):
                write_row(y + (ms[i] * N + first), acc[i], N - first)


@part
def beside(b: Floats, room: Floats, ld: int, count: int, columns: int, NB: int) -> None:
    """Copy `count` rows of NB vectors side by side; columns that are not there become 0."""
    if columns >= NB * lanes():
        for k in range(count):
            for j in unroll(NB):
                store(room + (k * NB + j) * lanes(), load(b + k * ld + j * lanes()))
    else:
        for k in range(count):
            for j in unroll(NB):
                v = load_part(b + k * ld + j * lanes(), columns - j * lanes())
                store(room + (k * NB + j) * lanes(), v)


@part
def read_row(y: Floats, bias: Floats, first: int, columns: int, k: int, NB: int) -> list[Any]:
    """A row of a tile as the sum so far has it: at first the bias, or zero."""
    row = [splat(0.0) for _ in unroll(NB)]
    if k > 0:
        for j in unroll(NB):
            row[j] = load_part(y + j * lanes(), columns - j * lanes())
    if bias is not None:  # noqa: SIM102 - `and` would read the bias in any case
        if k == 0:
            for j in unroll(NB):
                row[j] = load_part(bias + first + j * lanes(), columns - j * lanes())
    return row


@part
def write_row(y: Floats, row: list[Any], columns: int) -> None:
    """Write as many columns of a tile's row as there are."""
    if columns >= len(row) * lanes():
        for j in unroll(len(row)):
            store(y + j * lanes(), row[j])
    else:
        for j in unroll(len(row)):
            store_part(y + j * lanes(), row[j], columns - j * lanes())


def times(
    a: Array, b: Array, todo: list[Launch], turned: bool = False, bias: Array | None = None
) -> Array:
    """a b + bias, or a^T b: a (M, K) or, turned, (K, M), b (K, N), contiguous -> (M, N).

    Turned, that is for the gradient of weights, threads share rows out, as `times_rows` and
    optimisers do with the weights: what a thread writes here it reads again there.
    """
    k, n = b.shape
    m = a.shape[1] if turned else len(a)
    rows, vectors, groups, deep = _column_cut(m, k, n)
    down, along, work = 1, m, m * n * k / 4
    bands = launch.parts(m // rows, work) if turned else 1
    if not turned:
        down, along = k, 1
    parts = launch.parts(bands * groups, work)
    y, rooms = memory.empty((m, n)), memory.empty((parts, deep))
    run = rows_by_columns.compiled(MB=rows, NB=vectors)
    sizes = (deep, m, n, k, down, along, bands)
    todo.append((run, (bands * groups, parts, a, b, bias, y, rooms, *sizes)))
    return y


@lru_cache(1024)
def _column_cut(m: int, k: int, n: int) -> tuple[int, int, int, int]:
    """Rows and vectors of a tile, groups of columns, floats of a group of them side by side."""
    tile = best_tile(m, n, host().lanes, host().registers, True)
    width = tile.vectors * host().lanes
    return tile.rows, tile.vectors, -(-n // width), min(DEEP, k) * width


# -- the sum of rows -------------------------------------------------------------------------------
@task
def add_rows(begin: int, end: int, x: Floats, total: Floats, M: int, N: int) -> None:
    """total[n] = sum over m of x[m, n], for vectors begin .. end of columns."""
    for unit in range(begin, end):
        first = unit * lanes()
        acc = splat(0.0)
        if N - first >= lanes():
            for m in range(M):
                acc += load(x + (m * N + first))
        else:
            for m in range(M):
                acc += load_part(x + (m * N + first), N - first)
        store_part(total + first, acc, min(N - first, lanes()))


def row_sum(x: Array, todo: list[Launch]) -> Array:
    """(M, N), contiguous -> (N): the sum of the rows."""
    m, n = x.shape
    total = memory.empty((n,))
    units = -(-n // host().lanes)
    todo.append((add_rows.compiled(), (units, launch.parts(units, m * n), x, total, m, n)))
    return total


# -- the twins -------------------------------------------------------------------------------------
def linear_forward(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Any]:
    """y = x W^T + b:  x (..., I), weight (O, I), bias (O,) -> y (..., O)."""
    return _forward(x, weight, bias, "none")


def _forward(x: Array, weight: Array, bias: Array | None, curve: str) -> tuple[Array, Any]:
    rows, todo = plain(x), list[Launch]()
    if x.ndim != 2:
        rows = rows.reshape(-1, x.shape[-1])
    y = times_rows(rows, plain(weight), bias, todo, curve)
    run_all(todo)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight)), (rows, weight, x.shape)


def linear_backward(dy: Array, cache: Any, needs: tuple[bool, ...]) -> Gradients:
    """dx = dy W, dW = dy^T x, db = sum of dy over the rows."""
    todo: list[Launch] = []
    gradients = _backward(plain(dy), cache, needs, todo)
    run_all(todo)
    return gradients


def _backward(dy: Array, cache: Any, needs: tuple[bool, ...], todo: list[Launch]) -> Gradients:
    """The gradients, once `todo` is done, of dy, which may be among it."""
    rows, weight, shape = cache
    dy = dy.reshape(len(rows), len(weight))
    dx = times(dy, plain(weight), todo).reshape(shape) if needs[0] else None
    dw = times(dy, rows, todo, turned=True) if needs[1] else None
    return dx, dw, row_sum(dy, todo) if any(needs[2:]) else None


def _serves_linear(x: Any, weight: Any, bias: Any = None) -> bool:
    if not single(x, weight, bias) or weight.ndim != 2 or x.ndim == 0:
        return False
    outputs, inputs = weight.shape
    fits = bias is None or (bias.shape == (outputs,) and bias.flags.c_contiguous)
    return fits and x.shape[-1] == inputs and 0 < x.size * outputs < LARGE


def linear_act_forward(
    x: Array, weight: Array, bias: Array | None = None, activation: str = "relu"
) -> tuple[Array, Any]:
    """y = activation(x W^T + b)."""
    y, cache = _forward(x, weight, bias, activation)
    return y, (y, activation, cache)


def linear_act_backward(dy: Array, cache: Any, needs: tuple[bool, ...]) -> Gradients:
    """linear's, of dz = activation'(z) dy, which follows from y."""
    (y, activation, inner), todo = cache, list[Launch]()
    dz = memory.empty(y.shape)
    run, work = walk_down.compiled(curve=activation), COST[activation] * y.size
    todo.append((run, (y.size, launch.parts(y.size, work), plain(dy), y, dz, 0.0)))
    gradients = _backward(dz, inner, needs, todo)
    run_all(todo)
    return gradients


def _serves_linear_act(x: Any, weight: Any, bias: Any = None, activation: str = "relu") -> bool:
    return activation in ("relu", "relu6") and _serves_linear(x, weight, bias)


def matmul_forward(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    """y = a b: a (N, I), b (I, O) -> y (N, O)."""
    a, b, todo = plain(a), plain(b), list[Launch]()
    y = times(a, b, todo)
    run_all(todo)
    return y, (a, b)


def matmul_backward(dy: Array, cache: tuple[Array, Array], needs: tuple[bool, ...]) -> Gradients:
    """da = dy b^T, db = a^T dy."""
    (a, b), dy, todo = cache, plain(dy), list[Launch]()
    da = times_rows(dy, b, None, todo) if needs[0] else None
    db = times(a, dy, todo, turned=True) if needs[1] else None
    run_all(todo)
    return da, db


def _serves_matmul(a: Any, b: Any) -> bool:
    if not single(a, b) or a.ndim != 2 or b.ndim != 2:
        return False
    work = prod(a.shape) * b.shape[1]
    return a.shape[1] == b.shape[0] and 0 < work < LARGE


def _prepare_linear(
    x: Array, weight: Array, bias: Array | None = None, activation: str = "none"
) -> Ready | None:
    if not weight.flags.c_contiguous or x.ndim != 2:
        return None

    def bind(x: Array, residual: Array | None, empty: Empty) -> tuple[Array, list[Launch]]:
        todo: list[Launch] = []
        y = times_rows(x, weight, bias, todo, activation, empty)
        return y, todo

    return Ready(bind)


def _prepare_linear_act(
    x: Array, weight: Array, bias: Array | None = None, activation: str = "relu"
) -> Ready | None:
    return _prepare_linear(x, weight, bias, activation)


register("linear", linear_forward, linear_backward, _serves_linear, _prepare_linear)
register(
    "linear_act", linear_act_forward, linear_act_backward, _serves_linear_act, _prepare_linear_act
)
register("matmul", matmul_forward, matmul_backward, _serves_matmul)
