"""Losses: one number that says how far a network's answer is from the right one.

    N batch, K classes, d1.. further axes (pixels, places)
    input      what the network gave; for the first two and the hinge, scores of K classes (logits)
    target     what is right: of the same shape, or class indices
    losses     one for each answer; y: their "mean", their "sum", or "none": they themselves

Nothing is broadcast between an input and its target: (N, 1) against (N) would silently compare
every answer with every target.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.errors import DataError, ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._samples import integers, normal, uniform
from glassnet.ops.softmax import log_softmax_forward, softmax_forward
from glassnet.tape import Array

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "multi_margin_loss",
    "smooth_l1_loss",
]

Gradients = tuple[Array, Array]


# -- what all share ------------------------------------------------------------------------------
def _reduce(losses: Array, reduction: str, count: Any = None) -> tuple[Array, Any]:
    """(y, share): the losses' sum, their mean over `count`, or they themselves; dlosses = share dy.

    A mean over nothing is NaN, as in PyTorch, and has no gradient.
    """
    if reduction == "none":
        return losses, 1.0
    if reduction == "sum":
        return losses.sum(), 1.0
    if reduction != "mean":
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    count = losses.size if count is None else count
    if count == 0:
        return np.array(np.nan, losses.dtype), 0.0
    return losses.sum() / count, 1 / count


def _same(name: str, input: Array, target: Array) -> Array:
    """The target in the input's dtype if it holds no floats. Raises ShapeError for other shapes."""
    if input.shape != target.shape:
        mend = "the two must have the same shape"
        if input.size == target.size:
            mend = f"if their entries do belong together, use target.reshape{input.shape}"
        raise ShapeError(f"{name}: input {input.shape} and target {target.shape}; {mend}")
    return target if target.dtype.kind == "f" else target.astype(input.dtype)


def _check_classes(target: Array, shape: tuple[int, ...], classes: int, ignore: int | None) -> None:
    """Raise where class indices have another shape, are no whole numbers, or name no class."""
    if target.shape != shape:
        mend = f"expected class indices of shape {shape}, or floats as probabilities"
        if target.size == np.prod(shape, dtype=int):
            mend += f": use target.reshape{shape}"
        raise ShapeError(f"got targets of shape {target.shape} for {classes} classes; {mend}")
    if target.dtype.kind not in "iu":
        raise DataError(
            f"class indices are whole numbers, got targets of {target.dtype}; use "
            f"target.astype(np.int64), or for probabilities a target of the input's shape"
        )
    wrong = (target < 0) | (target >= classes)
    if ignore is not None:
        wrong &= target != ignore
    if wrong.any():
        position = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"target {int(target[position])} at position {position} names no class: with "
            f"{classes} classes the labels are 0 to {classes - 1}"
        )


def _one_hot(target: Array, classes: int, dtype: Any) -> Array:
    """Class indices (...) -> (..., K): 1 at the class, else 0; all 0 for an index that is none."""
    return (target[..., None] == np.arange(classes)).astype(dtype)


# -- cross_entropy -------------------------------------------------------------------------------
def cross_entropy_forward(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Array, Any]:
    """losses = -sum_k q_k log p_k, p = softmax(input), q_k = weight_k (t_k (1 - e) + e / K).

    input (N, K, d1..) or (K); target t class indices (N, d1..), which stand for probabilities 0
    and 1, or probabilities of the input's shape; weight (K), a constant, or None; e label_smoothing
    [Szegedy et al. 2016, section 7] -> y. Where an index is `ignore_index`, q = 0. The mean divides
    by the sum of the weights of the classes that are right (indices), or by N d1.. (probabilities);
    a mean of which all is ignored is NaN, with gradient 0. Raises ShapeError, and DataError for
    indices that name no class or are no whole numbers.
    """
    axis = min(input.ndim - 1, 1)
    scores = np.moveaxis(input, axis, -1)  # (N, d1.., K)
    classes = scores.shape[-1]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"expected a weight for each of {classes} classes, got {weight.shape}")
    w = np.ones(classes, input.dtype) if weight is None else weight.astype(input.dtype)
    soft = target.dtype.kind == "f" and target.shape == input.shape
    if soft:
        t = np.moveaxis(target, axis, -1)
        used = np.ones_like(t[..., :1])
    else:
        _check_classes(target, scores.shape[:-1], classes, ignore_index)
        used = (target != ignore_index)[..., None].astype(input.dtype)  # (N, d1.., 1)
        t = _one_hot(target, classes, input.dtype) * used
    q = w * (t * (1 - label_smoothing) + used * (label_smoothing / classes))
    logp, _ = log_softmax_forward(scores)
    losses = -(q * np.where(q != 0, logp, 0)).sum(axis=-1)  # 0 log 0 = 0
    y, share = _reduce(losses, reduction, losses.size if soft else (w * t).sum())
    return y, (q, logp, share, w * (1 - label_smoothing), soft, axis)


