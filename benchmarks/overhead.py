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
    from glassnet.operation import OPERATIONS

    random = np.random.default_rng(0)
    x = random.standard_normal((2, 4)).astype(np.float32)
    w = random.standard_normal((4, 4)).astype(np.float32) / 2
    b = np.zeros(4, np.float32)
    operation, extra, theirs = {
        "add": (OPERATIONS["add"], [x[::-1].copy()], torch.add),
        "relu": (ops.relu, [], torch.relu),
        "linear": (ops.linear, [w, b], torch.nn.functional.linear),
    }[kind]
    ours, leaves = gn.tensor(x, requires_grad=True), _leaves(gn.tensor, extra)
    their_x, their_leaves = torch.tensor(x, requires_grad=True), _leaves(torch.tensor, extra)

    def on_tape() -> Any:
        y = ours
        for own in leaves:
            y = operation(y, *own)
        y.backward(np.ones_like(x))

    def functions() -> Any:
        pair = operation.pair(x, *extra)
        return _bare(pair, x, extra, operation.takes_needs)

    def in_pytorch() -> Any:
        y = their_x
        for own in their_leaves:
            y = theirs(y, *own)
        y.backward(torch.ones_like(y))

    return {OURS: on_tape, "functions alone": functions, "PyTorch": in_pytorch}


def _leaves(make: Any, arrays: list[Any]) -> list[list[Any]]:
    """Parameters for each operation of the chain, its own as in a network."""
    return [[make(a, requires_grad=True) for a in arrays] for _ in range(LENGTH)]


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
