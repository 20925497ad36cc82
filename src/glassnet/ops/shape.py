"""Shapes: the same numbers in other places. Every gradient here is a move back.

    x, xs   any shape; `dim` is an axis, negative ones count from the end
    y, dy   the new shape

Reshaping, permuting, expanding and splitting give views wherever NumPy can: no number is copied,
and a change in place of the view is a change of x. Padding keeps the memory layout of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from glassnet.errors import ShapeError
from glassnet.operation import example, operation
from glassnet.ops._samples import normal
from glassnet.tape import Array
from glassnet.tensor import Tensor

Shape = tuple[int, ...]
Axes = tuple[int, ...]
Dim = int | Sequence[int] | None


def axes_of(dim: Dim, ndim: int) -> Axes:
    """The axes that `dim` names among `ndim`, counted from 0; None names all.

    Raises ShapeError for an axis that is not there, or is named twice.
    """
    try:
        return normalize_axis_tuple(range(ndim) if dim is None else dim, ndim)
    except ValueError as error:
        raise ShapeError(f"dim = {dim} does not fit a tensor of {ndim} axes: {error}") from error


def axis_of(dim: int, ndim: int) -> int:
    """The axis that `dim` names among `ndim`, counted from 0. Raises ShapeError as axes_of."""
    if type(dim) is int and -ndim <= dim < ndim:
        return dim % ndim
    return axes_of(dim, ndim)[0]


def reshape_forward(x: Array, shape: Sequence[int]) -> tuple[Array, Shape]:
    """y = the entries of x, in row-major order, in another shape; one length may be -1."""
    return x.reshape(tuple(shape)), x.shape


def reshape_backward(dy: Array, shape: Shape) -> Array:
    """dx = dy in the shape of x."""
    return dy.reshape(shape)


_reshape = operation(
    reshape_forward, reshape_backward, examples=lambda: [example(normal(2, 3, 4), (2, -1))]
)


def permute_forward(x: Array, dims: Sequence[int]) -> tuple[Array, Axes]:
    """y = x with axis dims[i] of x as axis i."""
    axes = axes_of(dims, x.ndim)
    return x.transpose(axes), axes


def permute_backward(dy: Array, axes: Axes) -> Array:
    """dx = dy permuted by the inverse permutation."""
    return dy.transpose(np.argsort(axes))


_permute = operation(
    permute_forward, permute_backward, examples=lambda: [example(normal(2, 3, 4), (0, -1, 1))]
)


def expand_forward(x: Array, shape: Sequence[int]) -> tuple[Array, None]:
    """y = x, repeated along its axes of length 1 and along new leading axes; -1 keeps a length."""
    kept = (1,) * (len(shape) - x.ndim) + x.shape
    whole = tuple(old if new == -1 else new for old, new in zip(kept, shape, strict=True))
    return np.broadcast_to(x, whole), None


def expand_backward(dy: Array, cache: None) -> Array:
    """dx = the sum of dy over the copies, which the tape makes (`tape.unbroadcast`)."""
    return dy


_expand = operation(
    expand_forward,
    expand_backward,
    examples=lambda: [example(normal(3, 1), (2, -1, 4)), example(normal(4), (3, 4))],
    broadcasts=True,
)


def flip_forward(x: Array, dims: int | Sequence[int]) -> tuple[Array, Any]:
    """y = x read backwards along the axes `dims`."""
    axes = axes_of(dims, x.ndim)
    return np.flip(x, axes), axes


def flip_backward(dy: Array, axes: Axes) -> Array:
    """dx = dy read backwards."""
    return np.flip(dy, axes)


flip = operation(
    flip_forward, flip_backward, examples=lambda: [example(normal(2, 3, 4), dims=(1, -1))]
)


def concatenate_forward(*xs: Array, dim: int = 0) -> tuple[Array, Any]:
    """y = the arrays one after another along an axis; the other lengths are the same in all."""
    y = np.concatenate(xs, axis=dim)
    return y, (np.cumsum([x.shape[dim] for x in xs])[:-1], dim)


def concatenate_backward(dy: Array, cache: Any) -> tuple[Array, ...]:
    """dx_i = the part of dy where x_i stands."""
    ends, dim = cache
    return tuple(np.split(dy, ends, axis=dim))


_concatenate = operation(
    concatenate_forward,
    concatenate_backward,
    examples=lambda: [
        example(normal(2, 3), normal(2, 1), normal(2, 2), dim=-1),
        example(normal(4), normal(3)),
    ],
)


def stack_forward(*xs: Array, dim: int = 0) -> tuple[Array, int]:
    """y[..., i, ...] = x_i, with the new axis at `dim`; all of one shape."""
    return np.stack(xs, axis=dim), dim


def stack_backward(dy: Array, dim: int) -> tuple[Array, ...]:
    """dx_i = dy[..., i, ...]."""
    return tuple(np.moveaxis(dy, dim, 0))


_stack = operation(
    stack_forward,
    stack_backward,
    examples=lambda: [
        example(normal(2, 3), normal(2, 3, key=1), dim=1),
        example(normal(2, 3), normal(2, 3, key=1), dim=-1),
    ],
)


def split_forward(x: Array, ends: Sequence[int], dim: int = 0) -> tuple[tuple[Array, ...], int]:
    """y_0 = x[:ends[0]], y_1 = x[ends[0]:ends[1]], ... along an axis."""
    return tuple(np.split(x, ends, axis=dim)), dim


def split_backward(dys: tuple[Array, ...], dim: int) -> Array:
    """dx = the gradients one after another."""
    return np.concatenate(dys, axis=dim)


_split = operation(
    split_forward, split_backward, examples=lambda: [example(normal(2, 6), (2, 5), dim=1)]
)


def pad_forward(
    x: Array, widths: Sequence[tuple[int, int]], mode: str = "constant", value: float = 0.0
) -> tuple[Array, Any]:
    """y = x with `widths[i]` = (before, after) more entries along axis i.

    They hold `value` ("constant"), the nearest entry of x ("replicate"), or x as in a mirror that
    stands on its edge entry ("reflect").
    """
    y = np.full_like(x, value, shape=[n + b + a for n, (b, a) in zip(x.shape, widths, strict=True)])
    inner = tuple(slice(b, b + n) for n, (b, a) in zip(x.shape, widths, strict=True))
    if mode == "constant":
        y[inner] = x
        return y, (inner, None)
    sources = [
        np.pad(np.arange(n), width, mode="edge" if mode == "replicate" else mode)  # type: ignore[call-overload]
        for n, width in zip(x.shape, widths, strict=True)
    ]
    y[...] = x[np.ix_(*sources)]
    return y, (inner, sources)


def pad_backward(dy: Array, cache: Any) -> Array:
    """dx = the inner part of dy; to it, along each axis, comes what the copies of an entry got."""
    inner, sources = cache
    if sources is None:
        return dy[inner]
    for axis, (part, source) in enumerate(zip(inner, sources, strict=True)):
        whole = np.moveaxis(dy, axis, 0)
        dx = whole[part].copy(order="K")
        for i in (*range(part.start), *range(part.stop, len(whole))):
            dx[source[i]] += whole[i]
        dy = np.moveaxis(dx, 0, axis)
    return dy


_pad = operation(
    pad_forward,
    pad_backward,
    examples=lambda: [
        example(normal(2, 4, 5), ((0, 0), (1, 2), (3, 0)), value=0.5),
        example(normal(2, 4, 5), ((0, 0), (1, 2), (3, 0)), mode="reflect"),
        example(normal(2, 4, 5), ((0, 0), (1, 2), (6, 0)), mode="replicate"),
    ],
)


def sizes(given: tuple[Any, ...]) -> Shape:
    """The lengths in a call like `x.reshape(2, 3)` or `x.reshape((2, 3))`."""
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    return tuple(int(n) for n in given)


def reshape(x: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """x in another shape, `reshape(x, 2, 3)` or `reshape(x, (2, 3))`; one length may be -1."""
    return _reshape(x, sizes(shape))


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with the axes from `start_dim` to `end_dim` (included) made one."""
    if not x.ndim:
        return _reshape(x, (1,))
    first, last = axis_of(start_dim, x.ndim), axis_of(end_dim, x.ndim)
    merged = prod(x.shape[first : last + 1])  # not -1, which an empty batch cannot solve for
    return _reshape(x, (*x.shape[:first], merged, *x.shape[last + 1 :]))


