"""What the tape costs an operation, forward and backward, beyond the functions that compute.

A chain of operations on arrays of a few numbers is timed twice: through Tensors, and as the bare
calls of the pages' functions that the tape makes. The difference is the tape's. PyTorch's chain is
timed beside ours, computing included, as its parts cannot be told apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.timing import OURS, Contender

LENGTH = 200  # operations in a chain


def chain(kind: str) -> dict[str, Contender]:
    """Contenders: the chain on the tape, the functions alone, PyTorch's chain."""
    import torch

    import glassnet as gn
    from glassnet import ops

    random = np.random.default_rng(0)
    x = random.standard_normal((2, 4)).astype(np.float32)
    w = random.standard_normal((4, 4)).astype(np.float32) / 2
    b = np.zeros(4, np.float32)
    operation, extra, theirs = {
        "add": (ops.add, [b], torch.add),
        "relu": (ops.relu, [], torch.relu),
        "linear": (ops.linear, [w, b], torch.nn.functional.linear),
    }[kind]
    ours, leaves = gn.tensor(x, requires_grad=True), [_leaf(gn.tensor, a) for a in extra]
    their_x, their_leaves = torch.tensor(x, requires_grad=True), [_leaf(torch.tensor, a)
                                                                  for a in extra]  # fmt: skip

    def on_tape() -> Any:
        y = ours
        for _ in range(LENGTH):
            y = operation(y, *leaves)
        y.backward(np.ones_like(x))

    def functions() -> Any:
        pair = operation.pair(x, *extra)
        return _bare(pair, x, extra, operation.takes_needs)

    def in_pytorch() -> Any:
        y = their_x
        for _ in range(LENGTH):
            y = theirs(y, *their_leaves)
        y.backward(torch.ones_like(y))

    return {OURS: on_tape, "functions alone": functions, "PyTorch": in_pytorch}


def _leaf(make: Any, array: Any) -> Any:
    return make(array, requires_grad=True)


def _bare(pair: Any, x: Any, extra: list[Any], takes_needs: bool) -> None:
    """The chain without a tape: forward, then backward through the caches."""
    forward, backward = pair
    caches = []
    for _ in range(LENGTH):
        x, cache = forward(x, *extra)
        caches.append(cache)
    dy = np.ones_like(x)
    options = {"needs": (True,) * (1 + len(extra))} if takes_needs else {}
    for cache in reversed(caches):
        gradients = backward(dy, cache, **options)
        dy = gradients[0] if isinstance(gradients, tuple) else gradients
