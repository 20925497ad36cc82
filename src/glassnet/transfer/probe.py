"""A linear probe: logistic regression on features, its strength chosen by cross-validation.

    minimise over W, b:  mean over n of w_n loss(x_n W + b, y_n) + strength / 2 |W|^2

x are standardised features, loss is the cross-entropy of softmax for classes and of sigmoid for
attributes. The function is convex, so there is one answer; L-BFGS (SciPy) finds it, with gradients
from glassnet's own tape. First the examples are turned onto their principal axes, which changes no
length: fewer examples than features leave as many axes as examples (by the representer theorem W
lies in their span), and along its own axis each weight has a curvature of its own, by which L-BFGS
is given steps of the right length: tens of iterations where raw features take hundreds.

N examples, D features, R rank of the examples, K classes or attributes; labels int64 (N,) for
classes, float (N, K) of 0, 1 and NaN (not known) for attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import ops
from glassnet.data.split import stratified
from glassnet.errors import DataError
from glassnet.tensor import Tensor

Floats = NDArray[np.floating[Any]]
Labels = NDArray[Any]

CURVATURE = (
    0.03  # of the losses by their logits: p (1 - p) lies under 1/4 and is small once learned
)
STRENGTHS = tuple(10.0**k for k in range(2, -7, -1))  # then half a decade to each side
FOLDS = 5
PRECISION, PRECISION_CV = 1e-9, 1e-7  # of the smallest loss, relative
GAIN = 0.02  # losses nearer to each other are as good, and the stronger penalty is taken
WEAK = 0.01  # the search ends below this strength, once the loss stands still
IMBALANCED = 1.5  # the largest class is that many times the smallest: class weights are tried


@dataclass(frozen=True)
class Probe:
    """A linear layer on features: logits = features @ weight.T + bias, standardisation included.

    weight        float32 (K, D), bias float32 (K)
    strength      of the penalty on the weights of standardised features, chosen or given
    balanced      whether every class counts the same, however many examples it has
    scores        the mean loss in cross-validation of each strength that was tried
    accuracy      the share that was right in cross-validation at the chosen one
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    strength: float
    balanced: bool = False
    scores: dict[float, float] = field(default_factory=dict)
    accuracy: float | None = None

    def __call__(self, features: Floats) -> NDArray[np.float32]:
        """features (n, D) -> logits float32 (n, K)."""
        return np.asarray(features @ self.weight.T + self.bias, np.float32)


def fit_probe(
    features: Floats,
    labels: Labels,
    count: int,
    strength: float | None = None,
    balance: bool | None = None,
    seed: int = 0,
) -> Probe:
    """The probe of features (N, D) for `count` classes or attributes.

    strength  None: the one with the smallest loss in cross-validation over five stratified folds
              (as many as the rarest class has examples, where these are fewer), drawn by `seed`; of
              several within 2 % the strongest
    balance   weights that make every class count the same; None: they are tried where the largest
              class has 1.5 times the examples of the smallest, and taken where cross-validation
              gives a better mean accuracy of the classes

    Raises DataError where a class of the labels has no example, or features are not finite.
    """
    _check(features, labels, count)
    mean, scale = standardisation(features)
    coordinates, basis = _rotated((features - mean) / scale)  # (N, R), (R, D)
    data = _Data(coordinates.astype(np.float32), labels, count)
    with _one_thread():
        tried = [_chosen(data, b, strength, seed) for b in _weightings(data, balance)]
        best = max(tried, key=lambda t: t.balanced_accuracy if len(tried) > 1 else 0.0)
        solution = solve(data, best.strength, best.balanced)
    weight = (solution[:-1].T @ basis) / scale  # (K, D)
    bias = solution[-1] - weight @ mean
    return Probe(weight.astype(np.float32), bias.astype(np.float32), best.strength,
                 best.balanced, best.scores, best.accuracy)  # fmt: skip


@contextmanager
def _one_thread() -> Iterator[None]:
    """The matrices are small: threads that wait for each other would take many times as long.

    SciPy has a BLAS of its own, which only counts once it is loaded.
    """
    import scipy.optimize  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield


