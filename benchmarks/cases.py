"""The list of benchmarks: what each is called, what it compares, and with how many threads.

A case runs in a process of its own, so that no benchmark inherits another's heap or sleeping
threads; within it all contenders take turns. Most run twice: with the C library's memory allocator
as it is, and tuned, with its thresholds raised so that freed memory is kept. PyTorch gives large
tensors back to the system after each operation otherwise, and pays for fresh pages in the next.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.networks import TRAINED, USED
from benchmarks.timing import OURS, Comparison, Contender, compare, interleave

TUNED = ", malloc tuned"
Timed = Iterator[tuple[str, str, Comparison, dict[str, Any]]]  # (name, peer, times, what else)


class Case(NamedTuple):
    """One benchmark: `run(tuned, turns)` gives its comparisons; threads 0 is all cores."""

    run: Callable[[bool, int], Timed]
    modes: tuple[bool, ...] = (False, True)
    threads: int = 0


def _all(contenders: dict[str, Contender], turns: int, seconds: float = 0.15) -> Timed:
    alone = os.environ["OMP_NUM_THREADS"] == "1"
    clock = time.process_time if alone else time.perf_counter
    times = interleave(contenders, turns, seconds, clock)
    for peer in contenders:
        if peer != OURS:
            yield "", peer, compare(times[peer], times[OURS]), {}


def _step(name: str) -> Case:
    def run(tuned: bool, turns: int) -> Timed:
        from benchmarks.steps import training_step

        slow = TRAINED[name].batch == 512
        compiled = tuned and not slow and os.environ["OMP_NUM_THREADS"] != "1"
        contenders = training_step(name, compiled)
        yield from _all(contenders, min(turns, 5) if slow else turns)

    return Case(run)


def _one_thread(name: str) -> Case:
    run = _step(name).run if name in TRAINED else _inference(name).run
    return Case(run, (True,), threads=1)


def _inference(name: str) -> Case:
    def run(tuned: bool, turns: int) -> Timed:
        from benchmarks.steps import inference

        compiled = tuned and os.environ["OMP_NUM_THREADS"] != "1"
        yield from _all(inference(name, compiled), turns)

    return Case(run)


def _layers(name: str) -> Case:
    def run(tuned: bool, turns: int) -> Timed:
        from benchmarks.layers import layers, passes

        for layer, count in layers(name).items():
            for direction, contenders in passes(layer, trained=name in TRAINED):
                for _, peer, times, _ in _all(contenders, min(turns, 9), 0.01):
                    yield f"{layer}: {direction}", peer, times, {"count": count}

    return Case(run, (True,))


def _overhead(kind: str) -> Case:
    def run(tuned: bool, turns: int) -> Timed:
        from benchmarks.overhead import LENGTH, chain

        times = interleave(chain(kind), turns, 0.05, time.process_time)
        ours, bare = times[OURS], times["functions alone"]
        tape = [1e6 * (a - b) / LENGTH for a, b in zip(ours, bare, strict=True)]
        extra = {"tape_us_per_operation": round(sorted(tape)[len(tape) // 2], 2)}
        for peer in ("functions alone", "PyTorch"):
            yield "", peer, compare(times[peer], ours), extra

    return Case(run, (False,), threads=1)


def _start(kind: str) -> Case:
    def run(tuned: bool, turns: int) -> Timed:
        from benchmarks.start import starts

        times = starts(min(turns, 5))[kind]
        wall, used = (
            compare([t[i] for t in times["pytorch"]], [t[i] for t in times["glassnet"]])
            for i in (0, 1)
        )
        more = {"ours_processor_ms": used.ours_ms, "theirs_processor_ms": used.theirs_ms}
        yield "", "PyTorch", wall, more

    return Case(run, (False,))


def _input(name: str) -> Case:
    def run(tuned: bool, turns: int) -> Timed:
        from benchmarks.input import with_and_without

        yield from _all(with_and_without(name), turns, 0.4)

    return Case(run, (False,), threads=1)  # whose clock counts the loader's thread too


def _boltzmann(tuned: bool, turns: int) -> Timed:
    from benchmarks.rbm_speed import digits, epochs

    yield from _all(epochs(digits()), min(turns, 5), 0)


CASES: dict[str, Case] = {
    **{f"step {name}": _step(name) for name in TRAINED},
    **{name: _inference(name) for name in USED},
    **{f"one thread, step {name}": _one_thread(name) for name in TRAINED},
    **{f"one thread, {name}": _one_thread(name) for name in USED},
    **{f"layers of {name}": _layers(name) for name in (*TRAINED, *USED)},
    **{f"one thread, layers of {name}": _layers(name)._replace(threads=1) for name in TRAINED},
    **{f"tape, {kind}": _overhead(kind) for kind in ("add", "relu", "linear")},
    **{f"start, {kind}": _start(kind) for kind in ("cold", "warm")},
    **{f"input of {name}": _input(name) for name in TRAINED},
    "epoch of a Boltzmann machine": Case(_boltzmann, (False,)),
}


def run(name: str, tuned: bool, turns: int) -> list[dict[str, Any]]:
    """The rows of one benchmark, measured in this process."""
    prepare()
    rows = []
    for part, peer, times, extra in CASES[name].run(tuned, turns):
        row = {"name": f"{name}: {part}" if part else name, "peer": peer + TUNED * tuned}
        row["load"] = round(os.getloadavg()[0], 1)
        rows.append(row | times._asdict() | extra)
    return rows


def prepare() -> None:
    """Give both libraries the same number of threads, and PyTorch's compiler its quiet."""
    import torch

    import glassnet as gn

    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    gn.set_num_threads(threads)
