"""Winograd's matrices: the identity, exactly, and what the points are good for."""

from fractions import Fraction

import numpy as np
import pytest

from glassnet.kernels.cook_toom import LAST, MATRICES, POINTS, SIDE, cook_toom, outputs_of

OTHERS = tuple(map(Fraction, (0, 1, -1, 2, -2)))


def fractions(*shape: int, seed: int) -> np.ndarray:
    numbers = np.random.default_rng(seed).integers(-99, 100, (*shape, 2))
    made = [Fraction(int(a), int(abs(b)) + 1) for a, b in numbers.reshape(-1, 2)]
    return np.array(made, dtype=object).reshape(shape)


def correlation(d: np.ndarray, w: np.ndarray) -> np.ndarray:
    taps = range(len(w))
    size = len(d) - len(w) + 1
    return sum(d[i : i + size, j : j + size] * w[i, j] for i in taps for j in taps)


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("points", [POINTS, OTHERS])
def test_the_identity_holds_without_any_rounding(points, taps) -> None:
    a, g, b = (np.array(matrix, dtype=object) for matrix in cook_toom(points, taps))
    for seed in range(5):
        d, w = fractions(SIDE, SIDE, seed=seed), fractions(taps, taps, seed=seed + 50)
        y = a.T @ ((g @ w @ g.T) * (b @ d @ b.T)) @ a
        assert (y == correlation(d, w)).all()


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("points", [POINTS, OTHERS])
def test_its_transpose_is_the_gradient_to_the_filter(points, taps) -> None:
    a, g, b = (np.array(matrix, dtype=object) for matrix in cook_toom(points, taps))
    out = outputs_of(taps)
    d, dy = fractions(SIDE, SIDE, seed=1), fractions(out, out, seed=2)
    dw = g.T @ ((a @ dy @ a.T) * (b @ d @ b.T)) @ g
    for i in range(taps):
        for j in range(taps):
            assert dw[i, j] == (d[i : i + out, j : j + out] * dy).sum()


@pytest.mark.parametrize("taps", [3, 5])
def test_a_tile_of_one_less_needs_no_infinity(taps) -> None:
    a, _, b = cook_toom(POINTS, taps)
    assert all(a[LAST][k] == 0 for k in range(outputs_of(taps) - 1))
    assert all(row[LAST] == 0 for row in b[:LAST])


@pytest.mark.parametrize("taps", [3, 5])
def test_what_multiplies_images_is_exact_in_float32(taps) -> None:
    exact, made = cook_toom(POINTS, taps), MATRICES[taps]
    for matrix, fraction in ((made.A, exact[0]), (made.B, exact[2])):
        for row, precise in zip(matrix, fraction, strict=True):
            assert [Fraction(float(np.float32(entry))) for entry in row] == precise


def error(points: tuple[Fraction, ...], taps: int) -> tuple[float, float]:
    """Relative errors of y and dw in float32, for tiles of normal numbers and 16 channels."""
    a, g, b = (np.array(m, dtype=object).astype(np.float64) for m in cook_toom(points, taps))
    out = outputs_of(taps)
    a32, b32 = a.astype(np.float32), b.astype(np.float32)
    random = np.random.default_rng(0)
    d = random.standard_normal((64, SIDE, SIDE, 16)).astype(np.float32)
    dy = random.standard_normal((64, out, out, 16)).astype(np.float32)
    w = random.standard_normal((taps, taps, 16, 16)).astype(np.float32)
    v = np.einsum("ai,tijc,bj->abtc", b32, d, b32)
    u = np.einsum("ai,ijco,bj->abco", g, w.astype(np.float64), g).astype(np.float32)
    y = np.einsum("ai,abto,bj->tijo", a32, v @ u, a32)
    z = np.einsum("ai,tijo,bj->abto", a32, dy, a32)
    du = (v.swapaxes(2, 3) @ z).astype(np.float64)
    dw = np.einsum("ai,abco,bj->ijco", g, du, g)
    wide = d.astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(wide, (taps, taps), (1, 2))
    right_y = np.einsum("tijckl,klco->tijo", windows, w.astype(np.float64))
    right_dw = np.einsum("tijckl,tijo->klco", windows, dy.astype(np.float64))
    return relative(y, right_y), relative(dw, right_dw)


def relative(ours: np.ndarray, right: np.ndarray) -> float:
    return float(np.linalg.norm(ours - right) / np.linalg.norm(right))


@pytest.mark.parametrize(("taps", "in_y", "in_dw"), [(3, 6e-7, 9e-7), (5, 7e-7, 1e-6)])
def test_these_points_keep_more_digits_than_the_usual_ones(taps, in_y, in_dw) -> None:
    (y, dw), (usual_y, usual_dw) = error(POINTS, taps), error(OTHERS, taps)
    assert y < in_y
    assert dw < in_dw
    assert usual_y > 1.8 * y
    assert usual_dw > 1.8 * dw


@pytest.mark.parametrize("taps", [3, 5])
def test_filters_are_what_G_is_for(taps) -> None:
    G = MATRICES[taps].G
    assert np.shape(G) == (SIDE, taps)
    first = 1 / np.prod([-float(p) for p in POINTS[1:]])
    assert np.allclose(np.array(G)[0], [first, *[0] * (taps - 1)])