def cross_entropy_backward(dy: Array, cache: Any) -> tuple[Array, Array | None]:
    """dinput_k = (p_k sum over j of q_j - q_k) dlosses; dt_k = -weight_k (1 - e) log p_k dlosses.

    For q one-hot, dinput = p - q: what was said, less what is right.
    """
    q, logp, share, w, soft, axis = cache
    dlosses = np.asarray(dy * share)[..., None]  # (N, d1.., 1), or (1) for all
    dscores = (np.exp(logp) * q.sum(axis=-1, keepdims=True) - q) * dlosses
    dtarget = np.moveaxis(-w * logp * dlosses, -1, axis) if soft else None
    return np.moveaxis(dscores, -1, axis), dtarget


def _cross_entropy_examples() -> list[Example]:
    x, labels, w = normal(4, 3), integers(4, high=3), uniform(3, low=0.5, high=2)
    probabilities, _ = softmax_forward(normal(4, 3, key=1))
    return [
        example(x, labels),
        example(x, labels, weight=w, label_smoothing=0.1),
        example(x, probabilities, weight=w, label_smoothing=0.2, reduction="sum"),
        example(x, np.array([0, -100, 2, 1]), weight=w, reduction="none"),
        example(normal(2, 3, 4), integers(2, 4, high=3), ignore_index=1),
    ]


cross_entropy = operation(
    cross_entropy_forward, cross_entropy_backward, examples=_cross_entropy_examples
)


# -- binary_cross_entropy_with_logits ------------------------------------------------------------
def binary_cross_entropy_with_logits_forward(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> tuple[Array, Any]:
    """losses = -weight (pos_weight t log p + (1 - t) log(1 - p)), p = sigmoid(x).

    x = input and t = target (...) -> y. With softplus(-x) = -log p = log(1 + exp(-x)) that is
    weight ((1 - t) x + (1 + (pos_weight - 1) t) softplus(-x)), which is finite for every x.
    weight and pos_weight are constants that broadcast to x. The mean is over all entries.
    """
    t, x = _same("binary_cross_entropy_with_logits", input, target), input
    w, more = _spread(weight, x), _spread(pos_weight, x) - 1
    softplus = np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))
    losses = w * ((1 - t) * x + (1 + more * t) * softplus)
    y, share = _reduce(losses, reduction)
    return y, (x, t, w, more, softplus, share)


def binary_cross_entropy_with_logits_backward(dy: Array, cache: Any) -> Gradients:
    """dx = weight (1 - t - (1 + (pos_weight - 1) t) sigmoid(-x)) dlosses, which is (p - t) dlosses
    without weights; dt = weight ((pos_weight - 1) softplus(-x) - x) dlosses.
    """
    x, t, w, more, softplus, share = cache
    dlosses = dy * share * w
    sigmoid = np.exp(-x - softplus)  # of -x, as log sigmoid(-x) = -softplus(x) = -x - softplus(-x)
    dx = (1 - t - (1 + more * t) * sigmoid) * dlosses
    return dx, (more * softplus - x) * dlosses


