"""The first example: a small convolutional network learns MNIST, 99 % in three epochs.

python examples/digits.py [--seed 0] [--epochs 3]
"""

import argparse

import glassnet as gn
from glassnet import nn, optim

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--out", default="runs/digits")
choice = parser.parse_args()

train, test = gn.data.mnist()
gn.manual_seed(choice.seed)
net = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(784, 10),
)  # fmt: skip
run = gn.fit(
    net,
    train,
    validation=test,
    optimizer=optim.AdamW(net.parameters(), lr=1e-2),
    schedule="one-cycle",
    epochs=choice.epochs,
    seed=choice.seed,
    out=choice.out,
)
print(f"test accuracy: {run.evaluate(test).accuracy:.4f}")
print(f"report: {gn.report(run)}")
