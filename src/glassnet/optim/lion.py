"""Lion: the sign of a momentum, a rule that a search over programs found.

Legend: p a parameter, g its gradient, m its momentum: arrays of one shape.
"""

from __future__ import annotations

import numpy as np

from glassnet.optim.optimizer import Group, Optimizer, Params, Rule, State
from glassnet.tape import Array


def lion_update(
    p: Array,
    g: Array,
    m: Array,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> None:
    """One step, in place of p and m.

    c  = beta1 * m + (1 - beta1) * g
    p <- p - lr * (sign(c) + weight_decay * p)
    m <- beta2 * m + (1 - beta2) * g

    Every entry moves by lr, so lr is to be 3 to 10 times smaller than AdamW's, and weight_decay as
    many times larger.

    [Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2]
    """
    c = beta1 * m + (1 - beta1) * g
    p *= 1 - lr * weight_decay
    p -= lr * np.sign(c)
    m *= beta2
    m += (1 - beta2) * g


class Lion(Optimizer):
    """Lion, with decoupled weight decay. PyTorch has none; the defaults are the authors'."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def initial_state(self, p: Array, group: Group) -> State:
        return {"exp_avg": np.zeros_like(p)}

    def rule(self, state: State, group: Group) -> Rule:
        numbers = (group["lr"], *group["betas"], group["weight_decay"])
        return Rule(lion_update, ("exp_avg",), numbers)
