"""CIFAR-10 with the ConvNetJS network: three small convolutions, 22,466 parameters.

    python examples/cifar10_convnetjs.py [--seed 0] [--epochs 20]

The network of the ConvNetJS demo page, with its augmentation: mirrored at random, and shifted by up
to 2 pixels.
"""

import argparse

import glassnet as gn
from glassnet import models, nn, optim
from glassnet.data import Flip, Shift

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--out", default="runs/cifar10-convnetjs")
choice = parser.parse_args()

train, test = gn.data.cifar10()
gn.manual_seed(choice.seed)
net = models.build("convnetjs")
for layer in net.modules():
    if isinstance(layer, nn.Conv2d):  # variances that ReLU keeps as they are [He et al. 2015]
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
run = gn.fit(
    net,
    train,
    validation=test,
    optimizer=optim.AdamW(net.parameters(), lr=2e-3),
    schedule="one-cycle",
    epochs=choice.epochs,
    batch_size=32,
    seed=choice.seed,
    augment=[Flip(), Shift(2)],
    out=choice.out,
)
print(f"test accuracy after the last epoch: {run.evaluate(test).accuracy:.4f}")
print(f"report: {gn.report(run)}")
