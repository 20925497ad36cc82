"""Winograd's matrices: the identity, exactly, and what the points are good for."""

from fractions import Fraction

import numpy as np
import pytest

from glassnet.kernels.cook_toom import LAST, OUT, POINTS, SIDE, TAPS, A, B, G, cook_toom

OTHERS = tuple(map(Fraction, (0, 1, -1, 2, -2)))


def fractions(*shape: int, seed: int) -> np.ndarray:
    numbers = np.random.default_rng(seed).integers(-99, 100, (*shape, 2))
    made = [Fraction(int(a), int(abs(b)) + 1) for a, b in numbers.reshape(-1, 2)]
    return np.array(made, dtype=object).reshape(shape)


def correlation(d: np.ndarray, w: np.ndarray) -> np.ndarray:
    size = len(d) - TAPS + 1
    return sum(d[i : i + size, j : j + size] * w[i, j] for i in range(TAPS) for j in range(TAPS))


@pytest.mark.parametrize("points", [POINTS, OTHERS])
def test_the_identity_holds_without_any_rounding(points) -> None:
    a, g, b = (np.array(matrix, dtype=object) for matrix in cook_toom(points))
    for seed in range(5):
        d, w = fractions(SIDE, SIDE, seed=seed), fractions(TAPS, TAPS, seed=seed + 50)
        y = a.T @ ((g @ w @ g.T) * (b @ d @ b.T)) @ a
        assert (y == correlation(d, w)).all()


@pytest.mark.parametrize("points", [POINTS, OTHERS])
def test_its_transpose_is_the_gradient_to_the_filter(points) -> None:
    a, g, b = (np.array(matrix, dtype=object) for matrix in cook_toom(points))
    d, dy = fractions(SIDE, SIDE, seed=1), fractions(OUT, OUT, seed=2)
    dw = g.T @ ((a @ dy @ a.T) * (b @ d @ b.T)) @ g
    for i in range(TAPS):
        for j in range(TAPS):
            assert dw[i, j] == (d[i : i + OUT, j : j + OUT] * dy).sum()


def test_a_tile_of_three_needs_no_infinity() -> None:
    a, _, b = cook_toom(POINTS)
    assert all(a[LAST][k] == 0 for k in range(OUT - 1))
    assert all(row[LAST] == 0 for row in b[:LAST])


def test_what_multiplies_images_is_exact_in_float32() -> None:
    exact = cook_toom(POINTS)
    for matrix, fraction in ((A, exact[0]), (B, exact[2])):
        for row, precise in zip(matrix, fraction, strict=True):
            assert [Fraction(float(np.float32(entry))) for entry in row] == precise


def error(points: tuple[Fraction, ...]) -> tuple[float, float]:
    """Relative errors of y and dw in float32, for tiles of normal numbers and 16 channels."""
    a, g, b = (np.array(m, dtype=object).astype(np.float64) for m in cook_toom(points))
    a32, b32 = a.astype(np.float32), b.astype(np.float32)
    random = np.random.default_rng(0)
    d = random.standard_normal((64, SIDE, SIDE, 16)).astype(np.float32)
    dy = random.standard_normal((64, OUT, OUT, 16)).astype(np.float32)
    w = random.standard_normal((TAPS, TAPS, 16, 16)).astype(np.float32)
    v = np.einsum("ai,tijc,bj->abtc", b32, d, b32)
    u = np.einsum("ai,ijco,bj->abco", g, w.astype(np.float64), g).astype(np.float32)
    y = np.einsum("ai,abto,bj->tijo", a32, v @ u, a32)
    z = np.einsum("ai,tijo,bj->abto", a32, dy, a32)
    du = (v.swapaxes(2, 3) @ z).astype(np.float64)
    dw = np.einsum("ai,abco,bj->ijco", g, du, g)
    wide = d.astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(wide, (TAPS, TAPS), (1, 2))
    right_y = np.einsum("tijckl,klco->tijo", windows, w.astype(np.float64))
    right_dw = np.einsum("tijckl,tijo->klco", windows, dy.astype(np.float64))
    return relative(y, right_y), relative(dw, right_dw)


def relative(ours: np.ndarray, right: np.ndarray) -> float:
    return float(np.linalg.norm(ours - right) / np.linalg.norm(right))


def test_these_points_keep_more_digits_than_the_usual_ones() -> None:
    (y, dw), (usual_y, usual_dw) = error(POINTS), error(OTHERS)
    assert y < 6e-7
    assert dw < 8e-7
    assert usual_y > 1.8 * y
    assert usual_dw > 1.8 * dw


def test_filters_are_what_G_is_for() -> None:
    assert np.shape(G) == (SIDE, TAPS)
    assert np.allclose(np.array(G)[0], [1 / np.prod([-float(p) for p in POINTS[1:]]), 0, 0])
