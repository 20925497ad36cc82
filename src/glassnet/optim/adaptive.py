"""Rules that divide each entry's step by a measure of its own past gradients.

Adagrad sums their squares, so its steps only shrink; RMSprop forgets old ones at a fixed rate;
Adadelta also puts the size of past updates in the place of the learning rate.

Legend: p a parameter, g its gradient; the rest are running sums or means: arrays of one shape.
"""

from __future__ import annotations

import numpy as np

from glassnet.optim.optimizer import Group, Optimizer, Params, Rule, State
from glassnet.tape import Array


def adagrad_update(
    p: Array,
    g: Array,
    sums: Array,
    step: int,
    lr: float,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    eps: float = 1e-10,
) -> None:
    """One step, in place of p and sums; step counts from 1.

    g    <- g + weight_decay * p
    sums <- sums + g^2
    p    <- p - lr / (1 + (step - 1) * lr_decay) * g / (sqrt(sums) + eps)

    [Duchi, Hazan, Singer 2011, "Adaptive subgradient methods for online learning and stochastic
    optimization", section 1.2, the diagonal form]
    """
    if weight_decay:
        g = g + weight_decay * p
    sums += g * g
    p -= lr / (1 + (step - 1) * lr_decay) * g / (np.sqrt(sums) + eps)


def adadelta_update(
    p: Array,
    g: Array,
    squares: Array,
    deltas: Array,
    lr: float,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
) -> None:
    """One step, in place of p, squares and deltas.

    g       <- g + weight_decay * p
    squares <- rho * squares + (1 - rho) * g^2
    d        = sqrt(deltas + eps) / sqrt(squares + eps) * g
    deltas  <- rho * deltas + (1 - rho) * d^2
    p       <- p - lr * d

    [Zeiler 2012, "ADADELTA: an adaptive learning rate method", algorithm 1, where lr is 1]
    """
    if weight_decay:
        g = g + weight_decay * p
    squares *= rho
    squares += (1 - rho) * g * g
    d = np.sqrt(deltas + eps) / np.sqrt(squares + eps) * g
    deltas *= rho
    deltas += (1 - rho) * d * d
    p -= lr * d


def rmsprop_update(
    p: Array,
    g: Array,
    squares: Array,
    mean: Array | None,
    b: Array | None,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> None:
    """One step, in place of p, squares, and where they are given mean (centered) and b (momentum).

    g       <- g + weight_decay * p
    squares <- alpha * squares + (1 - alpha) * g^2
    mean    <- alpha * mean + (1 - alpha) * g
    d        = g / (sqrt(squares - mean^2) + eps)     with mean = 0 where it is not centered
    b       <- momentum * b + d
    p       <- p - lr * b                             or p - lr * d without momentum

    [Tieleman and Hinton 2012, Coursera, lecture 6.5; centered: Graves 2013, "Generating sequences
    with recurrent neural networks", equations 38-41, with eps outside of the root as in PyTorch]
    """
    if weight_decay:
        g = g + weight_decay * p
    squares *= alpha
    squares += (1 - alpha) * g * g
    variance = squares
    if mean is not None:
        mean += (1 - alpha) * (g - mean)
        variance = squares - mean * mean
    d = g / (np.sqrt(variance) + eps)
    if b is not None:
        b *= momentum
        b += d
        d = b
    p -= lr * d


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients. Options as PyTorch's."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        defaults |= {"initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def initial_state(self, p: Array, group: Group) -> State:
        return {"step": 0, "sum": np.full_like(p, group["initial_accumulator_value"])}

    def rule(self, state: State, group: Group) -> Rule:
        numbers = (group[name] for name in ("lr", "lr_decay", "weight_decay", "eps"))
        return Rule(adagrad_update, ("sum",), (state["step"], *numbers))


class Adadelta(Optimizer):
    """Steps of the size of past updates. Options and defaults as PyTorch's."""

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def initial_state(self, p: Array, group: Group) -> State:
        return {"square_avg": np.zeros_like(p), "acc_delta": np.zeros_like(p)}

    def rule(self, state: State, group: Group) -> Rule:
        numbers = tuple(group[name] for name in ("lr", "rho", "eps", "weight_decay"))
        return Rule(adadelta_update, ("square_avg", "acc_delta"), numbers)


class RMSprop(Optimizer):
    """Steps divided by the root mean square of recent gradients. Options as PyTorch's."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        defaults |= {"momentum": momentum, "centered": centered}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def initial_state(self, p: Array, group: Group) -> State:
        names = ["square_avg"]
        names += ["grad_avg"] if group["centered"] else []
        names += ["momentum_buffer"] if group["momentum"] else []
        return {name: np.zeros_like(p) for name in names}

    def rule(self, state: State, group: Group) -> Rule:
        arrays = ("square_avg", "grad_avg", "momentum_buffer")
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        return Rule(rmsprop_update, arrays, tuple(group[name] for name in names))
