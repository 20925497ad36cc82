"""Fifty CIFAR-10 images, learned by heart: the first thing to try with a new network.

    python examples/overfit_fifty.py

A network that cannot fit fifty images has a mistake in it, and more data will not mend that.
"""

import numpy as np

import glassnet as gn
from glassnet import models, optim

train, _ = gn.data.cifar10()
fifty = train.subset(np.concatenate([np.flatnonzero(train.labels == k)[:5] for k in range(10)]))

gn.manual_seed(0)
net = models.build("convnetjs")
run = gn.fit(
    net,
    fifty,
    validation=fifty,
    optimizer=optim.AdamW(net.parameters(), lr=2e-3),
    schedule="cosine",
    epochs=20,
    batch_size=5,
)
print(f"accuracy on the fifty: {run.history[-1]['validation_accuracy']:.0%}")
