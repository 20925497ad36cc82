"""gradcheck(): hold a gradient against central differences, and say what is wrong with it.

First the whole gradient at once: along a random direction u the derivative of L is <dL/dx, u>,
and (L(x + h u) - L(x - h u)) / 2h approximates it to O(h^2), a handful of evaluations whatever
the size. Only where the two differ does it go entry by entry, to find the worst one, to set the
kinks apart (points where the slopes from the left and from the right differ, relu at 0 say, where
no gradient is right), and to recognise the usual mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassnet import random
from glassnet.errors import GlassnetError
from glassnet.tape import Array, no_grad
from glassnet.tensor import Tensor, as_array

MOST_ENTRIES = 4000  # of one argument that are looked at one by one


class GradientError(GlassnetError, AssertionError):
    """A gradient that does not agree with the values."""


@dataclass
class GradcheckResult:
    """What was found: the largest relative error, and the kinks as (argument, index)."""

    error: float = 0.0
    kinks: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return True


@dataclass
class _Entries:
    """One argument entry by entry: its gradient, the central difference, and what to leave out."""

    analytic: Array
    numeric: Array
    checked: Array  # bool: looked at
    kink: Array  # bool: the slopes from both sides differ

    def errors(self) -> Array:
        scale = max(1e-8, float(np.max(np.abs(self.numeric), initial=0.0)))
        error = np.abs(self.analytic - self.numeric) / np.maximum(np.abs(self.numeric), scale)
        return np.where(self.checked & ~self.kink, error, 0.0)


class _Problem:
    """L(x) = sum over outputs of <y, r> for fixed random r, and its gradient by the tape."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...], seed: int) -> None:
        self.f, self.generator = f, random.derive(seed)
        known = (Tensor, np.ndarray, list)
        arrays: list[Any] = [as_array(x) if isinstance(x, known) else x for x in inputs]
        self.wanted = [
            i for i, a in enumerate(arrays) if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        ]
        self.x = [a.astype(np.float64) if i in self.wanted else a for i, a in enumerate(arrays)]
        self.weights = [self.generator.standard_normal(y.shape) for y in self._outputs(self.x)]

    def _outputs(self, values: list[Any], record: bool = False) -> list[Tensor]:
        args = [
            Tensor(v, requires_grad=record and i in self.wanted) if isinstance(v, np.ndarray) else v
            for i, v in enumerate(values)
        ]
        self.args = args
        if record:
            y = self.f(*args)
        else:
            with no_grad():
                y = self.f(*args)
        outputs = list(y) if isinstance(y, (tuple, list)) else [y]
        return [o for o in outputs if isinstance(o, Tensor) and o.dtype.kind == "f"]

    def value(self, values: list[Any]) -> float:
        pairs = zip(self._outputs(values), self.weights, strict=True)
        return float(sum(np.sum(y.data * r) for y, r in pairs))

    def gradients(self) -> dict[int, Array]:
        for y, r in zip(self._outputs(self.x, record=True), self.weights, strict=True):
            if y.requires_grad:
                y.backward(Tensor(r), retain_graph=True)
        grads = {i: self.args[i].grad for i in self.wanted}
        return {
            i: np.zeros_like(self.x[i]) if g is None else g.data.astype(np.float64)
            for i, g in grads.items()
        }

    def moved(self, argument: int, delta: Array) -> list[Any]:
        return [x + delta if i == argument else x for i, x in enumerate(self.x)]

    def along(self, argument: int, gradient: Array, eps: float) -> float:
        """The relative error along one random direction of one argument."""
        u = self.generator.standard_normal(gradient.shape)
        step = eps * u
        numeric = self.value(self.moved(argument, step)) - self.value(self.moved(argument, -step))
        numeric, analytic = numeric / (2 * eps), float(np.sum(gradient * u))
        # <g, u> is near |g| for most u; where it cancels, |g| is the scale of its rounding.
        scale = max(abs(numeric), abs(analytic), 0.1 * float(np.linalg.norm(gradient)), 1e-8)
        return abs(numeric - analytic) / scale if np.isfinite(numeric - analytic) else np.inf

    def entries(self, argument: int, gradient: Array, eps: float) -> _Entries:
        numeric, kink = np.zeros_like(gradient), np.zeros(gradient.shape, bool)
        checked = np.zeros(gradient.shape, bool)
        for index in self._some(gradient):
            h = eps * max(1.0, abs(float(self.x[argument][index])))
            left, right = self._slopes(argument, index, h)
            numeric[index], checked[index] = (left + right) / 2, True
            # The two slopes of a smooth function differ by O(h), those at a kink by O(1), whatever
            # h is; rounding makes them differ by O(1/h).
            jump = abs(right - left)
            if jump > 1e-3 * max(1e-2, abs(right), abs(left)):
                left, right = self._slopes(argument, index, 10 * h)
                kink[index] = 0.5 * jump < abs(right - left) < 2 * jump
        return _Entries(gradient, numeric, checked, kink)

    def _slopes(self, argument: int, index: tuple[int, ...], h: float) -> tuple[float, float]:
        """The slopes of L from the left and from the right along one entry."""
        delta = np.zeros_like(self.x[argument])
        delta[index] = h
        here, before = self.value(self.x), self.value(self.moved(argument, -delta))
        return (here - before) / h, (self.value(self.moved(argument, delta)) - here) / h

    def _some(self, gradient: Array) -> Iterator[tuple[int, ...]]:
        flat = np.arange(gradient.size)
        if gradient.size > MOST_ENTRIES:
            flat = self.generator.choice(flat, MOST_ENTRIES, replace=False)
        for i in flat:
            yield tuple(int(k) for k in np.unravel_index(i, gradient.shape))


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
    every_entry: bool = False,
    seed: int = 0,
) -> GradcheckResult:
    """Compare the gradient of `f(*inputs)` with central differences in float64.

    Floating-point arrays and Tensors among `inputs` are differentiated (as float64), everything
    else is handed on. `eps` is the step, `tolerance` the largest relative error allowed;
    `every_entry` skips the projection and looks at each entry. Kinks are left out and reported in
    the result. Raises GradientError with the operation, the argument, the worst entry, and the
    kind of mistake where it shows [after HIPS/autograd's check; Griewank & Walther 2008, ch. 3].
    """
    problem, result = _Problem(f, inputs, seed), GradcheckResult()
    for argument, gradient in problem.gradients().items():
        if not gradient.size:
            continue
        error = max(problem.along(argument, gradient, eps) for _ in range(2))
        if every_entry or error > tolerance:
            entries = problem.entries(argument, gradient, eps)
            result.kinks += [(argument, tuple(map(int, k))) for k in np.argwhere(entries.kink)]
            error = float(entries.errors().max())
            if not error <= tolerance or _not_finite(entries):
                raise GradientError(_describe(f, argument, entries))
        result.error = max(result.error, error)
    return result


