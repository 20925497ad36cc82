"""Images turned from channels last to channels first, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import ops, tensor
from glassnet.kernels import dispatch, target, turn
from tests.kernels.twins import hold_equal

sizes = st.integers(1, 40)


def images(n: int, c: int, h: int, w: int) -> np.ndarray:
    """(N, C, H, W), channels last in memory."""
    draws = np.random.default_rng(0).standard_normal((n, h, w, c)).astype(np.float32)
    return draws.transpose(0, 3, 1, 2)


@given(st.integers(1, 3), st.integers(2, 40), sizes, st.integers(2, 5))
def test_flatten_of_any_size(n: int, c: int, h: int, w: int) -> None:
    hold_equal("reshape", images(n, c, h, w), (n, -1), tolerance=1e-7)


@given(sizes, sizes)
def test_there_and_back(pixels: int, channels: int) -> None:
    x = np.random.default_rng(0).standard_normal((3, pixels, channels)).astype(np.float32)
    there = turn.turned(x, 3, pixels, channels)
    np.testing.assert_array_equal(there, x.transpose(0, 2, 1))
    np.testing.assert_array_equal(turn.turned(there, 3, channels, pixels), x)


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((2, 3, 4, 5), (2, 3, 20)),  # the pixels of a channel lie at equal distances
        ((2, 1, 4, 5), (2, 20)),
        ((2, 3, 1, 1), (2, 3)),
        ((2, 3, 4, 5), (6, 20)),
        ((0, 3, 4, 5), (0, 60)),
    ],
)
def test_what_the_page_does(shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    assert dispatch.twin("reshape", (images(*shape), to), {}) is None


def test_a_gradient_comes_back_channels_last() -> None:
    x = tensor(images(2, 8, 3, 3), requires_grad=True)
    (ops.flatten(x, 1) * 2.0).sum().backward()
    assert x.grad is not None and x.grad.data.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(x.grad.data, 2.0)


@pytest.mark.parametrize("name", target.FOREIGN)
def test_compiles_for_other_processors(name: str) -> None:
    code = target.assembly(turn.turn.code((), target.FOREIGN[name]), target.FOREIGN[name])
    assert {"avx512": "zmm", "avx2": "ymm", "arm64": "trn1"}[name] in code
