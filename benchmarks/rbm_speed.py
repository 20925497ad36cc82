"""An epoch of a Boltzmann machine beside scikit-learn's BernoulliRBM: 784-500, 60,000 digits.

    python -m benchmarks.rbm_speed [--turns 5] [--hidden 500] [--batch 100]

Both begin anew at each turn and see every digit once, float32 intensities in batches of 100, one
step of Gibbs sampling an update: contrastive divergence here, persistent chains there, which is the
same five products of matrices. Needs MNIST, see `glassnet data`.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np

from benchmarks.timing import OURS, Contender, compare, interleave

PEER = "scikit-learn"


def digits() -> Any:
    """The 60,000 training digits, (60000, 784) float32 from 0 to 1."""
    import glassnet as gn

    train, _ = gn.data.mnist()
    images = np.asarray(train.batch(range(len(train)))[0]).reshape(len(train), -1)
    return np.ascontiguousarray(images / np.float32(255 if images.dtype == np.uint8 else 1))


def epochs(x: Any, hidden: int = 500, batch: int = 100) -> dict[str, Contender]:
    """One epoch of each, from fresh weights."""
    from sklearn.neural_network import BernoulliRBM

    from glassnet.dreams import RBM, fit

    theirs = BernoulliRBM(hidden, learning_rate=0.05, batch_size=batch, n_iter=1, random_state=0)

    def ours() -> None:
        machine = RBM(x.shape[1], hidden)
        fit(machine, x, method="cd", epochs=1, batch_size=batch, centred=False)

    return {OURS: ours, PEER: lambda: theirs.fit(x)}


def main() -> None:
    """Print seconds of each and the ratio, its median and quartiles over the turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--batch", type=int, default=100)
    choice = parser.parse_args()
    alone = os.environ.get("OMP_NUM_THREADS") == "1"
    clock = time.process_time if alone else time.perf_counter
    contenders = epochs(digits(), choice.hidden, choice.batch)
    times = interleave(contenders, choice.turns, 0, clock)
    found = compare(times[PEER], times[OURS])
    print(
        f"glassnet {found.ours_ms / 1000:.2f} s, {PEER} {found.theirs_ms / 1000:.2f} s; "
        f"{found.ratio:.2f} times as fast ({found.spread[0]:.2f} to {found.spread[1]:.2f})"
    )


if __name__ == "__main__":
    main()