def _spread(weight: Array | None, x: Array) -> Array:
    """The weight of each entry of x. Raises ShapeError for weights that are not one for each."""
    if weight is None:
        return np.ones((), x.dtype)
    try:
        return np.broadcast_to(weight.astype(x.dtype), x.shape)
    except ValueError:
        message = f"weights of shape {weight.shape} do not broadcast to input {x.shape}"
        raise ShapeError(message) from None


def _binary_examples() -> list[Example]:
    x, t = normal(4, 3), uniform(4, 3)
    return [
        example(x, t),
        example(x, t, pos_weight=uniform(3, low=0.5, high=2), reduction="none"),
        example(x, t, weight=uniform(3), reduction="sum"),
    ]


binary_cross_entropy_with_logits = operation(
    binary_cross_entropy_with_logits_forward,
    binary_cross_entropy_with_logits_backward,
    examples=_binary_examples,
)


# -- distances between numbers -------------------------------------------------------------------
def mse_loss_forward(input: Array, target: Array, reduction: str = "mean") -> tuple[Array, Any]:
    """losses = (input - target)^2, both of one shape. Raises ShapeError for two."""
    d = input - _same("mse_loss", input, target)
    y, share = _reduce(d * d, reduction)
    return y, (d, share)


def mse_loss_backward(dy: Array, cache: Any) -> Gradients:
    """dinput = 2 (input - target) dlosses = -dtarget."""
    d, share = cache
    dx = 2 * d * (dy * share)
    return dx, -dx


def l1_loss_forward(input: Array, target: Array, reduction: str = "mean") -> tuple[Array, Any]:
    """losses = |input - target|, both of one shape. Raises ShapeError for two."""
    d = input - _same("l1_loss", input, target)
    y, share = _reduce(np.abs(d), reduction)
    return y, (d, share)


def l1_loss_backward(dy: Array, cache: Any) -> Gradients:
    """dinput = sign(input - target) dlosses = -dtarget; 0 at the kink."""
    d, share = cache
    dx = np.sign(d) * (dy * share)
    return dx, -dx


def huber_loss_forward(
    input: Array, target: Array, reduction: str = "mean", delta: float = 1.0
) -> tuple[Array, Any]:
    """losses = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2); d = input - target.

    [Huber 1964]. With c = d clipped to +-delta that is c (d - c / 2). Both of one shape; raises
    ShapeError for two.
    """
    d = input - _same("huber_loss", input, target)
    c = np.clip(d, -delta, delta)
    y, share = _reduce(c * (d - c / 2), reduction)
    return y, (c, share)


def huber_loss_backward(dy: Array, cache: Any) -> Gradients:
    """dinput = c dlosses = -dtarget."""
    c, share = cache
    dx = c * (dy * share)
    return dx, -dx


def smooth_l1_loss_forward(
    input: Array, target: Array, reduction: str = "mean", beta: float = 1.0
) -> tuple[Array, Any]:
    """losses = huber_loss / beta: |input - target| but for a parabola where that is below beta."""
    if beta == 0:
        y, (d, share) = l1_loss_forward(input, target, reduction)
        return y, (np.sign(d), share)
    y, (c, share) = huber_loss_forward(input, target, reduction, delta=beta)
    return y / beta, (c / beta, share)


def smooth_l1_loss_backward(dy: Array, cache: Any) -> Gradients:
    """dinput = c / beta dlosses = -dtarget; where beta is 0, c / beta stands for the sign."""
    return huber_loss_backward(dy, cache)


def _pairs() -> list[Example]:
    x, t = normal(4, 3), normal(4, 3, key=1)
    return [example(x, t), example(x, t, reduction="sum"), example(x, t, reduction="none")]


mse_loss = operation(mse_loss_forward, mse_loss_backward, examples=_pairs)
l1_loss = operation(l1_loss_forward, l1_loss_backward, examples=_pairs)
huber_loss = operation(huber_loss_forward, huber_loss_backward, examples=_pairs)
smooth_l1_loss = operation(smooth_l1_loss_forward, smooth_l1_loss_backward, examples=_pairs)


