"""The Tensor: a NumPy array that remembers, through the tape, which operation made it.

Here lives what a tensor is, not what can be computed with it: the methods for mathematics are
bound by `ops/`, a page an operation.

Worked example: a Tensor used twice. In `b = a + a; c = b + b` both arguments of each addition are
the same Tensor, so its gradients add up: dc/db = 1 + 1 and dc/da = 2 + 2.

>>> import glassnet as gn
>>> a = gn.tensor(3.0, requires_grad=True)
>>> b = a + a
>>> c = b + b
>>> c.backward()
>>> a.grad.item()
4.0
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from glassnet.errors import GraphError, ShapeError
from glassnet.tape import (
    Array,
    ArrayHook,
    Edge,
    Node,
    Version,
    apply_hooks,
    is_grad_enabled,
    run_backward,
)

Hook = Callable[["Tensor"], "Tensor | None"]


class Tensor:
    """An array that can be differentiated: `data`, `grad`, `requires_grad`, and its history."""

    __slots__ = (
        "__weakref__",
        "_hooks",
        "_made",
        "_seen",
        "_version",
        "data",
        "grad",
        "requires_grad",
    )
    __array_ufunc__ = None  # numpy_array * tensor asks the Tensor

    def __init__(self, data: ArrayLike, requires_grad: bool = False) -> None:
        """Wrap `data`, an array without a copy. Raises GraphError for integers with a gradient."""
        self.data: Array = data if isinstance(data, np.ndarray) else as_array(data)
        self.grad: Tensor | None = None
        self._made: tuple[Node, int] | None = None  # the operation, and which of its outputs
        self._version = Version()
        self._seen = 0  # the recorded changes of its memory that this tensor knows of
        self._hooks: list[ArrayHook] | None = None
        self.requires_grad = False
        if requires_grad:
            self.requires_grad_()

    # -- what it is ------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it: its gradient is kept in `.grad`."""
        return self._made is None

    def dim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.data.size

    def size(self, dim: int | None = None) -> int | tuple[int, ...]:
        """The shape, or the length of one axis."""
        return self.data.shape if dim is None else self.data.shape[dim]

    def __len__(self) -> int:
        if not self.data.ndim:
            raise ShapeError("len() of a tensor without axes: it is one number, use .item()")
        return len(self.data)

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ShapeError(
                f"a tensor of shape {self.shape} is neither true nor false; "
                f"say which you mean with .any() or .all()"
            )
        return bool(self.data.reshape(())[()])

    def __repr__(self) -> str:
        body = np.array2string(self.data, precision=4, separator=", ", prefix="tensor(")
        usual = self.dtype in (np.float32, np.int64, np.bool_)
        dtype = "" if usual else f", dtype={self.dtype}"
        leaf = ", requires_grad=True" if self.requires_grad and self._made is None else ""
        made = f", made by {self._made[0].operation.name}" if self._made is not None else ""
        return f"tensor({body}{dtype}{leaf}{made})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    __hash__ = object.__hash__

    # -- out of the tape -------------------------------------------------------------------------
    def item(self) -> Any:
        """The one number that it holds, as a Python number. Raises ShapeError for more."""
        if self.data.size != 1:
            raise ShapeError(f"item() needs a tensor of one element, this has shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        """The numbers as nested lists."""
        return self.data.tolist()

    def numpy(self) -> Array:
        """The array itself, sharing memory. Raises GraphError where it takes part in gradients."""
        if self.requires_grad:
            raise GraphError("this tensor takes part in gradients; use .detach().numpy()")
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()

    def detach(self) -> Tensor:
        """The same memory, outside the tape. An in-place change of it is still noticed."""
        other = Tensor(self.data)
        other._version, other._seen = self._version, self._seen
        return other

    # -- gradients -------------------------------------------------------------------------------
    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient. Raises GraphError for integers, or to stop one that is recorded."""
        if requires_grad and not np.issubdtype(self.data.dtype, np.inexact):
            raise GraphError(
                f"only floating-point tensors have gradients, this one holds {self.dtype}; "
                f"make it with dtype=np.float32, or convert it with .float()"
            )
        if not requires_grad and self._made is not None:
            raise GraphError("the result of a recorded operation has a gradient; use .detach()")
        self.requires_grad = requires_grad
        return self

    def edge(self) -> Edge:
        """Where a gradient of this tensor goes: to the operation that made it, to itself, nowhere.

        Raises GraphError where its memory was changed through another tensor: its history would
        no longer be that of its value.
        """
        made = self._made
        if made is None:
            return self if self.requires_grad else None
        if self._seen != self._version.recorded:
            raise GraphError(
                f"this tensor, made by '{made[0].operation.name}', shares memory with one that "
                f"was changed in place, so its value and its history no longer belong together; "
                f"change the tensor itself (y[0] = ...), or a clone()"
            )
        return made

    def accumulate(self, gradient: Array, fresh: bool = False) -> None:
        """Add to `.grad`, through the hooks; the tape calls this once for each backward pass.

        The first is copied, so that two leaves never share one array, unless it is `fresh`.
        """
        if self._hooks:
            gradient, fresh = apply_hooks(self._hooks, gradient), False
        before = self.grad
        if before is not None:
            gradient = before.data + gradient
        elif not fresh:
            gradient = gradient.copy("K")
        keep_grad(self, Tensor(gradient))

    def retain_grad(self) -> None:
        """Keep `.grad` of a tensor in the middle of the graph too."""
        if self._made is None:
            return
        me = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            if (tensor := me()) is not None:
                before = 0 if tensor.grad is None else tensor.grad.data
                tensor.grad = Tensor(before + gradient.data)

        self.register_hook(keep)

    def register_hook(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(gradient)` when the gradient is complete; a Tensor it returns replaces it.

        Returns a function that removes the hook. Raises GraphError where there is no gradient.
        """
        if not self.requires_grad:
            raise GraphError("a tensor that does not require a gradient cannot have a hook on it")

        def on_arrays(gradient: Array) -> Array | None:
            changed = hook(Tensor(gradient))
            return None if changed is None else changed.data

        if self._made is not None:
            node, index = self._made
            node.hooks = node.hooks or {}
            hooks = node.hooks.setdefault(index, [])
        else:
            hooks = self._hooks = self._hooks or []
        hooks.append(on_arrays)
        return lambda: hooks.remove(on_arrays)

    def backward(
        self,
        gradient: Tensor | ArrayLike | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Add d(sum(self * gradient))/d(leaf) to `.grad` of every leaf behind this tensor.

        `gradient` has the shape of this tensor and may be left out for one number. The graph is
        freed unless `retain_graph`. Raises GraphError where nothing was recorded, the graph was
        freed, or a needed value was changed in place, and ShapeError for another shape.
        """
        if create_graph:
            raise GraphError("second derivatives are not supported: a gradient has no history")
        if not self.requires_grad:
            raise GraphError(
                "backward() of a tensor that no gradient leads to: make an input with "
                "requires_grad=True, and do not compute under no_grad() or from .detach()"
            )
        run_backward(self.edge(), self._seed(gradient), retain_graph)

    def _seed(self, gradient: Tensor | ArrayLike | None) -> Array:
        if gradient is None:
            if self.data.size != 1:
                raise ShapeError(
                    f"backward() starts from one number, this tensor has shape {self.shape}; "
                    f"reduce it (.sum() or .mean()) or pass a gradient of its shape"
                )
            return np.ones_like(self.data)
        seed = as_array(gradient)
        if seed.shape != self.shape:
            raise ShapeError(f"the gradient has shape {seed.shape}, the tensor {self.shape}")
        return seed.astype(self.dtype, copy=False)

    # -- in place --------------------------------------------------------------------------------
    def write(self, result: Tensor) -> Tensor:
        """Take over the value and the history of `result`, in this tensor's own memory.

        What every in-place method ends in. Raises GraphError for a leaf that requires a gradient,
        or a view of one, while operations are recorded.
        """
        if is_grad_enabled() and (result.requires_grad or self.requires_grad):
            if self.requires_grad and self._is_leaf_memory():
                raise GraphError(
                    "a leaf that requires a gradient, or a view of one, cannot be changed in place "
                    "while operations are recorded; do it inside `with no_grad():`, or change a "
                    "clone()"
                )
            self._made = result._made
            self.requires_grad = result.requires_grad
            self._version.recorded += 1
            self._seen = self._version.recorded
        np.copyto(self.data, result.data, casting="same_kind")
        self._version.bump(self.data)
        return self

    def _is_leaf_memory(self) -> bool:
        """Whether this is a leaf, or looks at the memory of one: then they share a Version."""
        node = self._made and self._made[0]
        while node is not None and node.versions and node.versions[-1] is self._version:
            if any(isinstance(e, Tensor) and e._version is self._version for e in node.edges):
                return True
            node = next((e[0] for e in node.edges if isinstance(e, tuple)), None)
        return self._made is None

    def operand(self) -> Tensor:
        """What an in-place method computes from: a copy while recording, so caches stay whole."""
        if not (self.requires_grad and is_grad_enabled()):
            return self
        other = Tensor(self.data.copy(order="K"))
        other.requires_grad = True
        other._made = self.edge() if self._made is not None else None
        return other

    if TYPE_CHECKING:  # bound by ops/

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...


# Puts `.grad` in its place past a Parameter's __setattr__, which has to do with `.data` alone.
keep_grad: Callable[[Tensor, Tensor | None], None] = vars(Tensor)["grad"].__set__


def as_array(data: Any) -> Array:
    """The array in `data`. Python floats become float32; NumPy values keep their dtype.

    Raises ShapeError for what is not numbers in a regular grid.
    """
    if isinstance(data, Tensor):
        return data.data
    if isinstance(data, (list, tuple)):
        data = [d.data if isinstance(d, Tensor) else d for d in data]
    try:
        array = np.asarray(data)
    except ValueError:  # a ragged list
        array = np.empty((), dtype=object)
    if array.dtype.kind not in "biuf":
        raise ShapeError(f"a tensor holds numbers in a regular grid, not {data!r:.80}")
    from_numpy = hasattr(data, "dtype") or (
        isinstance(data, list) and any(hasattr(d, "dtype") for d in data)
    )
    return array.astype(np.float32) if array.dtype == np.float64 and not from_numpy else array


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A Tensor with its own copy of `data`, of any shape.

    Python floats become float32 unless `dtype` says otherwise; NumPy arrays keep their dtype.
    Raises ShapeError for what is not numbers in a regular grid.
    """
    return Tensor(np.array(as_array(data), dtype=dtype), requires_grad=requires_grad)
