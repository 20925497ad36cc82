"""Stochastic gradient descent, with momentum.

Legend: p a parameter, g its gradient, b its momentum buffer: arrays of one shape.
"""

from __future__ import annotations

import numpy as np

from glassnet.optim.optimizer import Group, OptimError, Optimizer, Params, Rule, State
from glassnet.tape import Array


def sgd_update(
    p: Array,
    g: Array,
    b: Array | None,
    step: int,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """One step, in place of p and b; step counts from 1. Without momentum, b is not needed.

    g <- g + weight_decay * p
    b <- g                                       in step 1
    b <- momentum * b + (1 - dampening) * g      in later steps
    d  = g + momentum * b if nesterov else b
    p <- p - lr * d

    [Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning",
    equations 1-4, with lr outside of the buffer as in PyTorch: a new lr acts at once.]
    """
    if weight_decay:
        g = g + weight_decay * p
    if b is not None and momentum:
        if step == 1:
            b[...] = g
        else:
            b *= momentum
            b += (1 - dampening) * g
        g = g + momentum * b if nesterov else b
    p -= lr * g


class SGD(Optimizer):
    """Stochastic gradient descent; `weight_decay` is the factor of an L2 penalty, w/2 * sum p^2.

    Options and defaults as PyTorch's. Raises OptimError for Nesterov's without momentum or with
    dampening, as it is derived without.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening}
        defaults |= {"weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def check(self, group: Group) -> None:
        super().check(group)
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise OptimError(
                f"Nesterov's momentum needs momentum > 0 and dampening = 0; "
                f"they are {group['momentum']} and {group['dampening']}"
            )

    def initial_state(self, p: Array, group: Group) -> State:
        return {"step": 0, "momentum_buffer": np.zeros_like(p)} if group["momentum"] else {}

    def rule(self, state: State, group: Group) -> Rule:
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        numbers = (state.get("step", 0), *(group[name] for name in names))
        return Rule(sgd_update, ("momentum_buffer",), numbers)
