"""Dreams of the network that `dbn_mnist.py` made, judged by one that had no part in it.

    python examples/dbn_dreams.py [--dbn runs/dbn/dbn.safetensors] [--out runs/dreams]

A small convolutional network learns the training digits; then, of each class, 200 chains dream with
its label clamped at strength 2, from noise, the first 60 of 200 steps at temperature 3. For each
class it is told how many of the last frames are recognised, how much they vary beside the class's
test digits, and how many of their twenty modes they meet.
"""

import argparse
from pathlib import Path

import numpy as np

import glassnet as gn
from glassnet import nn, optim
from glassnet.dreams import load
from glassnet.dreams.score import classifier, dream, score
from glassnet.dreams.sheet import contact_sheet

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--dbn", type=Path, default=Path("runs/dbn/dbn.safetensors"))
parser.add_argument("--out", type=Path, default=Path("runs/dreams"))
parser.add_argument("--count", type=int, default=200)
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--warm", type=int, default=60)
parser.add_argument("--strength", type=float, default=2.0)
parser.add_argument("--seed", type=int, default=100)
choice = parser.parse_args()

train, test = gn.data.mnist()
gn.manual_seed(0)
judge = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(784, 10),
)  # fmt: skip
run = gn.fit(
    judge,
    train,
    optimizer=optim.AdamW(judge.parameters(), lr=1e-2),
    schedule="one-cycle",
    epochs=3,
    out=choice.out / "judge",
    resume=True,
)
print(f"the judge's accuracy on test digits: {run.evaluate(test).accuracy:.4f}")

images, labels = test.batch(np.arange(len(test)))
digits = run.preprocessing(images).reshape(len(test), -1)
see, dbn = classifier(judge, (1, 28, 28)), load(choice.dbn)
rows = []
for label in range(10):
    seed = choice.seed + label
    dreams = dream(dbn, label, choice.count, choice.steps, seed, choice.strength, choice.warm)
    rows.append(list(dreams[:16]))
    seen = run.preprocessing(dreams.reshape(-1, 1, 28, 28)).reshape(len(dreams), -1)
    print(score(seen, digits[labels == label], label, see), flush=True)
contact_sheet(rows, [""] * 16, range(10)).save(choice.out / "dreams.png")
