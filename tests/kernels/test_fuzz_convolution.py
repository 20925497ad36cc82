"""Convolutions of any kind, at random, against their pages, with guards around every array.

The three twins behind conv2d (direct sums, Winograd's, a filter a channel) and conv2d_act: random
shapes, strides, paddings, dilations and groups, batches of 0 and 1, arrays with gaps, reversed,
repeated or out of line, NaN, infinities and denormal numbers, in images and in gradients.
"""

import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassnet.kernels import dispatch, memory, target
from glassnet.kernels.conv import convolution
from glassnet.operation import OPERATIONS
from tests.kernels.twins import Array, _close, canaries, guarded

LANES = target.host().lanes
SPECIAL = np.array([np.nan, np.inf, -np.inf, 1e-40, -1e-40, 0.0, -0.0], np.float32)
LAYOUTS = ["C", "channels last", "gaps", "reversed", "one image, repeated", "rows first"]
TOLERANCE = 1e-5  # of the largest entry


def normal(shape: tuple[int, ...], seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def laid_out(x: Array, layout: str, offset: int) -> Array:
    """The numbers of x in some layout, at the end of guarded memory."""
    if layout == "channels last":
        return guarded(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), offset).transpose(0, 3, 1, 2)
    if layout == "rows first":
        return guarded(np.ascontiguousarray(x.transpose(2, 0, 3, 1)), offset).transpose(1, 3, 0, 2)
    if layout == "gaps" and x.size:
        wide = np.repeat(x, 2, axis=3)[..., :-1]
        return guarded(wide, offset)[..., ::2]
    if layout == "reversed" and x.size:
        return guarded(np.ascontiguousarray(x[:, ::-1, ::-1]), offset)[:, ::-1, ::-1]
    if layout == "one image, repeated" and x.size:
        return np.broadcast_to(guarded(x[:1], offset), x.shape)
    return guarded(x, offset) if x.size else x.copy()


pairs = st.tuples(st.integers(0, 3), st.integers(0, 3))


