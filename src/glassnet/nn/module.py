"""Parameter and Module: a network as a tree of layers that own their parameters.

A Module keeps its layers, parameters and buffers where Python keeps attributes, in `vars(self)`,
and finds them by their type. There is no registry beside it to fall out of step, and nothing
special about `__init__`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from glassnet.errors import CheckpointError, GlassnetError, GlassnetWarning, ShapeError
from glassnet.nn.architecture import Described
from glassnet.nn.plan import INSIDE, planned
from glassnet.tape import Array, is_grad_enabled, no_grad, touch
from glassnet.tensor import Tensor, as_array

M = TypeVar("M", bound="Module")
T = TypeVar("T", bound=Tensor)
H = TypeVar("H")
ForwardHook = Callable[["Module", tuple[Any, ...], Any], Any]
ForwardPreHook = Callable[["Module", tuple[Any, ...]], Any]


class Parameter(Tensor):
    """A Tensor that a layer owns and an optimiser changes; assigning it to a layer is enough."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "data":
            touch()

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True) -> None:
        super().__init__(as_array(data), requires_grad)

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})"


class Loaded(NamedTuple):
    """What `load_state_dict(strict=False)` left alone: names without values, and the reverse."""

    missing: list[str]
    unexpected: list[str]


class Module(Described):
    """A layer, or a network of layers: assign layers and Parameters, and define `forward`.

    >>> from glassnet import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, features):
    ...         self.weight = nn.Parameter([1.0] * features)
    ...
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> [(name, p.shape) for name, p in Scale(3).named_parameters()]
    [('weight', (3,))]

    `training` tells dropout and batch normalisation what to do (`train()`, `eval()`); `frozen`
    fixes batch statistics whatever the mode (`freeze()`). A class may say that it is `steady`: in
    evaluation its forward runs the same operations of glassnet on all inputs of a shape, looks at
    no numbers and does nothing else; a network all of whose layers are is faster (`nn/plan.py`).
    """

    training: bool = True
    frozen: bool = False
    steady: bool = False
    _buffers: dict[str, bool]  # name -> whether it is part of the state_dict
    _forward_hooks: list[ForwardHook]
    _forward_pre_hooks: list[ForwardPreHook]

    def __new__(cls, *args: Any, **options: Any) -> Any:
        module = super().__new__(cls, *args, **options)
        module._buffers, module._forward_hooks, module._forward_pre_hooks = {}, [], []
        return module

    def __init__(self) -> None:
        """Nothing to prepare; called by habit from the constructors of layers."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Layers and models of glassnet are steady; others where the class itself says so."""
        super().__init_subclass__(**options)
        own = cls.__module__.startswith(("glassnet.nn.", "glassnet.models."))
        cls.steady = vars(cls).get("steady", own)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        touch()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        touch()

    # -- computing -------------------------------------------------------------------------------
    def _forward(self, *args: Any, **options: Any) -> Any:
        """What the layer computes; every layer defines it under the name `forward`."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, x)")

    forward: Callable[..., Any] = _forward

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run `forward`, and the hooks before and after it; a network in evaluation by its plan."""
        asks = self.steady and len(args) == 1 and not options
        if not asks or is_grad_enabled() or INSIDE.get():
            return self._with_hooks(*args, **options)
        output = planned(self, args[0])
        if output is not None:
            return output
        token = INSIDE.set(True)
        try:
            return self._with_hooks(*args)
        finally:
            INSIDE.reset(token)

    def _with_hooks(self, *args: Any, **options: Any) -> Any:
        if self._forward_pre_hooks:
            for before in tuple(self._forward_pre_hooks):
                before(self, args)
        try:
            output = self.forward(*args, **options)
        except ShapeError as error:
            self._say_where(error)
            raise
        if self._forward_hooks:
            for after in tuple(self._forward_hooks):
                changed = after(self, args, output)
                output = output if changed is None else changed
        return output

    def _say_where(self, error: ShapeError) -> None:
        """Put the layer's name in front of the message; the error passes from inside outwards."""
        notes = error.__dict__
        message = notes.setdefault("message", str(error))
        trail: list[Module] = notes.setdefault("trail", [])
        trail.append(self)
        inside = zip(trail[-2::-1], trail[:0:-1], strict=True)  # (layer, the layer around it)
        names = [next((n for n, m in p._modules() if m is c), "?") for c, p in inside]
        where = f"layer '{'.'.join(names)}' ({trail[0]._call()})" if names else trail[0]._call()
        error.args = (f"in {where}: {message}",)

    def register_forward_hook(self, hook: ForwardHook) -> Callable[[], None]:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.
        Returns a function that removes the hook.
        """
        return _put(hook, self._forward_hooks)

    def register_forward_pre_hook(self, hook: ForwardPreHook) -> Callable[[], None]:
        """Call `hook(module, args)` before forward. Returns a function that removes the hook."""
        return _put(hook, self._forward_pre_hooks)

    # -- the tree --------------------------------------------------------------------------------
    def _modules(self) -> Iterator[tuple[str, Module]]:
        return ((n, m) for n, m in vars(self).items() if isinstance(m, Module))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, layer) of the layers directly inside; a layer that stands twice is given once."""
        seen: set[int] = set()
        for name, child in tuple(self._modules()):
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The layers directly inside, each once."""
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(dotted name, layer) of this and of all layers inside, each once; its own name is ''."""
        return self._walk("", set())

    def _walk(self, name: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        self._warn_of_lists()
        yield name, self
        for child_name, child in tuple(self._modules()):
            yield from child._walk(f"{name}.{child_name}" if name else child_name, seen)

    def _warn_of_lists(self) -> None:
        """Layers in a plain list are found by nobody: no optimiser, no state_dict, no train()."""
        for name, value in vars(self).items():
            if not isinstance(value, (list, tuple, dict)) or name == "_construction":
                continue
            items = value.values() if isinstance(value, dict) else value
            if any(isinstance(item, (Module, Parameter)) for item in items):
                warnings.warn(
                    f"'{name}' of {type(self).__name__} is a plain {type(value).__name__}: the "
                    f"layers or parameters in it will not be trained or saved; make it "
                    f"nn.ModuleList, nn.ModuleDict or nn.Sequential",
                    GlassnetWarning,
                    stacklevel=4,
                )

    def modules(self) -> Iterator[Module]:
        """This layer and all layers inside, each once."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, name: str) -> Module:
        """The layer with a dotted name, as `named_modules` gives it; '' is this layer itself."""
        module: Any = self
        for part in name.split(".") if name else ():
            module = getattr(module, part, None)
        if not isinstance(module, Module):
            known = ", ".join(n for n, _ in self.named_modules() if n)
            raise GlassnetError(f"there is no layer '{name}'; there are: {known or 'none'}")
        return module

    def apply(self: M, function: Callable[[Module], Any]) -> M:
        """Call `function` with every layer, the inner ones first."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # -- parameters and buffers ------------------------------------------------------------------
    def register_buffer(
        self, name: str, value: Tensor | ArrayLike | None, persistent: bool = True
    ) -> None:
        """Keep an array that is not trained; `persistent` ones are part of the state_dict."""
        tensor = value if value is None or isinstance(value, Tensor) else Tensor(as_array(value))
        setattr(self, name, tensor)
        self._buffers[name] = persistent

    def own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of this layer alone."""
        return ((n, t) for n, t in tuple(vars(self).items()) if isinstance(t, Parameter))

    def own_buffers(self, persistent: bool = False) -> Iterator[tuple[str, Tensor]]:
        """(name, buffer) of this layer alone; with `persistent`, those of the state_dict."""
        for name, saved in self._buffers.items():
            tensor = vars(self).get(name)
            if isinstance(tensor, Tensor) and (saved or not persistent):
                yield name, tensor

    def named_state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(dotted name, tensor) of all that the state_dict holds; shared ones by every name."""
        for name, tensor in (*self.own_parameters(), *self.own_buffers(persistent=True)):
            yield prefix + name, tensor
        for name, child in self._modules():
            yield from child.named_state(f"{prefix}{name}.")

    def _once(self, own: Callable[[Module], Iterator[tuple[str, T]]]) -> Iterator[tuple[str, T]]:
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, tensor in own(module):
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{path}.{name}" if path else name, tensor

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) of this and all inner layers; a shared one is given once."""
        return self._once(Module.own_parameters)

    def parameters(self) -> Iterator[Parameter]:
        """The parameters of this and all inner layers, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of this and all inner layers, each once."""
        return self._once(Module.own_buffers)

    def buffers(self) -> Iterator[Tensor]:
        """The buffers of this and all inner layers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def num_parameters(self, trainable: bool = False) -> int:
        """How many numbers the parameters hold; with `trainable`, those with requires_grad."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not trainable)

    def zero_grad(self) -> None:
        """Forget the gradients: `.grad` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self: M, dtype: DTypeLike) -> M:
        """Convert floating-point parameters, buffers and gradients to `dtype`, in place."""
        for _, tensor in (*self.named_parameters(), *self.named_buffers()):
            if tensor.dtype.kind == "f":
                tensor.data = tensor.data.astype(dtype, copy=False)  # keeps the order of memory
                if tensor.grad is not None:
                    tensor.grad = Tensor(tensor.grad.data.astype(dtype, copy=False))
        return self

    def float(self: M) -> M:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self: M) -> M:
        """Convert to float64."""
        return self.to(np.float64)

    # -- modes -----------------------------------------------------------------------------------
    def train(self: M, mode: bool = True) -> M:
        """Dropout drops, batch normalisation uses the statistics of the batch."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Dropout passes everything, batch normalisation uses its running statistics."""
        return self.train(False)

    def freeze(self: M) -> M:
        """Hold this layer and all inside as they are: no gradients, batch statistics fixed.

        Batch normalisation that is frozen uses and keeps its running statistics in train() too.
        Dropout is not affected: it follows train() and eval().
        """
        return self._set_frozen(True)

    def unfreeze(self: M) -> M:
        """Let this layer and all inside learn again."""
        return self._set_frozen(False)

    def _set_frozen(self: M, frozen: bool) -> M:
        for module in self.modules():
            module.frozen = frozen
        for parameter in self.parameters():
            parameter.requires_grad_(not frozen)
        return self

    # -- weights out and in ----------------------------------------------------------------------
    def state_dict(self) -> dict[str, Array]:
        """name -> array, of all parameters and persistent buffers: copies, C-contiguous."""
        return {name: np.array(tensor.data, order="C") for name, tensor in self.named_state()}

    def load_state_dict(
        self, state: Mapping[str, ArrayLike | Tensor], strict: bool = True
    ) -> Loaded:
        """Copy arrays into the parameters and buffers of the same names, all or none.

        `strict=False` lets names be missing on either side (and returns them); shapes must fit
        always. The memory of the parameters stays theirs: filters stay channels-last.
        Raises CheckpointError, before anything is changed, with a list of all that does not fit.
        """
        own = dict(self.named_state())
        new = {name: as_array(value) for name, value in state.items() if name in own}
        missing = [n for n in own if n not in new and not n.endswith(_UNCOUNTED)]
        unexpected = [name for name in state if name not in own]
        wrong = [line for name, array in new.items() if (line := _misfit(name, array, own[name]))]
        absent = [f"missing: '{n}'" for n in missing] + [f"unexpected: '{n}'" for n in unexpected]
        if problems := (absent if strict else []) + wrong:
            raise CheckpointError(
                f"these weights do not fit this {type(self).__name__}; nothing was loaded:\n  "
                + "\n  ".join(problems)
            )
        with no_grad():
            for name, array in new.items():
                own[name].write(Tensor(array))
        return Loaded(missing, unexpected)

    # -- for people ------------------------------------------------------------------------------
    def _call(self) -> str:
        """The class and what it was made with: Linear(784, 10)."""
        if any(True for _ in self._modules()):
            return type(self).__name__
        args, options = self.construction()
        shown = [*map(_short, args), *(f"{k}={_short(v)}" for k, v in options.items())]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._modules()]
        return "\n  ".join([f"{self._call()}(", *lines]) + "\n)" if lines else self._call()


def _put(hook: H, hooks: list[H]) -> Callable[[], None]:
    """Add a hook; the function that takes it out again."""

    def remove() -> None:
        hooks.remove(hook)
        touch()

    hooks.append(hook)
    touch()
    return remove


# PyTorch's files before 0.4.1 do not have it, and it decides nothing but the mean of momentum=None.
_UNCOUNTED = "num_batches_tracked"


def _short(value: Any) -> str:
    if getattr(value, "shape", ()):
        return f"array of {value.shape}"
    return repr(value.item() if isinstance(value, np.generic) else value)


def _misfit(name: str, array: Array, tensor: Tensor) -> str | None:
    if array.shape != tensor.shape:
        return f"other shape: '{name}' is {tensor.shape} here, {array.shape} in the weights"
    if not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
        return f"other kind: '{name}' holds {tensor.dtype} here, {array.dtype} in the weights"
    return None


@contextmanager
def evaluating(net: Module) -> Iterator[None]:
    """Evaluation mode and no recording within the block; each layer's own mode again after it."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
