"""Features learned without labels, then fine-tuned with them: a Boltzmann machine of 1,024 units.

    python examples/rbm_1024.py [--judge held-out] [--out runs/rbm-1024]

The machine sees the 60,000 training digits and no label; its weights are the first layer of a
classifier 784-1024-10, which backpropagation fine-tunes with dropout. No pixel's place is used, no
image is distorted. `--judge held-out` trains on 50,000 digits and is judged on the other 10,000:
that is how the settings were chosen. A machine that is in the folder already is taken as it is.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import glassnet as gn
from glassnet import data, optim
from glassnet.dreams import RBM, fit, unrolled

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--judge", choices=["test", "held-out"], default="test")
parser.add_argument("--machine-epochs", type=int, default=12)
parser.add_argument("--epochs", type=int, default=60)
parser.add_argument("--lr", type=float, default=2e-3)
parser.add_argument("--dropout", type=float, default=0.25)
parser.add_argument("--input-dropout", type=float, default=0.2)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("runs/rbm-1024"))
choice = parser.parse_args()

train, test = gn.data.mnist()
place = choice.out / "rbm.safetensors"
begun = time.monotonic()
if place.exists():
    rbm = RBM.load(place)
else:
    choice.out.mkdir(parents=True, exist_ok=True)
    rbm = RBM(784, 1024, seed=choice.seed)
    digits = np.asarray(train.batch(range(len(train)))[0])
    fit(
        rbm, digits, method="cd", binarise=True, lr=0.1, weight_decay=1e-4, seed=choice.seed,
        epochs=choice.machine_epochs,
        watch=lambda epoch, row: print(epoch, f"{row['reconstruction']:.4f}", flush=True),
    )  # fmt: skip
    rbm.save(place)
    print(f"machine: {time.monotonic() - begun:.0f} s")

if choice.judge == "held-out":
    train, test = data.split(train, 1 / 6, seed=0)
net = unrolled([rbm], 10, choice.dropout, choice.input_dropout, choice.seed)
run = gn.fit(
    net, train, preprocess=data.Preprocessing(channels=1), progress=False, schedule="one-cycle",
    optimizer=optim.AdamW(net.parameters(), lr=choice.lr, weight_decay=0.0), ema=0.999,
    epochs=choice.epochs, batch_size=128, seed=choice.seed, out=choice.out / choice.judge,
    resume=True,
)  # fmt: skip
judged = run.evaluate(test)
print(f"{choice.judge}: {judged.errors} errors of {len(test)}, {1 - judged.accuracy:.2%}")
print(f"{time.monotonic() - begun:.0f} s")
