"""An inverted bottleneck in one walk, against its page and against its parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.kernels import bottleneck, conv_act, target
from glassnet.kernels.bottleneck import Cut, block, places_at_once
from glassnet.kernels.layout import nhwc
from glassnet.kernels.threads import get_num_threads, set_num_threads
from tests.kernels.twins import hold_equal

LANES = target.host().lanes


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def arguments(batch, channels, wide, outputs, size, kernel, biases=True) -> list:
    """x and the filters and biases of a block."""
    return [
        normal(batch, channels, *size),
        normal(wide, channels, 1, 1, seed=1) / channels**0.5,
        normal(wide, seed=2) if biases else None,
        normal(wide, 1, *kernel, seed=3) / 3,
        normal(wide, seed=4) if biases else None,
        normal(outputs, wide, 1, 1, seed=5) / wide**0.5,
        normal(outputs, seed=6) if biases else None,
    ]


@settings(max_examples=20)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 20),
    vectors=st.sampled_from([1, 2, 3, 6]),
    outputs=st.sampled_from([1, 11, 24]),
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
    kernel=st.sampled_from([(3, 3), (2, 5)]),
    stride=st.integers(1, 2),
    sides=st.tuples(*[st.integers(0, 1)] * 4),
    activation=st.sampled_from(["none", "relu6"]),
    biases=st.booleans(),
)
def test_it_computes_what_the_page_does(
    batch, channels, vectors, outputs, size, kernel, stride, sides, activation, biases
) -> None:
    padding = tuple((min(a, k - 1), min(b, k - 1)) for (a, b), k in zip(
        (sides[:2], sides[2:]), kernel, strict=True))  # fmt: skip
    if any(n + sum(p) < k for n, p, k in zip(size, padding, kernel, strict=True)):
        return
    given_ = arguments(batch, channels, vectors * LANES, outputs, size, kernel, biases)
    options = {"stride": stride, "padding": padding, "activation": activation}
    hold_equal("bottleneck", *given_, None, tolerance=1e-5, **options)


@pytest.mark.parametrize("outputs", [8, 11, LANES * 3])
def test_a_residual(outputs: int) -> None:
    given_ = arguments(2, 5, 2 * LANES, outputs, (9, 7), (3, 3))
    hold_equal("bottleneck", *given_, normal(2, outputs, 9, 7, seed=7), padding=1, tolerance=1e-5)


def parts(x, w1, b1, w2, b2, w3, b3, r, stride, padding) -> np.ndarray:
    """The same, layer by layer."""
    forward = conv_act.conv2d_act_forward
    t = forward(x, w1, b1, activation="relu6")[0]
    u = forward(t, w2, b2, None, stride, padding, groups=len(w2), activation="relu6")[0]
    y = forward(u, w3, b3, activation="none")[0]
    return y if r is None else y + r


CUTS = [Cut(9, 4), Cut(4, 3), Cut(3, 1), Cut(1, 2), None]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_however_it_is_cut_the_last_bit_is_that_of_the_parts(cut, threads, monkeypatch) -> None:
    monkeypatch.setattr(bottleneck.Block, "_cut", lambda self, threads: cut)
    before = get_num_threads()
    block.cache_clear()
    try:
        set_num_threads(threads)
        for stride, padding, high in ((1, 2, 9), (2, ((1, 2), (2, 2)), 9)):
            size = (9, 11) if stride == 1 else (18, 15)
            given_ = arguments(2, 24, 12 * LANES, 21, size, (5, 5))
            y = parts(*given_, None, stride, padding)
            assert y.shape[2] == high
            r = normal(*y.shape, seed=8)
            for residual, right in ((None, y), (r, y + nhwc(r).transpose(0, 3, 1, 2))):
                ours = bottleneck.bottleneck_forward(*given_, residual, stride, padding)[0]
                np.testing.assert_array_equal(ours, right)
    finally:
        set_num_threads(before)
        block.cache_clear()


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_what_is_no_ordinary_number() -> None:
    given_ = arguments(2, 4, 2 * LANES, 5, (12, 11), (3, 3))
    given_[0][0, 1, 2, 3], given_[0][1, 3, 6, 4], given_[0][1, 0, 0, 0] = np.nan, np.inf, -np.inf
    hold_equal("bottleneck", *given_, None, padding=1, activation="relu6", tolerance=1e-5)


def test_bands_are_few_and_keep_all_threads_busy() -> None:
    narrow = ((1, 24, 56, 56), 144, 24, (3, 3), 1, 1)
    alone, both = block(*narrow, 1), block(*narrow, 2)
    assert alone is not None and both is not None and both.cut is not None
    assert -(-56 // both.cut.band) % 2 == 0
    small = block((1, 192, 7, 7), 1152, 192, (5, 5), 1, 2, 2)
    assert small is not None and small.cut is None, "bands would see most rows twice"
    assert block((8, 192, 7, 7), 1152, 192, (5, 5), 1, 2, 2).cut.band == 7


def test_a_tile_of_places_fits_the_row() -> None:
    assert [places_at_once(n) for n in (1, 3, 5, 7, 14, 16)] == [1, 3, 5, 7, 7, 8]


def test_other_blocks_are_the_page_s() -> None:
    assert block((1, 4, 8, 8), LANES + 1, 4, (3, 3), 1, 1, 1) is None
    assert block((1, 4, 8, 8), LANES, 4, (3, 3), (1, 2), 1, 1) is None
    assert block((1, 4, 8, 8), LANES, 4, (3, 3), 1, 3, 1) is None
    assert block((0, 4, 8, 8), LANES, 4, (3, 3), 1, 1, 1) is None
