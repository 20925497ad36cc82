"""Adam, and AdamW, whose weight decay does not pass through Adam's division.

Legend: p a parameter, g its gradient, m and v the running means of g and g^2, v_max the largest v
so far: arrays of one shape.
"""

from __future__ import annotations

import math

import numpy as np

from glassnet.optim.optimizer import Group, Optimizer, Params, Rule, State
from glassnet.tape import Array


def adam_update(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    v_max: Array | None,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """One step, in place of p, m, v and, for AMSGrad, v_max; step counts from 1.

    p <- p - lr * weight_decay * p             decoupled (AdamW), else
    g <- g + weight_decay * p
    m <- beta1 * m + (1 - beta1) * g
    v <- beta2 * v + (1 - beta2) * g^2
    p <- p - lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)

    m and v start at zero; dividing by 1 - beta^step makes up for it, so the first step is
    lr * sign(g) whatever the scale of g. AMSGrad has v_max <- max(v_max, v) in the place of v.

    [Kingma and Ba 2015, "Adam", algorithm 1; Loshchilov and Hutter 2019, "Decoupled weight decay
    regularization", algorithm 2, where lr also scales the decay as in PyTorch; Reddi, Kale, Kumar
    2018, "On the convergence of Adam and beyond", algorithm 2]
    """
    if weight_decay and decoupled:
        p *= 1 - lr * weight_decay
    elif weight_decay:
        g = g + weight_decay * p
    m += (1 - beta1) * (g - m)
    v *= beta2
    v += (1 - beta2) * g * g
    if v_max is not None:
        np.maximum(v_max, v, out=v_max)
        v = v_max
    denominator = np.sqrt(v)
    denominator /= math.sqrt(1 - beta2**step)
    denominator += eps
    p -= lr / (1 - beta1**step) * m / denominator


class Adam(Optimizer):
    """Adam; `weight_decay` is an L2 penalty, divided like the rest of the gradient.

    Options and defaults as PyTorch's.
    """

    decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"amsgrad": amsgrad, "l1": l1, "maximize": maximize})

    def initial_state(self, p: Array, group: Group) -> State:
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
        return {"step": 0} | {name: np.zeros_like(p) for name in names}

    def rule(self, state: State, group: Group) -> Rule:
        arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        numbers = (group["lr"], *group["betas"], group["eps"], group["weight_decay"])
        return Rule(adam_update, arrays, (state["step"], *numbers, self.decoupled))


class AdamW(Adam):
    """Adam with decoupled decay: each step shrinks a weight by lr * weight_decay of itself."""

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, l1=l1, maximize=maximize)
