"""same(): one computation in both libraries, its values and gradients compared, a line a case."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from glassnet.tensor import Tensor

Array = np.ndarray[Any, Any]
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}


def close(ours: Any, theirs: Any, tolerance: float, what: str) -> None:
    """Raise where an entry differs by more than `tolerance` times the largest, or the shape does.

    Infinities and NaNs have to be in the same places.
    """
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, theirs {b.shape}"
    assert a.dtype == b.dtype, f"{what}: {a.dtype}, theirs {b.dtype}"
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=what)
    scale = float(np.abs(b[finite]).max(initial=0))
    off = float(np.abs(a[finite].astype(float) - b[finite].astype(float)).max(initial=0))
    assert off <= tolerance * max(scale, 1e-6), f"{what}: off by {off:.3g}, largest {scale:.3g}"


def same(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *inputs: Any,
    dtypes: Sequence[type] = (np.float64, np.float32),
    **options: Any,
) -> None:
    """Hold two functions of tensors to the same outputs, dtypes and gradients.

    Of the inputs, a tuple of integers is the shape of normal numbers, an array of floats is an
    input with a gradient, and all else is handed on as it is (integer arrays as tensors).
    """
    for dtype in dtypes:
        draw = np.random.default_rng(0).normal
        arrays = [draw(size=x) if isinstance(x, tuple) else x for x in inputs]
        ready = [a.astype(dtype) if _floats(a) else a for a in arrays]
        mine = [Tensor(a, requires_grad=_floats(a)) if _is_array(a) else a for a in ready]
        other = [torch.tensor(a, requires_grad=_floats(a)) if _is_array(a) else a for a in ready]
        compare(ours(*mine, **options), theirs(*other, **options), TOLERANCE[dtype])
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            if isinstance(a, Tensor) and b.grad is not None:
                assert a.grad is not None, f"gradient {i}: none, theirs {b.grad}"
                close(a.grad.data, b.grad.numpy(), TOLERANCE[dtype], f"gradient {i}")


def compare(ours: Any, theirs: Any, tolerance: float) -> None:
    """Compare outputs, and let the same random gradients flow back from both."""
    outputs = list(zip(flat(ours), flat(theirs), strict=True))
    for i, (y, z) in enumerate(outputs):
        close(y.data, z.detach().numpy(), tolerance, f"output {i}")
    dys = [np.random.default_rng(9 + i).normal(size=y.shape) for i, (y, _) in enumerate(outputs)]
    for (y, z), dy in zip(outputs, dys, strict=True):
        assert y.requires_grad == z.requires_grad
        if y.requires_grad:
            y.backward(dy.astype(y.dtype), retain_graph=True)
            z.backward(torch.tensor(dy, dtype=z.dtype), retain_graph=True)


def flat(outputs: Any) -> list[Any]:
    """The tensors in nested tuples, in order; those that are None are left out."""
    if isinstance(outputs, (tuple, list)):
        return [y for part in outputs for y in flat(part)]
    return [] if outputs is None else [outputs]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _floats(value: Any) -> bool:
    return _is_array(value) and value.dtype.kind == "f"
