"""The launcher: one pool of threads for all kernels, which cuts work into parts and runs them.

`glassnet_launch(task, arguments, units, parts)` runs part t, units [t U / P, (t + 1) U / P), on
thread t; the caller is thread 0. The parts depend on nothing but U and P, so the same number of
threads gives the same result to the last bit. A thread that has nothing to do looks for work for
about 100 microseconds, letting others on at each look, then sleeps: while a network trains the next
kernel follows at once (a launch takes about a microsecond), and a BLAS library or another program
has the core soon after. Libraries that wait in a loop of their own (OpenMP) would not let it go.

Within a part denormal numbers count as zero: they take a hundred times as long, and no network
needs numbers below 1e-38. Each thread's mode is put back after each part.

Where the pool is taken (another Python thread is in a kernel), or not there (a child process after
`fork`, before its first kernel), the caller runs all parts one after the other: same parts, same
result.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import time
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from glassnet.kernels import compile as compiling
from glassnet.kernels.entry import VOID, empty_module
from glassnet.kernels.language import ADDRESS, I32, I64, Pointer, Translator, untyped
from glassnet.kernels.target import Target, host
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.vector import (
    Longs,
    add_now,
    c_function,
    call,
    cast,
    part,
    pause,
    read_now,
    run_task,
    swap_now,
    unroll,
    word,
    write_now,
)

# The state all threads share, in int64; what different threads write lies in different cache lines.
JOB, LEFT, TAKEN, ASLEEP, STOP = (
    0,
    8,
    16,
    24,
    32,
)  # number of the job, parts of it not yet done, ...
TASK_AT, ARGUMENTS, UNITS, PARTS, WORKERS = 40, 41, 42, 43, 44
MUTEX, CONDITION, SIZE = 56, 72, 96  # pthread's, 64 bytes at most each
LOOKS = 1500  # for work, before a thread sleeps
PAUSES = 8  # at each look


# -- floating-point mode ---------------------------------------------------------------------------
@word
def flush_denormals(t: Translator) -> Any:
    """Let denormal numbers count as zero in this thread; gives the mode before."""
    triple = t.module.triple
    if triple.startswith("x86_64"):
        place = t.room(I32)
        call(t, "llvm.x86.sse.stmxcsr", VOID, place)
        before = t.b.load(place, typ=I32)
        t.b.store(t.b.or_(before, ir.Constant(I32, 0x8040)), place)  # flush results, inputs
        call(t, "llvm.x86.sse.ldmxcsr", VOID, place)
        return before
    if triple.startswith(("aarch64", "arm64")):
        before = call(t, "llvm.aarch64.get.fpcr", I64)
        flush = t.b.or_(before, ir.Constant(I64, 1 << 24))
        call(t, "llvm.aarch64.set.fpcr", VOID, flush)
        return before
    return ir.Constant(I64, 0)


@word
def restore_mode(t: Translator, before: Any) -> None:
    """Put this thread's floating-point mode back."""
    if t.module.triple.startswith("x86_64"):
        place = t.room(I32)
        t.b.store(before, place)
        call(t, "llvm.x86.sse.ldmxcsr", VOID, place)
    elif t.module.triple.startswith(("aarch64", "arm64")):
        call(t, "llvm.aarch64.set.fpcr", VOID, before)


# -- the pool --------------------------------------------------------------------------------------
@part
def one_part(task: int, arguments: int, units: int, parts: int, slot: int) -> None:
    """Run part `slot`."""
    begin, end = slot * units // parts, (slot + 1) * units // parts
    mode = flush_denormals()
    run_task(task, arguments, begin, end, slot)
    restore_mode(mode)


@part
def sleep(state: Longs, seen: int) -> None:
    """Wait, without using the processor, for a job after `seen`."""
    mutex, condition = cast(state + MUTEX, "Longs"), cast(state + CONDITION, "Longs")
    c_function("pthread_mutex_lock", mutex)
    add_now(state + ASLEEP, 1)
    while (read_now(state + JOB) == seen) & (read_now(state + STOP) == 0):
        c_function("pthread_cond_wait", condition, mutex)
    add_now(state + ASLEEP, -1)
    c_function("pthread_mutex_unlock", mutex)


@part
def take(state: Longs) -> None:
    """Keep all others from giving the pool a job."""
    while swap_now(state + TAKEN, 1) != 0:
        c_function("sched_yield")


@part
def look_for_work(state: Longs, seen: int) -> None:
    """Return when there is a job after `seen`, or at the end."""
    looks = 0
    while (read_now(state + JOB) == seen) & (looks < LOOKS):
        looks += 1
        for _ in unroll(PAUSES):
            pause()
        c_function("sched_yield")
    if read_now(state + JOB) == seen:
        sleep(state, seen)


def work(state: Longs) -> None:
    """What a thread does, from its start to the end of the process: its part of each job."""
    take(state)
    seen, slot = read_now(state + JOB), read_now(state + WORKERS) + 1
    write_now(state + WORKERS, slot)
    write_now(state + TAKEN, 0)
    while read_now(state + STOP) == 0:
        look_for_work(state, seen)
        if read_now(state + STOP) == 0:
            seen = read_now(state + JOB)
            parts = state[PARTS]
            if slot < parts:
                one_part(state[TASK_AT], state[ARGUMENTS], state[UNITS], parts, slot)
            add_now(state + LEFT, -1)


