"""What the tests of optimisers share: every rule with usual options, and parameters by hand."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from glassnet import optim
from glassnet.tensor import Tensor

Make = Callable[..., optim.Optimizer]

# name: (class, options). Every branch of every rule is on in one of them.
RULES: dict[str, tuple[type[optim.Optimizer], dict[str, Any]]] = {
    "sgd": (optim.SGD, {"lr": 0.01}),
    "sgd-momentum": (optim.SGD, {"lr": 0.01, "momentum": 0.9, "dampening": 0.1}),
    "sgd-nesterov": (optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "sgd-l2": (optim.SGD, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    "adagrad": (optim.Adagrad, {"lr": 0.5, "lr_decay": 1e-3, "weight_decay": 0.01}),
    "adadelta": (optim.Adadelta, {"lr": 1.0, "weight_decay": 0.01}),
    "rmsprop": (optim.RMSprop, {"lr": 0.01, "weight_decay": 0.01}),
    "rmsprop-all": (optim.RMSprop, {"lr": 1e-3, "momentum": 0.9, "centered": True}),
    "adam": (optim.Adam, {"lr": 0.02}),
    "adam-l2": (optim.Adam, {"lr": 0.02, "weight_decay": 0.1, "amsgrad": True}),
    "adamw": (optim.AdamW, {"lr": 0.02, "weight_decay": 0.1}),
    "adamw-amsgrad": (optim.AdamW, {"lr": 0.02, "amsgrad": True}),
    "lion": (optim.Lion, {"lr": 0.01, "weight_decay": 0.1}),
    "muon": (optim.Muon, {"lr": 0.02}),
    "muon-adamw": (optim.MuonAdamW, {"lr": 0.02, "weight_decay": 0.1}),
}


def parameter(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Tensor:
    """A leaf with normal entries."""
    values = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    return Tensor(values, requires_grad=True)


def set_grads(params: Sequence[Tensor], step: int) -> None:
    """Gradients that depend on the step alone."""
    draw = np.random.default_rng(1000 + step).normal
    for p in params:
        p.grad = Tensor(draw(size=p.shape).astype(p.dtype))


def walk(
    optimizer: optim.Optimizer, params: Sequence[Tensor], steps: Iterator[int] | range
) -> None:
    """Take the steps of those numbers."""
    for step in steps:
        set_grads(params, step)
        optimizer.step()