def permute(x: Tensor, *dims: int | Sequence[int]) -> Tensor:
    """x with its axes in the order `dims`."""
    return _permute(x, sizes(dims))


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """x with two axes exchanged."""
    axes, (i, j) = list(range(x.ndim)), axes_of((dim0, dim1), x.ndim)
    axes[i], axes[j] = j, i
    return _permute(x, axes)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """x with a new axis of length 1 at `dim`."""
    at = axis_of(dim, x.ndim + 1)
    return _reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """x without its axes of length 1, or without those of them that `dim` names."""
    dims = axes_of(dim, x.ndim)
    return _reshape(x, [n for i, n in enumerate(x.shape) if n != 1 or i not in dims])


def expand(x: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """x repeated to `shape` without a copy; -1 keeps a length."""
    return _expand(x, sizes(shape))


def broadcast_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """x repeated to `shape` without a copy."""
    return _expand(x, tuple(shape))


def concatenate(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after another along the axis `dim`."""
    return _concatenate(*tensors, dim=dim)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors, all of one shape, along a new axis `dim`."""
    return _stack(*tensors, dim=dim)


def split(x: Tensor, size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """x in parts of `size` along an axis (the last may be shorter), or of the sizes listed."""
    length = x.shape[axis_of(dim, x.ndim)]
    if isinstance(size, int):
        if size < 1:
            raise ShapeError(f"split() needs a size of 1 or more, not {size}")
        ends = np.arange(size, length, size)
    elif sum(size) != length:
        raise ShapeError(
            f"split() into parts of {list(size)}: they sum to {sum(size)}, but axis {dim} "
            f"of a tensor of shape {x.shape} has length {length}"
        )
    else:
        ends = np.cumsum(size)[:-1]
    return _split(x, ends, dim=dim)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """x in `chunks` parts of one size along an axis; the last may be shorter."""
    return split(x, max(1, -(-x.shape[axis_of(dim, x.ndim)] // chunks)), dim)


def pad(
    x: Tensor,
    pad: Sequence[int] | Sequence[Sequence[int]],
    mode: str = "constant",
    value: float = 0.0,
) -> Tensor:
    """x with more entries around it: "constant" (`value`), "reflect" or "replicate".

    pad: (left, right) for the last axis, (left, right, top, bottom) for the last two and so on,
    as in PyTorch; or ((top, bottom), (left, right)), a pair for each of the last axes in order.
    """
    pairs: list[Any] = [tuple(p) for p in pad if not isinstance(p, int)]
    if not pairs:
        flat = [p for p in pad if isinstance(p, int)]
        pairs = [(flat[i], flat[i + 1]) for i in range(0, len(flat) - 1, 2)][::-1]
        pairs = pairs if len(flat) % 2 == 0 else []
    fits = 0 < len(pairs) <= x.ndim and all(len(p) == 2 and min(p) >= 0 for p in pairs)
    if not fits or mode not in ("constant", "reflect", "replicate"):
        raise ShapeError(
            f"pad() of a tensor of shape {x.shape} takes pairs of numbers >= 0 for its last axes "
            f"and a mode of constant, reflect or replicate, not {pad!r} and {mode!r}"
        )
    widths = ((0, 0),) * (x.ndim - len(pairs)) + tuple(pairs)
    return _pad(x, widths, mode=mode, value=value)
