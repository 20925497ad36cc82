"""A problem that is learned in a second: three classes of 8x8 images, a small network."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import glassnet as gn
from glassnet import data, io, nn, optim
from glassnet.data import Dataset
from glassnet.train import Callback, Run, Training


def images(count: int, seed: int = 0) -> Dataset:
    """Noise with a bright square, whose place is the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = generator.integers(0, 120, (count, 1, 8, 8))
    for pixel, label in zip(pixels, labels, strict=True):
        pixel[0, :3, 2 * label : 2 * label + 3] += 100
    return data.arrays(pixels.astype(np.uint8), labels, ["left", "middle", "right"], "squares")


def network(seed: int = 0, dropout: float = 0.2) -> nn.Sequential:
    gn.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, 3),
    )  # fmt: skip


def fit(out: str | Path | None = None, net: Any = None, **options: Any) -> Run:
    """A run that uses all that has a state: momenta, schedule, average, dropout, augmentation."""
    net = net or network()
    settings: dict[str, Any] = {
        "optimizer": optim.AdamW(net.parameters(), lr=1e-2),
        "schedule": "one-cycle",
        "epochs": 4,
        "batch_size": 16,
        "augment": data.Shift(1),
        "ema": 0.9,
        "clip_norm": 1.0,
        "progress": False,
    }
    return gn.fit(net, images(90), images(30, 1), out=out, **(settings | options))


def weights(run: Run) -> dict[str, bytes]:
    """The weights' bytes, to compare bit for bit."""
    return {name: array.tobytes() for name, array in run.net.state_dict().items()}


def rows(run: Run) -> list[dict[str, Any]]:
    """The history without the clock."""
    timed = ("seconds", "samples_per_second")
    return [{k: v for k, v in row.items() if k not in timed} for row in run.history]


def kill_at(call: str, count: int) -> None:
    """Let this process kill itself at the count-th call of os.`call` in a checkpoint's write."""
    real, calls = getattr(os, call), iter(range(1, count + 1))

    def deadly(*args: Any) -> Any:
        if next(calls) == count:
            if call == "fsync":
                os.ftruncate(args[0], 100)  # as if half of it had come to the disk
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args)

    setattr(io.atomic.os, call, deadly)


class Slow(Callback):
    """Lets a step take 10 ms, so that a kill finds the run at work."""

    def on_step(self, training: Training, loss: float) -> None:
        time.sleep(0.01)


if __name__ == "__main__":  # python -m tests.train.small OUT [CALL COUNT]
    if len(sys.argv) > 2:
        kill_at(sys.argv[2], int(sys.argv[3]))
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    fit(sys.argv[1], resume=True, callbacks=[Slow()])
