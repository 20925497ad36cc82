"""Muon: momentum whose matrix is made orthogonal before it is applied.

Legend: A rows, B columns of a weight matrix; a filter bank (O, I, ...) is the matrix (O, I * ...).
p a parameter, g its gradient, b its momentum buffer: arrays of one shape.
"""

from __future__ import annotations

import math

import numpy as np

from glassnet.optim.adam import adam_update
from glassnet.optim.optimizer import Group, OptimError, Optimizer, Params, Rule, State
from glassnet.tape import Array

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def newton_schulz(
    x: Array,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    steps: int = 5,
    eps: float = 1e-7,
) -> Array:
    """Nearly U V^T of x = U S V^T, without a singular value decomposition. x (A, B) -> (A, B).

    x <- x / |x|                                            so that all of S is at most 1
    x <- a x + b (x x^T) x + c (x x^T)^2 x                  `steps` times

    Each step maps a singular value s to a s + b s^3 + c s^5. The coefficients are chosen for a
    steep slope at 0, not for convergence: five steps bring S between about 0.7 and 1.2, which is
    as good as 1 for a direction. Computed in the dtype of x (the authors use bfloat16).

    [Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"]
    """
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x  # the smaller Gram matrix
    x = x / max(float(np.linalg.norm(x)), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


def muon_update(
    p: Array,
    g: Array,
    b: Array,
    lr: float,
    momentum: float = 0.95,
    nesterov: bool = True,
    weight_decay: float = 0.0,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: float = 1e-7,
    steps: int = 5,
    adjust_lr_fn: str | None = None,
) -> None:
    """One step, in place of p and b.

    b <- momentum * b + (1 - momentum) * g
    d  = momentum * b + (1 - momentum) * g if nesterov else b
    p <- p - lr * weight_decay * p - lr * scale * newton_schulz(d)

    `scale` makes up for the shape of the matrix: "original" (and None) is sqrt(max(1, A / B)),
    "match_rms_adamw" is 0.2 sqrt(max(A, B)), with which the lr and weight decay of AdamW serve.

    [Jordan et al. 2024; "match_rms_adamw": Liu et al. 2025, "Muon is scalable for LLM training",
    section 2.2]
    """
    b += (1 - momentum) * (g - b)
    d = g + momentum * (b - g) if nesterov else b
    matrix = d.reshape(len(d), -1)  # (A, B)
    rows, columns = matrix.shape
    scale = math.sqrt(max(1.0, rows / columns))
    if adjust_lr_fn == "match_rms_adamw":
        scale = 0.2 * math.sqrt(max(rows, columns))
    p *= 1 - lr * weight_decay
    p -= lr * scale * newton_schulz(matrix, coefficients, steps, eps).reshape(p.shape)


class Muon(Optimizer):
    """Muon, for the weight matrices and filters of hidden layers, with decoupled weight decay.

    Options and defaults as PyTorch's, which takes matrices only; here filters are flattened to
    (O, I * ...). Biases, norms' weights, embeddings and the last layer want another
    optimiser, such as AdamW; `MuonAdamW` is both in one. Raises OptimError for a parameter of less
    than two axes.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults: Group = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        defaults |= {"nesterov": nesterov, "ns_coefficients": ns_coefficients, "eps": eps}
        defaults |= {"ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def check(self, group: Group) -> None:
        super().check(group)
        known = (None, "original", "match_rms_adamw")
        if group["adjust_lr_fn"] not in known:
            raise OptimError(f"adjust_lr_fn is {group['adjust_lr_fn']!r}, expected one of {known}")
        vectors = [p.shape for p in group["params"] if p.ndim < 2]
        if vectors:
            raise OptimError(
                f"Muon makes matrices orthogonal, and parameters of shapes "
                f"{', '.join(map(str, vectors))} are none; use MuonAdamW, or give Muon those with "
                f"p.ndim >= 2 and the others to a second optimiser, such as AdamW"
            )

    def initial_state(self, p: Array, group: Group) -> State:
        return {"momentum_buffer": np.zeros_like(p)}

    def rule(self, state: State, group: Group) -> Rule:
        names = ("lr", "momentum", "nesterov", "weight_decay", "ns_coefficients", "eps", "ns_steps")
        numbers = (*(group[name] for name in names), group["adjust_lr_fn"])
        return Rule(muon_update, ("momentum_buffer",), numbers)


class MuonAdamW(Optimizer):
    """Muon for all that has two axes or more, AdamW for the rest: the optimiser of a whole network.

    One learning rate and one weight decay serve both, since Muon's steps are scaled by
    0.2 sqrt(max(A, B)) to the usual size of AdamW's ("match_rms_adamw"); `momentum` is Muon's,
    `betas` and `eps` are AdamW's. The last layer and embeddings go to Muon as well: give them to
    AdamW alone where that matters.

    [Liu et al. 2025, "Muon is scalable for LLM training", section 2.2 and algorithm 1]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        l1: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults: Group = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        defaults |= {"betas": betas, "eps": eps}
        super().__init__(params, defaults | {"l1": l1, "maximize": maximize})

    def initial_state(self, p: Array, group: Group) -> State:
        if p.ndim >= 2:
            return {"momentum_buffer": np.zeros_like(p)}
        return {"step": 0, "exp_avg": np.zeros_like(p), "exp_avg_sq": np.zeros_like(p)}

    def rule(self, state: State, group: Group) -> Rule:
        lr, decay = group["lr"], group["weight_decay"]
        if "momentum_buffer" in state:
            numbers = (lr, group["momentum"], True, decay, COEFFICIENTS, 1e-7, 5, "match_rms_adamw")
            return Rule(muon_update, ("momentum_buffer",), numbers)
        arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return Rule(
            adam_update, arrays, (state["step"], lr, *group["betas"], group["eps"], decay, True)
        )
