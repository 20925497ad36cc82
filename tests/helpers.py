"""check(): all that every operation must hold to, in one line a case."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.gradcheck import gradcheck
from glassnet.tensor import Tensor

Array = NDArray[Any]


def check(
    op: Callable[..., Any],
    *args: Any,
    expected: Any = None,
    every_entry: bool = False,
    tolerance: float = 1e-6,
    **options: Any,
) -> list[Array]:
    """Hold `op(*args, **options)` to the rules of the house; returns its outputs in float64.

    - its value is `expected`, an array or a tuple of arrays (to 1e-12), where that is given;
    - its gradient agrees with central differences (relative error `tolerance`);
    - float32 in gives float32 out, with the same value and gradient to 1e-5;
    - the memory layout of the arguments makes no difference.
    Arrays among `args` become Tensors, other arguments are handed on as they are.
    """
    values, gradients = run(op, args, options)
    if expected is not None:
        wanted = expected if isinstance(expected, tuple) else (expected,)
        for value, want in zip(values, wanted, strict=True):
            np.testing.assert_allclose(value, want, rtol=1e-12, atol=1e-12)
    _gradcheck(op, args, options, every_entry, tolerance)
    for variant, tolerance in ((_strided, 1e-12), (_columns, 1e-12), (_single, 1e-5)):
        others, other_gradients = run(op, [_change(a, variant) for a in args], options)
        for one, other in zip([*values, *gradients], [*others, *other_gradients], strict=True):
            assert variant is not _single or other.dtype == _single(one).dtype
            scale = float(np.max(np.abs(one[np.isfinite(one)]), initial=0)) if one.size else 0
            np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance * (1 + scale))
    return values


def run(op: Callable[..., Any], args: Any, options: Any) -> tuple[list[Array], list[Array]]:
    """The outputs of `op`, and the gradients of its floating arguments for fixed weights."""
    tensors = [Tensor(a, requires_grad=_floats(a)) if _is_array(a) else a for a in args]
    before = [np.array(a) if _is_array(a) else None for a in args]
    result = op(*tensors, **options)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    for i, y in enumerate(outputs):
        if y.requires_grad:
            weights = np.random.default_rng(i).standard_normal(y.shape)
            y.backward(weights.astype(y.dtype), retain_graph=True)
    for a, original in zip(args, before, strict=True):
        assert original is None or np.array_equal(a, original, equal_nan=_floats(a)), "changed"
    wanted = [t for t in tensors if isinstance(t, Tensor) and t.requires_grad]
    grads = [np.zeros_like(t.data) if t.grad is None else t.grad.data for t in wanted]
    for t, g in zip(wanted, grads, strict=True):
        assert g.shape == t.shape
        assert g.dtype == t.dtype
    return [y.data for y in outputs], grads


def _gradcheck(op: Any, args: Any, options: Any, every_entry: bool, tolerance: float) -> None:
    places = [i for i, a in enumerate(args) if _is_array(a) and _floats(a)]

    def function(*arrays: Tensor) -> Any:
        whole = [Tensor(a) if _is_array(a) else a for a in args]
        for i, x in zip(places, arrays, strict=True):
            whole[i] = x
        return op(*whole, **options)

    function.__name__ = getattr(op, "name", getattr(op, "__name__", "operation"))
    gradcheck(function, *(args[i] for i in places), every_entry=every_entry, tolerance=tolerance)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _floats(value: Any) -> bool:
    return bool(value.dtype.kind == "f")


def _change(value: Any, variant: Callable[[Array], Array]) -> Any:
    return variant(value) if _is_array(value) else value


def _strided(x: Array) -> Array:
    """The same numbers with a gap after each along every axis."""
    gaps = np.zeros([2 * n for n in x.shape], x.dtype)
    view = gaps[(*(slice(None, None, 2) for _ in x.shape), ...)]
    view[...] = x
    return view


def _columns(x: Array) -> Array:
    return np.array(x, order="F")


def _single(x: Array) -> Array:
    return x.astype(np.float32) if _floats(x) else x
