"""Products of matrices: matmul, linear, and einsum for every other sum of products.

N   rows, or positions in a sequence      I   inputs
O   outputs                               ... batch axes
"""

from __future__ import annotations

from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import example, operation
from glassnet.ops._samples import normal
from glassnet.tape import Array
from glassnet.tensor import Tensor

Needs = tuple[bool, ...]


def matmul_forward(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    """y = a b over the last two axes: a (..., N, I), b (..., I, O) -> y (..., N, O).

    The batch axes broadcast. A vector in the place of a is a row, of b a column, and y is without
    that axis.
    """
    return np.matmul(a, b), (a, b)


def matmul_backward(
    dy: Array, cache: tuple[Array, Array], needs: Needs
) -> tuple[Array | None, Array | None]:
    """da = dy b^T, db = a^T dy; over broadcast batch axes the tape sums (`tape.unbroadcast`)."""
    a, b = cache
    row = a[None, :] if a.ndim == 1 else a  # (..., N, I)
    column = b[:, None] if b.ndim == 1 else b  # (..., I, O)
    dy = np.expand_dims(dy, -1) if b.ndim == 1 else dy
    dy = np.expand_dims(dy, -2) if a.ndim == 1 else dy  # (..., N, O)
    da = np.matmul(dy, column.swapaxes(-1, -2)) if needs[0] else None
    db = np.matmul(row.swapaxes(-1, -2), dy) if needs[1] else None
    return da, db[..., 0] if b.ndim == 1 and db is not None else db


matmul = operation(
    matmul_forward,
    matmul_backward,
    examples=lambda: [
        example(normal(3, 4), normal(4, 5)),
        example(normal(2, 1, 3, 4), normal(6, 4, 5)),
        example(normal(4), normal(2, 4, 5)),
        example(normal(2, 3, 4), normal(4)),
        example(normal(4), normal(4, key=1)),
    ],
    broadcasts=True,
)


def linear_forward(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Any]:
    """y = x W^T + b:  x (..., I), weight (O, I), bias (O,) -> y (..., O)."""
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError("x (..., I) and weight (O, I) need the same number I of inputs")
    rows = x.reshape(prod(x.shape[:-1]), x.shape[-1])  # (N, I)
    y = rows @ weight.T  # (N, O)
    if bias is not None:
        y += bias
    return y.reshape(*x.shape[:-1], len(weight)), (rows, weight, x.shape)


def linear_backward(dy: Array, cache: Any, needs: Needs) -> tuple[Array | None, ...]:
    """dx = dy W, dW = dy^T x, db = sum of dy over the rows."""
    rows, weight, shape = cache
    dy = dy.reshape(len(rows), len(weight))  # (N, O)
    dx = (dy @ weight).reshape(shape) if needs[0] else None
    dweight = dy.T @ rows if needs[1] else None
    return dx, dweight, dy.sum(axis=0) if any(needs[2:]) else None


linear = operation(
    linear_forward,
    linear_backward,
    examples=lambda: [
        example(normal(5, 3), normal(2, 3), normal(2)),
        example(normal(2, 4, 3), normal(2, 3), None),
        example(normal(3), normal(2, 3), normal(2)),
    ],
)


def einsum_forward(*operands: Array, equation: str) -> tuple[Array, Any]:
    """y = the products of the operands, summed over the letters that y does not have.

    "ij,jk->ik" is a matrix product; without "->" y has the letters that stand once, in
    alphabetical order.
    """
    terms, result = _letters(equation)
    lengths = _lengths(terms, operands)
    y = np.einsum(",".join(terms) + "->" + result, *operands, optimize=True)
    return y, (operands, terms, result, lengths)


def einsum_backward(dy: Array, cache: Any) -> tuple[Array, ...]:
    """d(operand i) = the einsum of dy with the other operands, onto the letters of operand i.

    y is linear in each operand, and its slope is the product of the others. A letter that only
    operand i has was summed out: its gradient is the same all along. A letter that operand i has
    twice picked a diagonal, which is where the gradient goes.
    """
    operands, terms, result, lengths = cache
    return tuple(_gradient(i, dy, operands, terms, result, lengths) for i in range(len(operands)))


def _gradient(
    i: int, dy: Array, operands: Any, terms: list[str], result: str, lengths: dict[str, int]
) -> Array:
    own = "".join(dict.fromkeys(terms[i]))  # each letter once
    others = [result, *terms[:i], *terms[i + 1 :]]
    found = "".join(letter for letter in own if any(letter in term for term in others))
    values = (dy, *operands[:i], *operands[i + 1 :])
    slope = np.einsum(",".join(others) + "->" + found, *values, optimize=True)
    slope = slope.reshape([lengths[letter] if letter in found else 1 for letter in own])
    slope = np.broadcast_to(slope, [lengths[letter] for letter in own])
    if own == terms[i]:
        return slope
    gradient = np.zeros(operands[i].shape, dy.dtype)
    np.einsum(terms[i] + "->" + own, gradient)[...] = slope  # a view of the diagonal
    return gradient


def _letters(equation: str) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        result = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    named = set(left) >= set(result) and len(set(result)) == len(result)
    if not named or not all(term.isalpha() or not term for term in [*terms, result]):
        raise ShapeError(
            f'einsum() takes letters for all axes, as in "bij,bjk->bik", each letter of the result '
            f'once; not "{equation}"'
        )
    return terms, result


def _lengths(terms: list[str], operands: tuple[Array, ...]) -> dict[str, int]:
    """The length that each letter stands for."""
    lengths: dict[str, int] = {}
    fits = len(terms) == len(operands)
    for term, x in zip(terms, operands, strict=False):
        fits = fits and len(term) == x.ndim
        fits = fits and all(
            lengths.setdefault(c, n) == n for c, n in zip(term, x.shape, strict=False)
        )
    if not fits:
        raise ShapeError(
            f'einsum() of "{",".join(terms)}" does not fit operands of shapes '
            f"{[x.shape for x in operands]}: a letter for each axis, and one length for each letter"
        )
    return lengths


_einsum = operation(
    einsum_forward,
    einsum_backward,
    examples=lambda: [
        example(normal(3, 4), normal(4, 5), equation="ij,jk->ik"),
        example(normal(2, 3, 4), normal(2, 5, 4), equation="bqd,bkd->bqk"),
        example(normal(3, 4), normal(3), normal(4), equation="ij,i,j->"),
        example(normal(3, 3), equation="ii->i"),
        example(normal(2, 3, 4), equation="abc->c"),
    ],
)


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """The sum of products that `equation` describes, `einsum("ij,jk->ik", a, b)`.

    A letter names an axis; letters that the result does not have are summed over [Einstein 1916].
    "..." stands for the axes that no letter names, in front of the others unless it says where.
    Raises ShapeError for an equation that does not fit the operands.
    """
    return _einsum(*operands, equation=_spell_out(equation, [x.ndim for x in operands]))


def _spell_out(equation: str, axes: list[int]) -> str:
    """The equation with letters in the place of "...": operand i has axes[i] axes."""
    if "..." not in equation:
        return equation
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        result = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    hidden = [n - len(t) + 3 if "..." in t else 0 for t, n in zip(terms, axes, strict=False)]
    spare = [c for c in ascii_letters if c not in equation][: max(0, *hidden)]
    whole = [
        term.replace("...", "".join(spare[len(spare) - n :] if n > 0 else []))
        for term, n in zip(terms, hidden, strict=False)
    ]
    return ",".join(whole) + "->" + result.replace("...", "".join(spare))
