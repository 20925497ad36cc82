"""Random numbers by counter against published ones, and draws against their chances."""

from __future__ import annotations

import numpy as np
import pytest

from glassnet.dreams import sampling
from glassnet.kernels import dispatch
from tests.kernels.twins import canaries, guarded

KEY = (0xFEDCBA98, 0x12345678)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_words_its_authors_publish(
    counter: tuple[int, int], key: tuple[int, int], words: tuple[int, int]
) -> None:
    """The known answers of Random123 for threefry2x32 with 20 rounds."""
    with np.errstate(over="ignore"):
        a, b = (np.array([word], np.uint32) for word in counter)
        x, y = sampling.threefry(a, b, key)
    assert (int(x[0]), int(y[0])) == words


def test_uniform_numbers_are_spread_evenly_and_alone() -> None:
    u = sampling.uniform(401, 500, KEY)
    assert u.min() >= 0 and u.max() < 1
    counts = np.histogram(u, 64, (0, 1))[0]
    expected = u.size / 64
    assert ((counts - expected) ** 2 / expected).sum() < 63 + 5 * np.sqrt(2 * 63)
    centred = u - 0.5
    for a, b in ((centred[:-1], centred[1:]), (centred[:, :-1], centred[:, 1:])):
        assert abs(12 * (a * b).mean()) < 5 / np.sqrt(a.size)
    np.testing.assert_array_equal(sampling.uniform(7, 3, KEY), u[:7, :3])
    assert not (sampling.uniform(7, 3, (KEY[0], 0)) == u[:7, :3]).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (2, 3), (7, 21), (100, 130)])
@pytest.mark.parametrize("chances", [False, True])
def test_the_twin_draws_what_the_page_draws(shape: tuple[int, int], chances: bool) -> None:
    draw = np.random.default_rng(0)
    x = guarded(draw.normal(0, 4, shape).astype(np.float32))
    bias = guarded(draw.normal(0, 1, shape[1]).astype(np.float32))
    run = dispatch.draws("bernoulli", x, bias)
    assert run is not None
    with canaries():
        s, p = run(x, bias, KEY, 0.5, chances)
    want, chance = sampling.bernoulli_page(x, bias, KEY, 0.5, True)
    assert chance is not None
    near = np.abs(sampling.uniform(*shape, KEY) - chance) < 1e-6  # where the last digit decides
    np.testing.assert_array_equal(s[~near], want[~near])
    assert set(np.unique(s)) <= {0, 1}
    assert (p is None) is not chances
    if p is not None:
        np.testing.assert_allclose(p, chance, rtol=1e-6)


def test_certain_units_and_units_that_are_no_numbers() -> None:
    x = np.array([[np.inf, -np.inf, 200, -200, np.nan]], np.float32)
    for run in (sampling.bernoulli_page, dispatch.draws("bernoulli", x, x[0])):
        assert run is not None
        np.testing.assert_array_equal(run(x, np.zeros(5, np.float32), KEY)[0], [[1, 0, 1, 0, 0]])


def test_means_are_the_chances() -> None:
    x = np.tile(np.linspace(-4, 4, 9, dtype=np.float32), (40_000, 1))
    draw = np.random.default_rng(0)
    s, p = sampling.bernoulli(x, np.zeros(9, np.float32), draw, chances=True)
    assert p is not None
    assert (np.abs(s.mean(axis=0) - p[0]) < 5 * np.sqrt(p[0] * (1 - p[0]) / 40_000)).all()
    again, _ = sampling.bernoulli(x, np.zeros(9, np.float32), draw)
    assert (again != s).any(), "the generator goes on"


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (7, 21), (100, 130)])
@pytest.mark.parametrize(("now", "following"), [(0.0, 0.5), (0.9, 0.9001), (1.0, 0.8)])
def test_the_step_of_a_walk(shape: tuple[int, int], now: float, following: float) -> None:
    draw = np.random.default_rng(0)
    x = guarded(draw.normal(0, 4, shape).astype(np.float32))
    bias = guarded(draw.normal(0, 1, shape[1]).astype(np.float32))
    run = dispatch.draws("anneal", x, bias)
    assert run is not None
    with canaries():
        s, gain = run(x, bias, KEY, now, following)
    z = (x + bias).astype(np.float64)
    want = (np.logaddexp(0, following * z) - np.logaddexp(0, now * z)).sum(axis=1)
    drawn, grown = sampling.anneal_page(x, bias, KEY, now, following)
    np.testing.assert_allclose(gain, want, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(grown, want, rtol=2e-5, atol=2e-5)
    near = np.abs(sampling.uniform(*shape, KEY) - 1 / (1 + np.exp(-following * z))) < 1e-6
    np.testing.assert_array_equal(s[~near], drawn[~near])


def test_the_page_runs_where_the_twin_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.zeros((3, 4), np.float32)
    assert dispatch.draws("bernoulli", x.astype(np.float64), x[0]) is None
    assert dispatch.draws("bernoulli", x.T, x[:, 0]) is None
    monkeypatch.setattr(dispatch, "MODE", "reference")
    assert dispatch.draws("bernoulli", x, x[0]) is None
    assert sampling.bernoulli(x, x[0], np.random.default_rng(0))[0].shape == (3, 4)