def _not_finite(entries: _Entries) -> bool:
    return not np.isfinite(entries.numeric[entries.checked]).all()


def _describe(f: Callable[..., Any], argument: int, entries: _Entries) -> str:
    name = getattr(f, "name", getattr(f, "__name__", repr(f)))
    errors = entries.errors()
    worst = tuple(int(k) for k in np.unravel_index(np.argmax(errors), errors.shape))
    wrong = int(np.count_nonzero(errors > 1e-5))
    return (
        f"the gradient of '{name}' for argument {argument} (shape {errors.shape}) is wrong in "
        f"{wrong} of {int(entries.checked.sum())} entries looked at. Worst at {worst}: the "
        f"backward says {entries.analytic[worst]:.8g}, central differences say "
        f"{entries.numeric[worst]:.8g}."
        f"{_kind(entries)}"
    )


def _kind(entries: _Entries) -> str:
    """A sentence that names the mistake, where the numbers give it away."""
    keep = entries.checked & ~entries.kink
    a, n = entries.analytic, entries.numeric
    if not np.any(np.abs(n[keep]) > 1e-7):
        return ""
    if np.allclose(a[keep], 0):
        return " It is zero everywhere: a term was forgotten, or the gradient of another argument."
    if np.allclose(a[keep], -n[keep], rtol=1e-4, atol=1e-8):
        return " It is right but for its sign."
    sure = keep & (np.abs(n) > 1e-3 * np.abs(n[keep]).max())
    ratios = a[sure] / n[sure]
    ratio = float(np.median(ratios))
    if np.allclose(ratios, ratio, rtol=1e-4):
        return _factor(ratio, a.shape)
    for axes in _permutations(a.ndim):
        if a.transpose(axes).shape == n.shape and np.allclose(a.transpose(axes), n, rtol=1e-4):
            return f" Its axes are in the wrong order: transposed by {axes} it is right."
    for axis in range(a.ndim):
        if np.allclose(np.flip(a, axis), n, rtol=1e-4):
            return f" It is reversed along axis {axis}."
        if a.shape[axis] > 1 and np.allclose(np.roll(a, 1, axis), n, rtol=1e-4):
            return f" It is shifted along axis {axis}."
    constant = [i for i in range(a.ndim) if a.shape[i] > 1 and np.ptp(a, axis=i).max() < 1e-12]
    if constant and all(np.ptp(n, axis=i).max() > 1e-6 for i in constant):
        return f" It is constant along axis {constant[0]}: was it summed over the wrong axis?"
    return ""


def _factor(ratio: float, shape: tuple[int, ...]) -> str:
    sizes = {f"the length of axis {i}": n for i, n in enumerate(shape) if n > 1}
    if len(shape) > 1:
        sizes["the number of elements"] = int(np.prod(shape))
    for what, n in sizes.items():
        if np.isclose(ratio, n, rtol=1e-4):
            return f" It is {n} times too large, {what}: a missing 1/N?"
        if np.isclose(ratio, 1 / n, rtol=1e-4):
            return f" It is {n} times too small, {what}: divided by N once too often?"
    return f" It is {ratio:.6g} times what it should be, in every entry: a constant factor."


def _permutations(ndim: int) -> Iterator[tuple[int, ...]]:
    for i in range(ndim):
        for j in range(i + 1, ndim):
            axes = list(range(ndim))
            axes[i], axes[j] = axes[j], axes[i]
            yield tuple(axes)
