"""Randomness that can be repeated: one current generator, and draws derived from integers.

Nothing in glassnet draws from NumPy's hidden global state. Layers that need chance (dropout,
initialisers) take the current generator, which `manual_seed` or `using` sets; a training run
derives one from (seed, step), and the augmentation of an image from (seed, epoch, sample), so
that a run which was stopped and resumed draws the same numbers as one that never stopped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

_current: ContextVar[np.random.Generator | None] = ContextVar("generator", default=None)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive(*keys: int) -> np.random.Generator:
    """A generator that depends on the integers `keys` (each >= 0) alone.

    `np.random.SeedSequence` hashes the keys into the 128-bit key of a Philox counter generator
    [Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"].
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(keys)))


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the current generator of this thread and task; returns it."""
    generator = derive(seed)
    _current.set(generator)
    return generator


def generator() -> np.random.Generator:
    """The current generator; seeded from the operating system when nobody chose a seed."""
    current = _current.get()
    if current is None:
        current = np.random.default_rng()
        _current.set(current)
    return current


@contextmanager
def using(chosen: np.random.Generator) -> Iterator[np.random.Generator]:
    """Make `chosen` the current generator within the block."""
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64 [Steele, Lea, Flood 2014, Figure 12]; a bijection."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniforms(
    seed: int, epoch: int, samples: NDArray[np.integer], draws: int
) -> NDArray[np.float64]:
    """`draws` numbers in [0, 1) for each sample, a function of (seed, epoch, sample) alone.

    samples (N,) non-negative integers -> (N, draws). Draw k of a sample is SplitMix64's k-th
    output from a state that hashes (seed, epoch, sample): no order of calls, no batch and no
    prefetching changes it.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64
        state = np.zeros(1, dtype=np.uint64)
        for key in (seed, epoch, samples):
            state = _mix(state + _GOLDEN + np.asarray(key).astype(np.uint64))
        steps = np.arange(1, draws + 1, dtype=np.uint64) * _GOLDEN
        bits = _mix(state[:, None] + steps)  # (N, draws)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