# -- multi_margin_loss ---------------------------------------------------------------------------
def multi_margin_loss_forward(
    input: Array,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array | None = None,
    reduction: str = "mean",
) -> tuple[Array, Any]:
    """losses = weight_t sum over k != t of max(0, margin - x_t + x_k)^p / K.

    The multi-class hinge [Weston & Watkins 1999]. input x (N, K) or (K), target t class indices
    (N); weight (K), a constant, or None; p 1 or 2. The mean is over N. Raises ShapeError, and
    DataError for indices that name no class.
    """
    if p not in (1, 2):
        raise ValueError(f"p is 1 or 2, not {p}")
    classes = input.shape[-1]
    _check_classes(target, input.shape[:-1], classes, None)
    right = _one_hot(target, classes, input.dtype)
    score = (input * right).sum(axis=-1, keepdims=True)  # x_t, (N, 1)
    hinge = np.maximum(margin - score + input, 0) * (1 - right)  # (N, K)
    w = np.ones(classes) if weight is None else weight
    w = (w[target, ..., None] / classes).astype(input.dtype)  # (N, 1)
    y, share = _reduce((w * hinge**p).sum(axis=-1), reduction)
    return y, (hinge, right, w, p, share)


def multi_margin_loss_backward(dy: Array, cache: Any) -> Array:
    """dx_k = weight_t p max(0, ..)^(p - 1) / K dlosses where the hinge is open, 0 where it is not;
    dx_t = minus the sum of those.
    """
    hinge, right, w, p, share = cache
    pull = w * np.where(hinge > 0, p * hinge ** (p - 1), 0)  # (N, K)
    pull = pull - right * pull.sum(axis=-1, keepdims=True)
    return pull * np.asarray(dy * share)[..., None]


def _margin_examples() -> list[Example]:
    x, labels = normal(4, 3), integers(4, high=3)
    return [
        example(x, labels),
        example(x, labels, p=2, margin=0.5, reduction="sum"),
        example(x, labels, weight=uniform(3, low=0.5, high=2), reduction="none"),
    ]


multi_margin_loss = operation(
    multi_margin_loss_forward, multi_margin_loss_backward, examples=_margin_examples
)


# -- kl_div --------------------------------------------------------------------------------------
def kl_div_forward(
    input: Array, target: Array, reduction: str = "mean", log_target: bool = False
) -> tuple[Array, Any]:
    """losses = t (log t - input), where input is a log-probability and 0 log 0 = 0.

    target is t, or log t with `log_target`, of the input's shape. "mean" divides by all entries as
    PyTorch does; "batchmean", by N, is the divergence of Kullback & Leibler a row. Raises
    ShapeError for two shapes.
    """
    target = _same("kl_div", input, target)
    t = np.exp(target) if log_target else target
    log_t = target if log_target else np.log(np.where(t > 0, t, 1))
    count = len(input) if reduction == "batchmean" else None
    y, share = _reduce(t * (log_t - input), reduction.removeprefix("batch"), count)
    return y, (input, t, log_t, log_target, share)


def kl_div_backward(dy: Array, cache: Any) -> Gradients:
    """dinput = -t dlosses; dt = (log t - input + 1) dlosses, and d(log t) = t dt."""
    input, t, log_t, log_target, share = cache
    dlosses = dy * share
    dt = (log_t - input + 1) * dlosses
    return -t * dlosses, t * dt if log_target else dt


def _divergence_examples() -> list[Example]:
    logp, _ = log_softmax_forward(normal(4, 3))
    log_t, _ = log_softmax_forward(normal(4, 3, key=1))
    return [
        example(logp, np.exp(log_t)),
        example(logp, np.exp(log_t), reduction="batchmean"),
        example(logp, log_t, reduction="none", log_target=True),
    ]


kl_div = operation(kl_div_forward, kl_div_backward, examples=_divergence_examples)
