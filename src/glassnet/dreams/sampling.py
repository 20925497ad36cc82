"""Draws of units that are 0 or 1, from random numbers that a key and a place decide.

    N rows, H units; x (N, H) log odds before the bias, bias (H), s (N, H) draws of 0 and 1

A generator that hands out one number after another makes its user wait for the number before. One
that computes number i from i and a key alone can be asked for any of them, by any thread, in any
order. Threefry is such a generator, made of additions, rotations and exclusive ors of 32 bits
[Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4.2;
Threefry-2x32 with 20 rounds]. These are the pages; `kernels/sampling.py` draws the same numbers
with the sigmoid and the comparison in the same walk.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glassnet.kernels import dispatch
from glassnet.ops.activation import sigmoid_forward

Array = NDArray[np.float32]
Words = NDArray[np.uint32]
Key = tuple[int, int]  # two words of 32 bits

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); compiled where that is there."""
    pair = dispatch.twin("sigmoid", (x,), {})
    y: Array = (pair[0] if pair else sigmoid_forward)(x)[0]
    return y


def product(a: Array, b: Array) -> Array:
    """a b; compiled, and without the zeros of a, where it has many."""
    found: Array | None = dispatch.sparse_products([(a, b, 1.0)], turned=False)
    return a @ b if found is None else found


def sum_of_products(terms: Sequence[tuple[Array, Array, float]]) -> Array:
    """The sum of scale a^T b over at most three terms (a (K, M), b (K, N), scale): (M, N)."""
    found: Array | None = dispatch.sparse_products(terms, turned=True)
    if found is not None:
        return found
    below = np.concatenate([np.float32(scale) * b for _, b, scale in terms])
    total: Array = np.concatenate([a for a, _, _ in terms]).T @ below
    return total


def threefry(a: Words, b: Words, key: Key) -> tuple[Words, Words]:
    """Two random words for each counter (a, b): 20 rounds of x += y; y = (y turned) ^ x.

    After every fourth round the next two of the words k0, k1, k0 ^ k1 ^ 0x1BD11BDA are added, and
    how often that was done so far.
    """
    one, other = np.uint32(key[0]), np.uint32(key[1])
    keys = (one, other, one ^ other ^ np.uint32(PARITY))
    x, y = a + one, b + other
    for i in range(20):
        x, turn = x + y, np.uint32(ROTATIONS[i % 8])
        y = (y << turn | y >> np.uint32(32 - turn)) ^ x
        if i % 4 == 3:
            x = x + keys[(i // 4 + 1) % 3]
            y = y + keys[(i // 4 + 2) % 3] + np.uint32(i // 4 + 1)
    return x, y


def uniform(rows: int, columns: int, key: Key) -> Array:
    """Numbers from 0 up to 1, (rows, columns), multiples of 2^-24.

    Counter (h, i) gives the numbers in column h of rows 2 i and 2 i + 1.
    """
    b, a = np.indices(((rows + 1) // 2, columns), np.uint32)
    with np.errstate(over="ignore"):  # arithmetic modulo 2^32
        words = np.stack(threefry(a, b, key), axis=1)
    numbers: Array = (words.reshape(-1, columns)[:rows] >> np.uint32(8)).astype(np.float32)
    return numbers * np.float32(2.0**-24)


def bernoulli_page(
    x: Array, bias: Array, key: Key, scale: float = 1.0, chances: bool = False
) -> tuple[Array, Array | None]:
    """s = 1 where a uniform number is below p = sigmoid(scale x + bias), else 0; (s, p or None)."""
    p = sigmoid_forward(np.float32(scale) * x + bias)[0]
    rows, columns = x.shape
    return (uniform(rows, columns, key) < p).astype(np.float32), p if chances else None


def bernoulli(
    x: Array, bias: Array, draw: np.random.Generator, scale: float = 1.0, chances: bool = False
) -> tuple[Array, Array | None]:
    """As the page, compiled where that is there; the key is drawn from `draw`."""
    key = key_from(draw)
    run = dispatch.draws("bernoulli", x, bias) or bernoulli_page
    made: tuple[Array, Array | None] = run(x, bias, key, scale, chances)
    return made


def anneal_page(
    x: Array, bias: Array, key: Key, now: float, following: float
) -> tuple[Array, Array]:
    """s ~ sigmoid(b z), and how much the sum of softplus grows from a z to b z, z = x + bias.

    a now, b following: log(1 + e^(b z)) - log(1 + e^(a z)) = log(1 + sigmoid(a z) (e^((b-a) z) -
    1)), which keeps its digits where a and b are near; (N, H), (H) -> s (N, H), gain (N).
    """
    z = x + bias
    s, _ = bernoulli_page(z, np.zeros_like(bias), key, following)
    grown = np.expm1(np.float32(following - now) * z)
    return s, np.log1p(sigmoid_forward(np.float32(now) * z)[0] * grown).sum(axis=1)


def anneal(
    x: Array, bias: Array, draw: np.random.Generator, now: float, following: float
) -> tuple[Array, Array]:
    """As the page, compiled where that is there; the key is drawn from `draw`."""
    run = dispatch.draws("anneal", x, bias) or anneal_page
    made: tuple[Array, Array] = run(x, bias, key_from(draw), now, following)
    return made


def key_from(draw: np.random.Generator) -> Key:
    """A key of two words from a generator, which goes on by them."""
    word = draw.bit_generator.random_raw()
    return word & 0xFFFFFFFF, word >> 32