def standardisation(features: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature, float64 (D); 1 for a feature that never changes."""
    mean, scale = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    return mean, np.where(scale > 1e-8 * max(float(scale.max(initial=0)), 1e-30), scale, 1.0)


# -- the regression ------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Data:
    """Standardised examples (N, R), their labels, and the number K of outputs."""

    x: Floats
    labels: Labels
    count: int

    @property
    def attributes(self) -> bool:
        return self.labels.ndim == 2

    def part(self, rows: Any) -> _Data:
        return _Data(self.x[rows], self.labels[rows], self.count)


def solve(
    data: _Data,
    strength: float,
    balanced: bool = False,
    start: Floats | None = None,
    precision: float = PRECISION,
) -> Floats:
    """The minimum: (R + 1, K), the bias in the last row, begun at `start` or zero."""
    from scipy.optimize import minimize

    rank, count = data.x.shape[1], data.count
    x, weights = Tensor(data.x), _importance(data, balanced)
    truth = Tensor(np.nan_to_num(data.labels))
    curvature = CURVATURE * (data.x**2).mean(0, dtype=np.float64) + strength  # along each axis
    steps = np.append(1 / np.sqrt(curvature), CURVATURE**-0.5)[:, None]  # (R + 1, 1)

    def loss_and_gradient(theta: Floats) -> tuple[float, Floats]:
        values = (theta.reshape(rank + 1, count) * steps).astype(data.x.dtype)
        weight = Tensor(values[:-1].T, requires_grad=True)  # (K, R)
        bias = Tensor(values[-1], requires_grad=True)
        losses = _losses(ops.linear(x, weight, bias), truth, data.attributes)
        total = (losses * weights).sum() + strength / 2 * (weight * weight).sum()
        total.backward()
        gradient = np.vstack([np.asarray(weight.grad).T, np.asarray(bias.grad)])
        return total.item(), (gradient * steps).ravel()

    begin = np.zeros((rank + 1, count)) if start is None else start / steps
    found = minimize(
        loss_and_gradient, begin.ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": 1000, "ftol": precision, "gtol": 1e-6, "maxcor": 20},
    )  # fmt: skip
    solution: Floats = found.x.reshape(rank + 1, count) * steps
    return solution


def _losses(logits: Tensor, truth: Tensor, attributes: bool) -> Tensor:
    """The loss of each example (N,), or of each of its attributes (N, K)."""
    if attributes:
        return ops.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return ops.cross_entropy(logits, truth, reduction="none")


def _importance(data: _Data, balanced: bool) -> Floats:
    """What each loss counts: they sum to 1 (for each attribute over the known examples)."""
    labels = data.labels
    if not data.attributes:
        counts = np.bincount(labels, minlength=data.count)
        raw = 1 / counts[labels] if balanced else np.ones(len(labels))
        return (raw / raw.sum()).astype(np.float32)
    known = ~np.isnan(labels)
    raw = known.astype(np.float32)
    if balanced:
        yes = (labels == 1).sum(0)
        no = (labels == 0).sum(0)
        raw *= np.where(labels == 1, 1 / np.maximum(yes, 1), 1 / np.maximum(no, 1))
    return raw / np.maximum(raw.sum(0), 1e-30)


def _rotated(x: Floats) -> tuple[Floats, Floats]:
    """(coordinates (N, R), basis (R, D)) with x = coordinates @ basis, orthonormal rows."""
    if len(x) < x.shape[1]:
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        return u * s, vt
    _, vectors = np.linalg.eigh(x.T @ x)
    return x @ vectors, vectors.T


# -- choosing by cross-validation ----------------------------------------------------------------
@dataclass(frozen=True)
class _Choice:
    """What cross-validation says of one weighting of the classes."""

    strength: float
    balanced: bool
    scores: dict[float, float]
    accuracy: float | None
    balanced_accuracy: float


def _weightings(data: _Data, balance: bool | None) -> Sequence[bool]:
    if balance is not None:
        return (balance,)
    if data.attributes:
        return (False,)
    counts = np.bincount(data.labels, minlength=data.count)
    return (False, True) if counts.max() >= IMBALANCED * counts.min() else (False,)


def _chosen(data: _Data, balanced: bool, strength: float | None, seed: int) -> _Choice:
    folds = fold_numbers(data.labels, seed)
    if strength is not None or folds is None:
        return _Choice(1.0 if strength is None else strength, balanced, {}, None, 0.0)
    scores, answers = _path(data, balanced, folds)
    best = max(k for k, loss in scores.items() if loss <= (1 + GAIN) * min(scores.values()))
    right = _right(answers[best], data)
    accuracy = float(np.nanmean(right))
    return _Choice(best, balanced, scores, accuracy, _mean_of_classes(right, data))


def _path(data: _Data, balanced: bool, folds: NDArray[np.int64]) -> Any:
    """Mean loss, and logits (N, K) of examples in the fold left out, for each strength.

    By decades from strong to weak, each begun where the last one ended, until the loss has grown
    twice, or among the weak stood still twice; then half a decade to each side of the best.
    """
    parts = [(data.part(folds != f), folds == f) for f in range(folds.max() + 1)]
    solutions: list[Floats | None] = [None] * len(parts)
    scores: dict[float, float] = {}
    answers: dict[float, Floats] = {}

    def judge(strength: float) -> None:
        logits = np.zeros((len(data.x), data.count))
        for i, (train, held) in enumerate(parts):
            solution = solutions[i] = solve(train, strength, balanced, solutions[i], PRECISION_CV)
            logits[held] = data.x[held] @ solution[:-1] + solution[-1]
        scores[strength], answers[strength] = _score(logits, data, balanced), logits

    for strength in STRENGTHS:
        judge(strength)
        losses = list(scores.values())
        share = 1 - GAIN if strength < WEAK else 1.0
        if len(losses) > 2 and min(losses[-2:]) > share * min(losses[:-2]):
            break
    best = min(scores, key=lambda candidate: scores[candidate])
    for strength in (best / 10**0.5, best * 10**0.5):
        judge(strength)
    return scores, answers


def _score(answers: Floats, data: _Data, balanced: bool) -> float:
    """The mean loss of logits (N, K)."""
    losses = _losses(Tensor(answers), Tensor(np.nan_to_num(data.labels)), data.attributes)
    return float((losses.data * _importance(data, balanced)).sum())


def _right(answers: Floats, data: _Data) -> Floats:
    """1 where the answer is right, 0 where not: (N,), or (N, K) with NaN where nobody knows."""
    if not data.attributes:
        return (answers.argmax(1) == data.labels).astype(np.float64)
    return np.where(np.isnan(data.labels), np.nan, (answers > 0) == (data.labels == 1))


def _mean_of_classes(right: Floats, data: _Data) -> float:
    if data.attributes:
        return float(np.nanmean(right))
    return float(np.mean([right[data.labels == k].mean() for k in np.unique(data.labels)]))


def fold_numbers(labels: Labels, seed: int = 0, folds: int = FOLDS) -> NDArray[np.int64] | None:
    """A fold 0 .. F-1 for each example, every class spread evenly; None where F would be 1.

    F is `folds`, or the size of the smallest class. Attributes are spread by their patterns.
    """
    if labels.ndim == 2:
        labels = np.unique(np.nan_to_num(labels, nan=2), axis=0, return_inverse=True)[1].ravel()
    else:
        folds = min(folds, int(np.bincount(labels)[np.unique(labels)].min()))
    if folds < 2 or len(labels) < folds:
        return None
    numbers, left = np.zeros(len(labels), np.int64), np.arange(len(labels))
    for fold in range(folds - 1):
        rest, held = stratified(labels[left], 1 / (folds - fold), seed + fold)
        numbers[left[held]] = fold
        left = left[rest]
    numbers[left] = folds - 1
    return numbers


def _check(features: Floats, labels: Labels, count: int) -> None:
    if not np.isfinite(features).all():
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise DataError(f"the features of {len(bad)} examples hold NaN or infinity (row {bad[0]})")
    if labels.ndim == 1:
        empty = np.flatnonzero(np.bincount(labels, minlength=count) == 0)
        if len(empty):
            raise DataError(
                f"{len(empty)} classes have no example to learn from (class {empty[0]})"
            )