@st.composite
def cases(draw) -> tuple:
    """(x, weight, bias, options, special values for x and dy)."""
    kind = draw(st.sampled_from(["any", "any", "grouped", "depthwise", "winograd", "1x1"]))
    kernel, stride, dilation, groups = (3, 3), (1, 1), (1, 1), 1
    batch = draw(st.sampled_from([0, 1, 1, 2, 3, 5]))
    inputs, outputs = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    if kind in ("any", "grouped"):
        kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
        stride, dilation = (draw(st.tuples(*[st.integers(1, n)] * 2)) for n in (3, 2))
    if kind == "grouped":
        groups = draw(st.integers(2, 4))
        inputs, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 5)) * groups
    if kind == "depthwise":
        groups, inputs = draw(st.integers(LANES, 3 * LANES)), 1
        kernel = draw(st.sampled_from([(3, 3), (5, 5), (2, 3)]))
        stride, outputs = (draw(st.integers(1, 2)),) * 2, groups
    if kind == "winograd":
        inputs, outputs = (4 * draw(st.integers(4, 12)) for _ in range(2))
        batch, kernel = max(batch, 3), draw(st.sampled_from([(3, 3), (5, 5)]))
    if kind == "1x1":
        kernel = (1, 1)
    padding = draw(st.one_of(st.integers(0, 3), pairs, st.tuples(pairs, pairs)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    least, more = (8, 6) if kind == "winograd" else (0, 9)
    size = [max(n, least) + draw(st.integers(0, more)) for n in reach]
    seed = draw(st.integers(0, 99))
    x = normal((batch, inputs * groups, *size), seed)
    weight = normal((outputs, inputs, *kernel), seed + 1)
    weight *= np.float32(3 / np.sqrt(weight[0].size))  # sums of about 3, some of them beyond 6
    bias = normal((outputs,), seed + 2) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, weight, bias, options, draw(st.lists(st.sampled_from(SPECIAL), max_size=2))


def sprinkle(x: Array, values: list[np.float32], seed: int) -> Array:
    """Some of its entries replaced by these values."""
    x = x.copy()
    if x.size:
        places = np.random.default_rng(seed).integers(0, x.size, len(values))
        x.reshape(-1)[places] = values
    return x


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(
    case=cases(),
    layout=st.sampled_from(LAYOUTS),
    dy_layout=st.sampled_from(LAYOUTS),
    offset=st.sampled_from([0, 4, 12, 20]),
    activation=st.sampled_from([None, None, "relu", "relu6", "none"]),
    needs=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_twins_and_pages_agree(case, layout, dy_layout, offset, activation, needs) -> None:
    x, weight, bias, options, special = case
    name = "conv2d" if activation is None else "conv2d_act"
    options = options if activation is None else {**options, "activation": activation}
    if layout == "one image, repeated" and len(x):
        x = np.repeat(x[:1], len(x), axis=0)
    x = laid_out(sprinkle(x, special, 0) if layout[0] != "o" else x, layout, offset)
    weight = laid_out(weight, "channels last", offset)
    bias = None if bias is None else guarded(bias, offset)
    args = (x, weight, bias)
    twin = dispatch.twin(name, args, options)
    if twin is None:
        assert not x.size or not fits(x, weight, options), "a twin leaves the call to the page"
        return
    before = [np.array(a) for a in args if a is not None]
    wide = [None if a is None else flushed(a) for a in args]
    right, page_cache = OPERATIONS[name].page[0](*wide, **options)
    dy = laid_out(sprinkle(normal(right.shape, 7), special[:1], 1), dy_layout, offset)
    with canaries():
        y, cache = twin[0](*args, **options)
        gradients = twin[1](dy, cache, needs)
    for a, b in zip((a for a in args if a is not None), before, strict=True):
        np.testing.assert_array_equal(a, b, "an input was changed")
    _close(y, right, TOLERANCE, "value")
    if activation in ("relu", "relu6") and at_a_kink(wide, case[3]):
        return
    right_gradients = OPERATIONS[name].page[1](flushed(dy), page_cache, needs)
    for i, (ours, theirs) in enumerate(zip(gradients, right_gradients, strict=True)):
        if needs[i]:
            _close(ours, theirs, TOLERANCE, f"gradient {i}")


def flushed(a: Array) -> Array:
    """In float64, with 0 for what is denormal in float32, as kernels have it: inf 0 is NaN."""
    return np.where(np.abs(a) < np.finfo(np.float32).tiny, 0, a).astype(np.float64)


def at_a_kink(arrays: list[Array | None], options: dict) -> bool:
    """Whether a sum is so near to 0 or 6 that rounding decides on the gradient."""
    sums, _ = OPERATIONS["conv2d"].page[0](*arrays, **options)
    return any(np.isclose(sums, kink, rtol=0, atol=1e-5).any() for kink in (0, 6))


def fits(x: Array, weight: Array, options: dict) -> bool:
    """Whether these sizes make a convolution at all."""
    shape = (options["stride"], options["padding"], options["dilation"], options["groups"])
    return convolution(x.shape, weight.shape, *shape, 1) is not None


# -- the guards catch what they are there for ------------------------------------------------------
def write_beside(array: Array, place: int) -> None:
    """Write number `place` after the beginning of an array, in the memory that it is part of."""
    whole = array.base
    assert whole is not None
    whole[(array.ctypes.data - whole.ctypes.data) // 4 + place] = 1.0


@pytest.mark.parametrize("place", [-1, 12])
def test_a_write_outside_an_array_is_seen(place: int) -> None:
    watch = canaries()
    watch.__enter__()
    write_beside(memory.empty((3, 4)), place)
    with pytest.raises(AssertionError, match="written"):
        watch.__exit__(None, None, None)


def test_a_touch_behind_an_input_ends_the_process() -> None:
    code = (
        "import ctypes, numpy as np; from tests.kernels.twins import guarded\n"
        "x = guarded(np.ones(5, np.float32)); ctypes.string_at(x.ctypes.data, 21)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGSEGV
