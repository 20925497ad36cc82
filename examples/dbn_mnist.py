"""A deep belief network on MNIST: 784-500-500-2000 with labels at the top.

    python examples/dbn_mnist.py [--out runs/dbn] [--held-out]

Three stages, each of which goes on where it was stopped: one layer after the other without labels,
the top with them; up-down, for its dreams (out/dbn.safetensors); and a copy, fine-tuned by
backpropagation with dropout, for its answers (out/classifier). --held-out learns from the first
50,000 training digits and judges by the last 10,000, which is how the settings were chosen; without
it, all 60,000 are learned from and the test digits are looked at once, at the end. About 45 minutes
on one core. `dbn_dreams.py` judges the dreams.
"""

import argparse
from pathlib import Path

import numpy as np

import glassnet as gn
from glassnet import optim
from glassnet.data import Preprocessing
from glassnet.dreams import DBN, unrolled

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path("runs/dbn"))
parser.add_argument("--held-out", action="store_true")
choice = parser.parse_args()

LOWER = {"method": "cd", "lr": 0.1, "momentum": 0.5, "weight_decay": 2e-4}
LAYERS = [
    LOWER | {"epochs": 20},
    LOWER | {"epochs": 8, "binarise": True},
    {"method": "pcd", "lr": 0.1, "epochs": 20, "binarise": True, "weight_decay": 1e-4},
]
TWICE = [
    {"lr": 0.05, "lower_lr": 0.05, "label_gain": 5.0, "steps": 1},
    {"lr": 0.03, "lower_lr": 0.03, "label_gain": 8.0, "steps": 2, "seed": 1},
]
EPOCHS = 12  # of up-down, each time

train, test = gn.data.mnist()
if choice.held_out:
    train, test = train.subset(np.arange(50_000)), train.subset(np.arange(50_000, 60_000))
x, y = train.batch(np.arange(len(train)))
choice.out.mkdir(parents=True, exist_ok=True)

dbn = DBN(784, (500, 500, 2000), labels=10)
for i in range(3):
    file = choice.out / f"greedy-{i}.safetensors"
    if file.exists():
        dbn = DBN.load(file)
        continue
    dbn.fit(x, y, LAYERS, only=i, seed=i, watch=lambda *row: print(*row, flush=True))
    dbn.save(file)

net = unrolled(dbn.machines(), classes=10, dropout=0.25, input_dropout=0.2)
run = gn.fit(
    net,
    train,
    optimizer=optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.0),
    schedule="one-cycle",
    epochs=60,
    batch_size=128,
    ema=0.999,
    preprocess=Preprocessing(channels=1),
    out=choice.out / "classifier",
    resume=True,
)

for time, settings in enumerate(TWICE):
    done = sorted(choice.out.glob(f"up-down-{time}-*.safetensors"))
    dbn = DBN.load(done[-1]) if done else dbn

    def keep(epoch: int, row: dict[str, float], dbn: DBN = dbn, time: int = time) -> None:
        """A checkpoint an epoch."""
        print(row, flush=True)
        dbn.save(choice.out / f"up-down-{time}-{epoch:03d}.safetensors")

    dbn.up_down(
        x, y, first=1 + len(done), epochs=EPOCHS, method="pcd", weight_decay=1e-4, watch=keep,
        **settings,
    )  # fmt: skip
dbn.save(choice.out / "dbn.safetensors")

images, labels = test.batch(np.arange(len(test)))
print(
    f"error by free energies, after up-down: {100 * (dbn.predict(images) != labels).mean():.2f} %"
)
judged = run.evaluate(test)
print(f"error after backpropagation: {100 * (1 - judged.accuracy):.2f} % ({judged.errors} errors)")
