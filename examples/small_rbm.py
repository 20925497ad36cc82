"""A Boltzmann machine so small that its likelihood can be summed exactly: 20 hidden units on MNIST.

    python examples/small_rbm.py [--epochs 25] [--out runs/small-rbm]

Persistent chains, centred gradients, a learning rate that falls to nothing. At the end the exact
mean log-likelihood of the 10,000 test digits, binarised by one draw with seed 0, beside what
annealing estimates for the same machine.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import glassnet as gn
from glassnet.dreams import RBM, binarise, bracket, exact_log_z, fit

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--hidden", type=int, default=20)
parser.add_argument("--method", default="pcd")
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch", type=int, default=100)
parser.add_argument("--chains", type=int, default=100)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("runs/small-rbm"))
choice = parser.parse_args()

train, test = gn.data.mnist()
digits, held_out = (np.asarray(part.batch(range(len(part)))[0]) for part in (train, test))
seen_test = binarise(held_out.reshape(10_000, 784), seed=0)
rbm = RBM(784, choice.hidden, seed=choice.seed)
begun = time.monotonic()


def watch(epoch: int, row: dict[str, float]) -> None:
    """One line an epoch."""
    print(f"epoch {epoch}  gap {row['gap']:.2f}  {time.monotonic() - begun:.0f} s", flush=True)


fit(
    rbm, digits, validation=held_out, watch=watch, binarise=True, seed=choice.seed,
    method=choice.method, epochs=choice.epochs, lr=choice.lr, batch_size=choice.batch,
    chains=choice.chains,
)  # fmt: skip
choice.out.mkdir(parents=True, exist_ok=True)
print(rbm.save(choice.out / "rbm.safetensors"), f"{time.monotonic() - begun:.0f} s")
exact = float(-rbm.free_energy(seen_test).mean(dtype=np.float64) - exact_log_z(rbm))
print(f"exact: {exact:.3f} nats", flush=True)
print(bracket(rbm, seen_test, steps=1000, rounds=200))
