"""The same network without `fit`: every step of training in the open.

    python examples/raw_loop.py

Three things happen to a batch: it goes forward through the network, the loss goes backward through
it, and each parameter takes a step against its gradient.
"""

import numpy as np

import glassnet as gn
from glassnet import nn, ops, optim

train, test = gn.data.mnist()
prepare = gn.data.Preprocessing.fit(train)  # (pixels / 255 - mean) / deviation
loader = gn.data.Loader(train, batch_size=64, shuffle=True, preprocess=prepare)

gn.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(784, 10),
)  # fmt: skip
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

for epoch in range(3):
    net.train()
    for step, (x, labels) in enumerate(loader.epoch(epoch)):
        optimizer.zero_grad()  # gradients add up until they are forgotten
        logits = net(x)  # (64, 10), one number for each digit
        loss = ops.cross_entropy(logits, labels)
        loss.backward()  # d loss / d parameter, into parameter.grad
        optimizer.step()  # parameter -= lr * velocity
        if step % 100 == 0:
            print(f"epoch {epoch + 1}, step {step}: loss {loss.item():.4f}")

    net.eval()
    right = 0
    with gn.no_grad():
        for x, labels in gn.data.Loader(test, batch_size=256, preprocess=prepare):
            right += int(np.sum(net(x).data.argmax(axis=1) == labels.data))
    print(f"epoch {epoch + 1}: test accuracy {right / len(test):.4f}")
