"""hold_equal(): a twin against its page, value and gradients, under guards around every array.

Inputs lie at the very end of their memory, before a page that nobody may touch: a kernel that reads
or writes beyond them ends the process, and faulthandler says where. Outputs, which kernels may read
past but not write, have canaries around them.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from glassnet.kernels import dispatch, memory
from glassnet.operation import OPERATIONS
from glassnet.tape import unbroadcast

pytest.importorskip("llvmlite")

Array = NDArray[Any]
CANARY = np.float32(-7.25e18)
AROUND = 256  # floats of canary on both sides


def guarded(x: Array, offset: int = 0) -> Array:
    """A copy, in the same layout, whose last byte is the last one before a forbidden page.

    offset: moved towards the start by as many bytes, for other alignments.
    """
    if x.ndim == 0:
        return x.copy()
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    packed = np.ascontiguousarray(x.transpose(order)) if x.size else x
    page = mmap.PAGESIZE
    size = -(-(packed.nbytes + offset) // page) * page or page
    area = mmap.mmap(-1, size + page)
    whole = np.frombuffer(area, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + size), ctypes.c_size_t(page), 0) == 0
    begin = size - packed.nbytes - offset
    flat = whole[begin : begin + packed.nbytes].view(packed.dtype)
    flat[...] = packed.reshape(-1)
    return flat.reshape(packed.shape).transpose(np.argsort(order)) if x.size else x.copy()


@contextmanager
def canaries() -> Iterator[None]:
    """Give out every array of the memory pool between canaries, and look at them at the end."""
    given: list[tuple[Array, int, int]] = []

    def empty(shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        whole = np.full(-(-size // 4) + 2 * AROUND, CANARY, np.float32).view(np.uint8)
        begin, end = 4 * AROUND, 4 * AROUND + size
        given.append((whole, begin, end))
        return whole[begin:end].view(dtype).reshape(shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "empty", empty)
        yield
    for whole, begin, end in given:
        before = np.full(len(whole) // 4, CANARY, np.float32).view(np.uint8)
        assert (whole[:begin] == before[:begin]).all(), "written before an array"
        assert (whole[end:] == before[end:]).all(), "written after an array"


def hold_equal(
    name: str,
    *args: Any,
    tolerance: float = 2e-6,
    needs: tuple[bool, ...] | None = None,
    offset: int = 0,
    least: float = 1e-30,
    **options: Any,
) -> None:
    """The twin of the operation `name` gives on `args` what its page gives in float64.

    Values and gradients agree to `tolerance` of the largest entry, or of `least` where that is
    more: the size of what is summed, for sums of few entries that may cancel. NaN and infinities
    stand in the same places; inputs stay as they were. Fails where the twin leaves the call to the
    page.
    """
    mine = [guarded(a, offset) if isinstance(a, np.ndarray) else a for a in args]
    before = [np.array(a) if isinstance(a, np.ndarray) else a for a in mine]
    pair = dispatch.twin(name, tuple(mine), options)
    assert pair is not None, f"the twin of {name} does not serve these arguments"
    with canaries():
        values, gradients = _run(name, pair, mine, needs, options)
    for a, b in zip(mine, before, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, "an input was changed")
    wide = [a.astype(np.float64) if _floats(a) else a for a in args]
    page_values, page_gradients = _run(name, OPERATIONS[name].page, wide, needs, options)
    for what, ours, theirs in (
        ("value", values, page_values),
        ("gradient", gradients, page_gradients),
    ):
        assert len(ours) >= len(theirs)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=False)):
            _close(a, b, tolerance, f"{what} {i} of {name}", least)


def _run(
    name: str, pair: Any, args: list[Any], needs: Any, options: dict[str, Any]
) -> tuple[list[Any], list[Any]]:
    operation = OPERATIONS[name]
    output, cache = pair[0](*args, **options)
    outputs = list(output) if isinstance(output, tuple) else [output]
    dys = [
        np.random.default_rng(i).standard_normal(np.shape(y)).astype(np.asarray(y).dtype)
        for i, y in enumerate(outputs)
    ]
    dys = [_laid_out_like(dy, y) for dy, y in zip(dys, outputs, strict=True)]
    asked = {"needs": needs or (True,) * len(args)} if operation.takes_needs else {}
    gradients = pair[1](tuple(dys) if isinstance(output, tuple) else dys[0], cache, **asked)
    gradients = list(gradients) if isinstance(gradients, tuple) else [gradients]
    if operation.broadcasts:
        gradients = [
            None if g is None else unbroadcast(g, np.shape(a))
            for g, a in zip(gradients, args, strict=False)
        ]
    return outputs, gradients


def _laid_out_like(dy: Array, y: Array) -> Array:
    made = np.empty_like(y)
    made[...] = dy
    return guarded(made) if made.dtype == np.float32 else made


def _close(ours: Any, theirs: Any, tolerance: float, label: str, least: float = 1e-30) -> None:
    assert (ours is None) == (theirs is None), f"{label}: {type(ours)} for {type(theirs)}"
    if theirs is None:
        return
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, f"{label}: {ours.shape} for {theirs.shape}"
    if not _floats(theirs):
        np.testing.assert_array_equal(ours, theirs, label)
        return
    assert ours.dtype == np.float32, f"{label}: {ours.dtype}"
    real = np.isfinite(theirs) & (np.abs(theirs) < np.finfo(np.float32).max)
    scale = float(np.max(np.abs(theirs[real]), initial=least))
    with np.errstate(over="ignore"):
        rounded = theirs.astype(np.float32)
    np.testing.assert_array_equal(ours[~real], rounded[~real], label)
    np.testing.assert_allclose(
        ours[real], theirs[real], rtol=0, atol=tolerance * scale, err_msg=label
    )


def _floats(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"