@part
def together(state: Longs, task: int, arguments: int, units: int, parts: int) -> None:
    """Run a job on all threads, the caller's own among them."""
    state[TASK_AT], state[ARGUMENTS], state[UNITS] = task, arguments, units
    state[PARTS] = parts
    write_now(state + LEFT, state[WORKERS])
    add_now(state + JOB, 1)
    if read_now(state + ASLEEP) > 0:
        c_function("pthread_mutex_lock", state + MUTEX)
        c_function("pthread_cond_broadcast", state + CONDITION)
        c_function("pthread_mutex_unlock", state + MUTEX)
    one_part(task, arguments, units, parts, 0)
    looks = 0
    while read_now(state + LEFT) > 0:
        pause()
        looks += 1
        if looks > LOOKS:
            c_function("sched_yield")


@part
def alone(task: int, arguments: int, units: int, parts: int) -> None:
    """Run all parts one after the other."""
    for slot in range(parts):
        one_part(task, arguments, units, parts, slot)


def run(state: Longs, task: int, arguments: int, units: int, parts: int) -> None:
    """Run a job on the pool, or alone where the pool is taken or too small."""
    if parts <= 1:
        one_part(task, arguments, units, 1, 0)
    elif swap_now(state + TAKEN, 1) != 0:
        alone(task, arguments, units, parts)
    else:
        if parts <= read_now(state + WORKERS) + 1:
            together(state, task, arguments, units, parts)
        else:
            alone(task, arguments, units, parts)
        write_now(state + TAKEN, 0)


def pool_code(target: Target) -> str:
    """LLVM's text of the launcher and of what its threads do."""
    made = empty_module("glassnet_launcher", target)
    state = untyped(ir.GlobalVariable(made, ir.IntType(8), "glassnet_state"))
    launch = ir.Function(made, ir.FunctionType(VOID, [I64] * 4), "glassnet_launch_code")
    t = Translator(launch, target.lanes)
    t.run(run, (Pointer(state, I64), *launch.args), {})
    t.finish()
    thread = ir.Function(made, ir.FunctionType(VOID, [ADDRESS]), "glassnet_thread_code")
    t = Translator(thread, target.lanes)
    t.run(work, (Pointer(thread.args[0], I64),), {})
    t.finish()
    return str(made)


class Pool:
    """The threads of this process; they start with the first kernel that has work for them."""

    def __init__(self) -> None:
        room = np.zeros(SIZE + 8, np.int64)
        skip = -room.ctypes.data % 64 // 8
        self.state = room[skip : skip + SIZE]
        self.at = self.state.ctypes.data
        self.libc = ctypes.CDLL(None)
        llvm.add_symbol("glassnet_state", self.at)
        compiling.load("glassnet_launcher", lambda: pool_code(host()))
        llvm.add_symbol("glassnet_launch", compiling.address("glassnet_launch_code"))
        self.reset()

    def reset(self) -> None:
        """A pool without threads: at first, and in the child of a fork, where they are not."""
        self.lock, self.threads = threading.Lock(), list[ctypes.c_void_p]()
        self.state[:] = 0
        self._call("pthread_mutex_init", self.at + 8 * MUTEX, None)
        self._call("pthread_cond_init", self.at + 8 * CONDITION, None)

    def grow(self, threads: int) -> None:
        """Have at least `threads` threads, the caller among them."""
        with self.lock:
            code = compiling.address("glassnet_thread_code")
            while len(self.threads) + 1 < threads and not self.state[STOP]:
                self.threads.append(ctypes.c_void_p())
                new = ctypes.addressof(self.threads[-1])
                self._call("pthread_create", new, None, code, self.at)
                while self.state[WORKERS] < len(self.threads):
                    time.sleep(1e-5)

    def stop(self) -> None:
        """End the threads; kernels run alone from now on."""
        self.state[WORKERS], self.state[STOP] = 0, 1
        self._call("pthread_mutex_lock", self.at + 8 * MUTEX)
        self._call("pthread_cond_broadcast", self.at + 8 * CONDITION)
        self._call("pthread_mutex_unlock", self.at + 8 * MUTEX)
        for thread in self.threads:
            self.libc.pthread_join(thread, None)
        self.threads = []

    def _call(self, name: str, *addresses: int | None) -> None:
        getattr(self.libc, name)(*map(ctypes.c_void_p, addresses))


GRAIN = 30_000  # float32 moved, or multiplications and additions / 4, that are worth a thread


def parts(units: int, work: float) -> int:
    """How many parts a job of `units` is cut into: as many as threads, but no part too small.

    work: about how many float32 it reads and writes, or a quarter of its multiply-adds, whichever
    is more. Depends on the job's size and the number of threads alone.
    """
    threads = get_num_threads()
    count = min(threads, units, int(work // GRAIN))
    if count <= 1:
        return 1
    if len(pool().threads) + 1 < count:
        pool().grow(count)
    return count


@cache
def pool() -> Pool:
    """The pool of this process."""
    made = Pool()
    atexit.register(made.stop)
    os.register_at_fork(after_in_child=made.reset)
    return made
