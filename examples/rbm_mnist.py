"""A Boltzmann machine of 500 hidden units on MNIST, and how likely it finds digits it never saw.

    python examples/rbm_mnist.py [--epochs 30] [--then 12] [--out runs/rbm-500]

Persistent chains, centred gradients, a learning rate that falls to nothing; the pixels are drawn
anew from their intensities in each epoch. Then, more carefully, some epochs with five steps an
update of five times as many chains, of which the mean of the weights stays. At the end the mean
log-likelihood of the 10,000 test digits, binarised by one draw with seed 0, between forward and
backward annealing. `--epochs 0 --then 0 --start FILE` judges a machine that is there.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import glassnet as gn
from glassnet.dreams import RBM, binarise, bracket, fit

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--hidden", type=int, default=500)
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--then", type=int, default=12, help="epochs of the second stage")
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch", type=int, default=100)
parser.add_argument("--chains", type=int, default=100)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--walks", type=int, default=100, help="of each annealing")
parser.add_argument("--runs", type=int, default=3, help="of both, for the spread")
parser.add_argument("--rounds", type=int, default=2000, help="of the chains walks go back from")
parser.add_argument("--start", type=Path, help="a machine to go on with")
parser.add_argument("--out", type=Path, default=Path("runs/rbm-500"))
choice = parser.parse_args()

train, test = gn.data.mnist()
digits, held_out = (np.asarray(part.batch(range(len(part)))[0]) for part in (train, test))
seen_test = binarise(held_out.reshape(10_000, 784), seed=0)
choice.out.mkdir(parents=True, exist_ok=True)
rbm = RBM.load(choice.start) if choice.start else RBM(784, choice.hidden, seed=choice.seed)
begun = time.monotonic()


def watch(epoch: int, row: dict[str, float]) -> None:
    """One line, and the machine as it is."""
    spent = time.monotonic() - begun
    print(f"epoch {epoch}  error {row['reconstruction']:.4f}  gap {row['gap']:.2f}  {spent:.0f} s",
          flush=True)  # fmt: skip
    if epoch % 10 == 0:
        rbm.save(choice.out / "rbm.safetensors")


QUICK = {"epochs": choice.epochs, "lr": choice.lr, "chains": choice.chains}
CAREFUL = {
    "epochs": choice.then, "lr": choice.lr / 4, "chains": 5 * choice.chains, "steps": 5,
    "average": 0.5,
}  # fmt: skip
for stage, settings in enumerate((QUICK, CAREFUL)):
    fit(
        rbm, digits, validation=held_out, watch=watch, binarise=True, seed=choice.seed + stage,
        batch_size=choice.batch, weight_decay=1e-4 * stage, **settings,
    )  # fmt: skip
print(rbm.save(choice.out / "rbm.safetensors"), f"{time.monotonic() - begun:.0f} s")
print(bracket(rbm, seen_test, choice.runs, choice.walks, rounds=choice.rounds))
