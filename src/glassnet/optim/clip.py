"""Clipping: gradients of a bounded length, against steps that one bad batch makes too long."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from glassnet.errors import TrainingError
from glassnet.optim.optimizer import OptimError
from glassnet.tensor import Tensor

Parameters = Tensor | Iterable[Tensor]


def clip_grad_norm_(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients, in place, so that together they are no longer than `max_norm`.

    g <- g * min(1, max_norm / (|all g| + 1e-6)); the direction stays. Returns the norm that the
    gradients had, taken as one vector; `norm_type` p is (sum |g|^p)^(1/p), or np.inf.
    Raises OptimError for a `max_norm` that is negative or not a number, and with
    `error_if_nonfinite` TrainingError where a gradient is infinite or not a number.
    [Pascanu, Mikolov, Bengio 2013, "On the difficulty of training recurrent neural networks",
    algorithm 1]
    """
    if not max_norm >= 0:
        raise OptimError(f"max_norm is {max_norm}, expected a length of 0 or more")
    grads = _gradients(parameters)
    norms = [
        float(np.linalg.norm(g.data.ravel(order="K").astype(np.float64, copy=False), norm_type))
        for g in grads
    ]
    total = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    if error_if_nonfinite and not np.isfinite(total):
        bad = [str(g.shape) for g, n in zip(grads, norms, strict=True) if not np.isfinite(n)]
        raise TrainingError(
            f"the gradients' norm is {total}, so they cannot be clipped; not finite are those of "
            f"shapes {', '.join(bad)}: lower the learning rate, or look for log(0) or 0/0"
        )
    factor = max_norm / (total + 1e-6)
    if not factor >= 1:  # also where it is not a number
        for g in grads:
            g.data *= factor
            g._version.bump(g.data)
    return total


def clip_grad_value_(parameters: Parameters, clip_value: float) -> None:
    """Clip each entry of each gradient, in place, to [-clip_value, clip_value].

    Raises OptimError for a `clip_value` that is negative or not a number.
    """
    if not clip_value >= 0:
        raise OptimError(f"clip_value is {clip_value}, expected a bound of 0 or more")
    for g in _gradients(parameters):
        np.clip(g.data, -clip_value, clip_value, out=g.data)
        g._version.bump(g.data)


def _gradients(parameters: Parameters) -> list[Tensor]:
    listed: Iterable[Tensor] = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in listed if p.grad is not None]
