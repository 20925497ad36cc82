"""The launcher: one pool of threads for all kernels, which cuts work into parts and runs them.

`glassnet_launch(task, arguments, units, parts)` runs part t, units [t U / P, (t + 1) U / P), for
all t < P. The parts depend on nothing but U and P, so the same number of threads gives the same
result to the last bit; which thread runs a part does not matter. The caller runs part 0 and then
what nobody has begun: on a machine with other work it does not wait for a thread that gets no
processor. A thread without work looks for some for about 100 microseconds, letting others on at
each look, then sleeps: while a network trains the next kernel follows at once (a launch takes less
than a microsecond), and a BLAS library or another program has the core soon after. Libraries that
wait in a loop of their own (OpenMP) would not let it go.

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
from glassnet.kernels.language import Translator
from glassnet.kernels.target import Target, host
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.values import ADDRESS, I32, I64, Pointer, untyped
from glassnet.kernels.vector import (
    Longs,
    add_now,
    c_function,
    call,
    part,
    pause,
    read_now,
    run_task,
    swap_if,
    swap_now,
    unroll,
    word,
    write_now,
)

# The state all threads share, in int64; what different threads write lies in different cache lines.
# PLAN says which job there is, how many parts it has and which of them is to be begun next, in one
# number, so that a thread that takes a part has it from the job that there is.
PLAN, DONE, TAKEN, ASLEEP, STOP, WORKERS = range(0, 48, 8)
TASK_AT, ARGUMENTS, UNITS = 48, 49, 50
MUTEX, CONDITION, SIZE = 56, 72, 96  # pthread's, 64 bytes at most each
PARTS_AT, JOB_AT = 16, 32  # bits of PLAN: next part, parts, job
MOST = (1 << PARTS_AT) - 1
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
def take_part(state: Longs) -> int:
    """Begin a part of the job that there is and run it; gives whether there was one."""
    plan = read_now(state + PLAN)
    slot, parts = plan & MOST, (plan >> PARTS_AT) & MOST
    there = slot < parts
    if there:  # noqa: SIM102 - `and` would swap in any case
        if swap_if(state + PLAN, plan, plan + 1):
            one_part(state[TASK_AT], state[ARGUMENTS], state[UNITS], parts, slot)
            add_now(state + DONE, 1)
    return there


@part
def sleep(state: Longs, seen: int) -> None:
    """Wait, without using the processor, for a plan other than `seen`."""
    mutex, condition = state + MUTEX, state + CONDITION
    c_function("pthread_mutex_lock", mutex)
    add_now(state + ASLEEP, 1)
    while (read_now(state + PLAN) == seen) & (read_now(state + STOP) == 0):
        c_function("pthread_cond_wait", condition, mutex)
    add_now(state + ASLEEP, -1)
    c_function("pthread_mutex_unlock", mutex)


@part
def wait_for_work(state: Longs) -> None:
    """Return when there is another plan, or at the end."""
    seen, looks = read_now(state + PLAN), 0
    begun = (seen & MOST) >= ((seen >> PARTS_AT) & MOST)  # all parts, that is
    while begun & (looks < LOOKS) & (read_now(state + PLAN) == seen):
        looks += 1
        for _ in unroll(PAUSES):
            pause()
        c_function("sched_yield")
    if looks == LOOKS:
        sleep(state, seen)


def work(state: Longs) -> None:
    """What a thread does, from its start to the end of the process: parts of each job."""
    add_now(state + WORKERS, 1)
    while read_now(state + STOP) == 0:
        if not take_part(state):
            wait_for_work(state)


@part
def together(state: Longs, task: int, arguments: int, units: int, parts: int) -> None:
    """Run a job on all threads, the caller's own among them."""
    state[TASK_AT], state[ARGUMENTS], state[UNITS] = task, arguments, units
    write_now(state + DONE, 1)
    job = (read_now(state + PLAN) >> JOB_AT) + 1
    write_now(state + PLAN, job << JOB_AT | parts << PARTS_AT | 1)
    if read_now(state + ASLEEP) > 0:
        c_function("pthread_mutex_lock", state + MUTEX)
        c_function("pthread_cond_broadcast", state + CONDITION)
        c_function("pthread_mutex_unlock", state + MUTEX)
    one_part(task, arguments, units, parts, 0)
    while take_part(state):
        pass
    looks = 0
    while read_now(state + DONE) < parts:
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
        if (read_now(state + WORKERS) > 0) & (parts <= MOST):
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


@compiling.task
def nothing(begin: int, end: int) -> None:
    """No work at all: what is left is the launch."""


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
    count = int(work // GRAIN)
    if count <= 1 or (count := min(get_num_threads(), units, count)) <= 1:
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
