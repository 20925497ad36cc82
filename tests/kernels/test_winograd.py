"""Winograd's convolution against the page, over shapes; what it leaves to the direct sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet.kernels import conv, target, winograd
from glassnet.kernels.conv import convolution
from glassnet.kernels.winograd_tiles import cover
from tests.kernels.twins import hold_equal

TOLERANCE = 5e-6  # of the largest entry


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def uses_winograd(x: np.ndarray, w: np.ndarray, padding) -> bool:
    return convolution(x.shape, w.shape, 1, padding, 1, 1, 1).winograd


def hold(x: np.ndarray, w: np.ndarray, padding=1, bias=True, **options) -> None:
    assert uses_winograd(x, w, padding)
    b = normal(len(w), seed=2) if bias else None
    hold_equal("conv2d", x, w, b, padding=padding, tolerance=TOLERANCE, **options)


@pytest.mark.parametrize(
    ("x", "outputs"),
    [
        ((2, 16, 32, 32), 16), ((2, 32, 16, 16), 32), ((6, 64, 8, 8), 64),  # ResNet-20
        ((2, 24, 31, 31), 64), ((2, 64, 15, 15), 64), ((8, 64, 7, 7), 128), ((20, 64, 3, 3), 64),
    ],
)  # fmt: skip
def test_shapes_of_real_networks(x, outputs) -> None:
    hold(normal(*x), normal(outputs, x[1], 3, 3, seed=1), bias=False)


@pytest.mark.parametrize(("x", "outputs"), [((2, 16, 16, 16), 20), ((3, 20, 8, 8), 20)])
def test_filters_of_five_as_in_convnetjs(x, outputs) -> None:
    hold(normal(*x), normal(outputs, x[1], 5, 5, seed=1), padding=2)


@settings(max_examples=25)
@given(
    batch=st.integers(8, 12),
    channels=st.sampled_from([16, 20, 24, 28, 40]),
    outputs=st.sampled_from([16, 20, 28, 36, 48]),
    taps=st.sampled_from([3, 5]),
    size=st.tuples(st.integers(5, 14), st.integers(5, 14)),
    padding=st.one_of(
        st.integers(0, 3), st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 3))] * 2)
    ),
)
def test_any_size_and_padding(batch, channels, outputs, taps, size, padding) -> None:
    x = normal(batch, channels, *size)
    w = normal(outputs, channels, taps, taps, seed=1)
    if uses_winograd(x, w, padding):
        hold(x, w, padding)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_what_is_no_ordinary_number_stays_where_it_is(value) -> None:
    x, w = normal(3, 16, 12, 12), normal(16, 16, 3, 3, seed=1)
    x[1, 2, 5, 5] = value
    hold(x, w, bias=False)
    x, w = normal(3, 16, 12, 12), normal(16, 16, 3, 3, seed=1)
    w[3, 2, 1, 1] = value
    hold(x, w)


def test_exact_mode_does_without() -> None:
    x, w = normal(4, 32, 12, 12), normal(32, 32, 3, 3, seed=1)
    fast, _ = conv.conv2d_forward(x, w, None, 1, 1)
    with gn.kernels.exact():
        slow, cache = conv.conv2d_forward(x, w, None, 1, 1)
        direct = conv.conv2d_backward(slow, cache)
    assert not (fast == slow).all()
    assert np.allclose(fast, slow, atol=1e-4)
    _, cache = conv.conv2d_forward(x, w, None, 1, 1)
    for ours, theirs in zip(conv.conv2d_backward(slow, cache)[:2], direct[:2], strict=True):
        assert not (ours == theirs).all()
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


def test_the_same_bits_again() -> None:
    x, w = normal(8, 32, 15, 15), normal(32, 32, 3, 3, seed=1)
    runs = [conv.conv2d_forward(x, w, None, 1, 1) for _ in range(2)]
    assert (runs[0][0] == runs[1][0]).all()
    gradients = [conv.conv2d_backward(y, cache) for y, cache in runs]
    assert (gradients[0][0] == gradients[1][0]).all()
    assert (gradients[0][1] == gradients[1][1]).all()


@pytest.mark.parametrize("out", [2, 4])
@pytest.mark.parametrize("length", range(1, 30))
def test_tiles_cover_a_length(length: int, out: int) -> None:
    count, tall = cover(length, out)
    sizes = [out] * tall + [out - 1] * (count - tall)
    assert sum(sizes) >= length > sum(sizes[:-1])
    assert sum(sizes) == length or length in (1, 2, 5)


@pytest.mark.parametrize(("taps", "sums"), [(3, False), (5, True)])
@pytest.mark.parametrize("name", target.FOREIGN)
def test_compiles_for_other_processors(name: str, taps: int, sums: bool) -> None:
    machine = target.FOREIGN[name]
    wide = 2 * machine.lanes
    sizes = {"TAPS": taps, "IN": 20 % machine.lanes, "WIDE": wide, "REST": 52 % wide, "SUMS": sums}
    sizes["MB"] = 6 if machine.registers == 16 else 12
    text = winograd.filter_tiles.code(tuple(sorted(sizes.items())), machine)
    code = target.assembly(text, machine)
    assert {"avx512": "zmm", "avx2": "ymm", "arm64": "fmla"}[name] in code
