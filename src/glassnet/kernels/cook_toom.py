"""The matrices of Winograd's convolution, and how a kernel multiplies by them.

Write three filter taps as a polynomial g(t) of degree 2 and four numbers as y(t) of degree 3. Their
product has six coefficients, and a polynomial of degree 5 is known from its values at six points
(one of them infinity: the leading coefficient). At a point the product is one multiplication, so
six do in place of twelve [Toom 1963, Cook 1966]. Read backwards (transposed) the same identity is
correlation [Winograd 1980]:

    y = A^T [ (G g) * (B^T d) ]           4 outputs of 6 pixels d and 3 taps g, * entry by entry

Five taps and two outputs have the same six points, and ten multiplications in place of six.

A and G evaluate at the points, B interpolates. Where the points lie decides how many digits are
lost: values at far points are large, cancel in A^T, and leave their rounding errors behind. The
usual 0, 1, -1, 2, -2 lose 3.5 bits against the plain sum (both in float32, normally distributed
numbers, 32 channels), and 3.2 bits in dw; 0, 5/8, -5/8, 3/2, -3/2 lose 2.4 and 1.4: the best of all
pairs +-a, +-b of short fractions that were tried, in the manner of [Alam et al. 2022, "Winograd
convolution for deep neural networks: efficient point selection"]. With denominators that are powers
of two all entries of A and B are exact in float32; G, which has sevenths, is applied in float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from glassnet.kernels.vector import fma, part, unroll

POINTS = tuple(Fraction(n, 8) for n in (0, 5, -5, 12, -12))  # and infinity
SIDE = 6  # pixels of a row of a tile: taps and outputs are 7 together
LAST = SIDE - 1  # the position of infinity
Matrix = tuple[tuple[float, ...], ...]
Term = tuple[int, float]
Rows = list[list[Fraction]]


def cook_toom(points: tuple[Fraction, ...], taps: int) -> tuple[Rows, Rows, Rows]:
    """A (6, outputs), G (6, taps), B^T (6, 6) of interpolation at 5 points and infinity, exactly.

    Row i of A and of G is 1, p, p^2, ... at point p_i, G's divided by the product over the other
    points q of p_i - q, which belongs to Lagrange's interpolation. The rows of B^T are the
    coefficients of that interpolation's polynomials, the products of t - q over the other points.
    """
    out = outputs_of(taps)
    others = [[q for q in points if q != p] for p in points]
    a = [[p**k for k in range(out)] for p in points]
    g = [
        [p**k / product(p - q for q in rest) for k in range(taps)]
        for p, rest in zip(points, others, strict=True)
    ]
    b = [[*with_roots(rest), Fraction(0)] for rest in others]
    infinity = [[Fraction(k == count - 1) for k in range(count)] for count in (out, taps)]
    return [*a, infinity[0]], [*g, infinity[1]], [*b, with_roots(points)]


def outputs_of(taps: int) -> int:
    """The outputs of a row of a tile: 4 of filters with 3 taps, 2 of filters with 5."""
    return SIDE + 1 - taps


def product(factors: Iterable[Fraction]) -> Fraction:
    """The product of fractions."""
    result = Fraction(1)
    for factor in factors:
        result *= factor
    return result


def with_roots(roots: Iterable[Fraction]) -> list[Fraction]:
    """Coefficients, from 1 upwards, of the product of t - root."""
    polynomial = [Fraction(1)]
    for root in roots:
        times_t, same = [Fraction(0), *polynomial], [*polynomial, Fraction(0)]
        polynomial = [a - root * b for a, b in zip(times_t, same, strict=True)]
    return polynomial


class Matrices(NamedTuple):
    """A, G and B^T, as kernels multiply by them."""

    A: Matrix
    G: Matrix
    B: Matrix


MATRICES = {
    taps: Matrices(*(tuple(tuple(map(float, row)) for row in m) for m in cook_toom(POINTS, taps)))
    for taps in (3, 5)
}


# -- one matrix times a few vectors ----------------------------------------------------------------
# Points come in pairs p, -p: their rows differ in the signs of the odd columns alone, so that both
# rows need one sum over the even columns and one over the odd ones.
def terms(row: tuple[float, ...], first: int, divisor: float = 1.0) -> list[Term]:
    """(column, entry / divisor) for columns first, first + 2, ... that are not 0; ones first."""
    found = [(j, row[j] / divisor) for j in range(first, len(row), 2) if row[j]]
    return sorted(found, key=needs_product)


def needs_product(term: Term) -> bool:
    """Whether a term's entry is not 1."""
    return term[1] != 1


def odd_divisor(row: tuple[float, ...]) -> float:
    """The odd entry that divides the other one to a short binary fraction: both stay exact."""
    odd = [entry for entry in row[1::2] if entry]
    return min(odd, key=lambda entry: max(Fraction(other / entry).denominator for other in odd))


@part
def total(found: list[Term], v: list[Any]) -> Any:
    """The sum of entry times v[column] over these terms."""
    result = v[found[0][0]] * found[0][1]
    for j, entry in found[1:]:
        result = fma(v[j], entry, result)
    return result


@part
def evaluated(matrix: Matrix, v: list[Any]) -> list[Any]:
    """matrix v, for one of A, G, B^T."""
    values = [total(terms(matrix[0], 0), v)]
    for i in unroll(1, LAST, 2):
        divisor = odd_divisor(matrix[i])
        even, odd = total(terms(matrix[i], 0), v), total(terms(matrix[i], 1, divisor), v)
        values = [*values, fma(odd, divisor, even), fma(odd, -divisor, even)]
    return [*values, total(terms(matrix[LAST], 0) + terms(matrix[LAST], 1), v)]


@part
def collected(matrix: Matrix, v: list[Any]) -> list[Any]:
    """matrix^T v, for one of A, G: the transpose of `evaluated`."""
    plus = [v[i] + v[i + 1] for i in unroll(1, LAST, 2)]
    minus = [v[i] - v[i + 1] for i in unroll(1, LAST, 2)]
    sums = [total(column(matrix, 0), [v[0], *plus, v[LAST]])]
    for j in unroll(1, len(matrix[0])):
        sums = [*sums, total(column(matrix, j), [v[0], *(minus if j % 2 else plus), v[LAST]])]
    return sums


def column(matrix: Matrix, j: int) -> list[Term]:
    """The terms of column j, with one entry for both rows of a pair."""
    entries = [matrix[i][j] for i in (0, *range(1, LAST, 2), LAST)]
    return sorted([(i, entry) for i, entry in enumerate(entries) if entry], key=needs_product)


@part
def on_both_sides(way: Any, matrix: Matrix, grid: list[list[Any]]) -> list[list[Any]]:
    """matrix grid matrix^T (`evaluated`), or matrix^T grid matrix (`collected`)."""
    done = [way(matrix, [row[j] for row in grid]) for j in unroll(len(grid[0]))]  # column j
    return [way(matrix, [each[i] for each in done]) for i in unroll(len(done[0]))]
