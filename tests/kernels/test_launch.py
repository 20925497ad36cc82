"""The pool of threads: parts, floating-point mode, other threads, fork and the end of a process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import glassnet as gn
from glassnet.kernels import launch
from glassnet.kernels.compile import Task
from glassnet.kernels.vector import Floats, Longs, c_function, read_now, write_now

HALVES = """
import numpy as np, os, sys
import glassnet as gn
from glassnet.kernels import launch
gn.set_num_threads(2)
x = gn.tensor(np.random.default_rng(0).standard_normal(400_000).astype(np.float32))
def works():
    return np.array_equal(gn.ops.relu(x).data, np.maximum(x.data, 0))
assert works() and len(launch.pool().threads) == 1
"""


def mark(begin: int, end: int, slot: int, times: Longs, slots: Longs) -> None:
    for i in range(begin, end):
        times[i] += 1
        slots[i] = slot


def halve(begin: int, end: int, x: Floats, y: Floats) -> None:
    for i in range(begin, end):
        y[i] = x[i] * 0.5


def slow(begin: int, end: int, x: Floats) -> None:
    for i in range(begin, end):
        for _ in range(2000):
            x[i] = x[i] * 0.999 + 1.0


def meet(begin: int, end: int, slot: int, met: Longs) -> None:
    write_now(met + slot, 1)
    tries = 0
    while (read_now(met + (1 - slot)) == 0) & (tries < 10_000_000):
        c_function("sched_yield")
        tries += 1
    met[2 + slot] = read_now(met + (1 - slot))


@pytest.fixture(autouse=True)
def two_threads():
    before = gn.get_num_threads()
    gn.set_num_threads(2)
    launch.pool().grow(2)
    yield
    gn.set_num_threads(before)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize("units", [1, 2, 5, 1000])
def test_every_unit_runs_once_in_the_part_that_it_belongs_to(units: int, parts: int) -> None:
    times, slots = np.zeros(units, np.int64), np.zeros(units, np.int64)
    Task(mark).compiled()(units, parts, times, slots)
    assert (times == 1).all()
    expected = np.concatenate(
        [np.full((t + 1) * units // parts - t * units // parts, t, np.int64) for t in range(parts)]
    )
    np.testing.assert_array_equal(slots, expected)


def test_two_parts_run_at_the_same_time() -> None:
    met = np.zeros(4, np.int64)
    Task(meet).compiled()(2, 2, met)
    assert met.tolist() == [1, 1, 1, 1]


def test_parts_follow_from_size_and_threads() -> None:
    assert launch.parts(100, 10 * launch.GRAIN) == 2
    assert launch.parts(1, 10 * launch.GRAIN) == 1
    assert launch.parts(100, launch.GRAIN) == 1
    gn.set_num_threads(1)
    assert launch.parts(100, 10 * launch.GRAIN) == 1


@pytest.mark.parametrize("parts", [1, 2])
def test_denormal_numbers_count_as_zero_within_a_kernel_alone(parts: int) -> None:
    tiny = np.full(64, 1e-39, np.float32)
    y = np.ones(64, np.float32)
    Task(halve).compiled()(64, parts, tiny, y)
    assert (y == 0).all()
    assert (tiny * np.float32(0.5) > 0).all()  # this thread's mode is as it was


def test_kernels_in_several_python_threads_at_once() -> None:
    call, wrong = Task(halve).compiled(), []

    def many(seed: int) -> None:
        x = np.random.default_rng(seed).standard_normal(5000).astype(np.float32)
        for _ in range(300):
            y = np.zeros_like(x)
            call(5000, 2, x, y)
            if not np.array_equal(y, x * np.float32(0.5)):
                wrong.append(seed)

    threads = [threading.Thread(target=many, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_python_goes_on_while_two_parts_run() -> None:
    ticks = []
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.perf_counter()
    Task(slow).compiled()(20_000, 2, np.zeros(20_000, np.float32))
    end = time.perf_counter()
    done.set()
    ticker.join()
    assert sum(begin < t < end for t in ticks) >= 3


def test_threads_without_work_sleep() -> None:
    Task(halve).compiled()(64, 2, np.zeros(64, np.float32), np.zeros(64, np.float32))
    time.sleep(0.1)
    begin = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - begin < 0.1


def test_a_forked_child_computes_too() -> None:
    code = HALVES + (
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os._exit(0 if works() and works() and len(launch.pool().threads) == 1 else 3)\n"
        "assert os.waitpid(pid, 0)[1] == 0 and works()"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_a_process_ends_whatever_its_threads_do() -> None:
    for last in ("", "import time; time.sleep(0.05)", "import atexit; atexit.register(works)"):
        done = run(HALVES + last)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def test_an_interpreter_that_stopped_its_pool_computes_alone() -> None:
    done = run(HALVES + "launch.pool().stop(); assert works()")
    assert done.returncode == 0, done.stderr
