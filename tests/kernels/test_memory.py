"""The pool of memory: buffers come back when nobody looks at them, and not before."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.kernels import memory
from glassnet.kernels.memory import AFTER, LINE, SMALL, Pool

BIG = (300, 300)


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    made = Pool(bound=1 << 24)
    monkeypatch.setattr(memory, "POOL", made)
    return made


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_any_kind_of_number() -> None:
    bytes_ = memory.empty((3, SMALL), np.dtype(np.uint8))
    assert bytes_.dtype == np.uint8 and bytes_.shape == (3, SMALL)
    assert address(bytes_) % LINE == 0 and bytes_.base is not None
    assert memory.empty((5,), np.float64).dtype == np.float64


def test_a_dead_array_leaves_its_memory_to_the_next() -> None:
    first = memory.empty(BIG)
    where = address(first)
    second = memory.empty(BIG)
    assert address(second) != where
    del first
    assert address(memory.empty(BIG)) == where


@pytest.mark.parametrize(
    "view", [lambda a: a[5:], lambda a: a.T, lambda a: a.reshape(-1)[::7], np.asarray, memoryview]
)
def test_a_view_holds_on_to_the_memory(view) -> None:
    array = memory.empty(BIG)
    where, kept = address(array), view(array)
    del array
    assert address(memory.empty(BIG)) != where
    del kept
    assert address(memory.empty(BIG)) == where


@given(st.lists(st.integers(1, 700), min_size=1, max_size=3))
def test_alignment_and_room_behind(shape: list[int]) -> None:
    if 4 * np.prod(shape) > 1 << 22:
        shape = shape[:1]
    array = memory.empty(tuple(shape))
    assert array.shape == tuple(shape) and array.dtype == np.float32 and array.flags.c_contiguous
    if array.nbytes >= SMALL:
        buffer = array.base
        assert address(array) % LINE == 0
        assert address(buffer) + buffer.nbytes - address(array) - array.nbytes >= AFTER


def test_near_sizes_share_buffers(pool: Pool) -> None:
    for n in range(100_000, 101_000, 100):
        memory.empty((n,))
    assert pool.stats().held < 3 * 4 * 101_000


def test_the_bound_holds_for_what_lies_idle(pool: Pool) -> None:
    for n in range(20):
        memory.empty((200_000 + 50_000 * n,))
    assert pool.stats().held <= pool.bound
    kept = [memory.empty((1_000_000,)) for _ in range(6)]  # more than the bound, all in use
    assert pool.stats().used >= sum(a.nbytes for a in kept) > pool.bound
    peak = pool.stats().peak
    del kept
    memory.empty((2_000_000,))
    assert pool.stats().held <= pool.bound
    assert pool.stats().peak == peak
    pool.clear()
    assert pool.stats()[:3] == (0, 0, 0)


def test_zeros_are_zero_in_used_memory() -> None:
    memory.empty(BIG).fill(7)
    assert (memory.zeros(BIG) == 0).all()


def test_two_threads_never_get_the_same_buffer() -> None:
    clashes = []

    def many(mark: float) -> None:
        for _ in range(300):
            array = memory.empty(BIG)
            array[0] = mark
            if not (array[0] == mark).all():
                clashes.append(mark)

    threads = [threading.Thread(target=many, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clashes == []
