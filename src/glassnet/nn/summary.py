"""summary(): what a network is made of, layer by layer, in numbers.

A batch of one goes through the network, and every operation that multiplies and adds is counted
while it runs, wherever it was called from. One multiply-add is one product and its addition:

    linear            outputs * in_features
    conv1d, conv2d    outputs * (C / groups) * prod(kernel)
    conv_transpose    inputs * (O / groups) * prod(kernel)
    matmul, einsum    the product of the lengths of all axes, those that are summed included
    attention         N * heads * L * S * (E_qk + E_v), for q k^T and for the weighted sum of v
    rnn, lstm, gru    N * (entries of both weight matrices), in each time step

Everything else (normalisation, pooling, nonlinearities, additions) counts as none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from glassnet.nn.module import Module, evaluating
from glassnet.operation import OPERATIONS
from glassnet.swap import swap
from glassnet.tape import Array
from glassnet.tensor import Tensor

Shape = tuple[int, ...]


@dataclass
class Row:
    """One layer: what stands in a line of the table."""

    name: str
    kind: str
    output: Shape | None = None  # with the batch of one; None where it is not one tensor
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0  # of its output in float32; 0 for a view of what was there
    frozen: bool = False

    @property
    def state(self) -> str:
        """'trainable', 'frozen', 'partly', or '' for a layer without parameters."""
        if not self.parameters:
            return "frozen" if self.frozen else ""
        if not self.trainable:
            return "frozen"
        return "trainable" if self.trainable == self.parameters else "partly"


@dataclass
class Summary:
    """The layers in the order in which they ran, and totals; `str()` is the table."""

    title: str
    rows: list[Row] = field(default_factory=list)
    input_shape: Shape = ()
    parameters: int = 0  # each shared one once
    trainable: int = 0

    @property
    def multiply_adds(self) -> int:
        """For one sample, forward."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """The outputs of all layers for one sample in float32."""
        return sum(row.activation_bytes for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain data, for JSON."""
        rows = [{**vars(row), "state": row.state} for row in self.rows]
        totals = ("title", "input_shape", "parameters", "trainable", "multiply_adds")
        return {"layers": rows, **{k: getattr(self, k) for k in (*totals, "activation_bytes")}}

    def __str__(self) -> str:
        head = ("layer", "class", "output", "parameters", "multiply-adds", "memory", "")
        body = [_cells(row) for row in self.rows]
        widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
        rule = "-" * (sum(widths) + 2 * len(widths) - 2)
        lines = [_line(cells, widths) for cells in [head, *body]]
        return "\n".join([lines[0], rule, *lines[1:], rule, *self._totals()])

    __repr__ = __str__

    def _totals(self) -> Iterator[str]:
        fixed = self.parameters - self.trainable
        weight = _bytes(4 * self.parameters)
        yield f"{self.title} on an input of {_times(self.input_shape)}, batch of 1, float32"
        yield f"parameters     {self.parameters:,} ({self.trainable:,} trainable, {fixed:,} frozen)"
        yield f"multiply-adds  {self.multiply_adds:,}"
        yield f"memory         {weight} parameters, {_bytes(self.activation_bytes)} activations"


def summary(net: Module, input_shape: Shape, dtype: DTypeLike | None = None) -> Summary:
    """Run zeros of shape (1, *input_shape) through `net` and count: parameters, work, memory.

    `dtype` is that of the input (np.int64 for an Embedding); by default that of the parameters.
    The network is in eval mode meanwhile and comes back as it was: mode, statistics, hooks. A layer
    that runs twice has two rows, its parameters in the first.
    """
    found = Summary(type(net).__name__, input_shape=tuple(input_shape))
    found.parameters, found.trainable = net.num_parameters(), net.num_parameters(trainable=True)
    kinds = {p.dtype for p in net.parameters()}
    x = np.zeros((1, *input_shape), dtype or (kinds.pop() if len(kinds) == 1 else np.float32))
    watch = _Watch(net)
    with evaluating(net), watch.watching():
        net(Tensor(x))
    found.rows = [row for row, is_leaf in watch.rows if is_leaf or _works(row)]
    return found


def _works(row: Row) -> bool:
    return bool(row.parameters or row.multiply_adds or row.activation_bytes)


# -- watching a forward pass ----------------------------------------------------------------------
class _Watch:
    """Collects a row for each layer that runs, with the work of the operations inside it."""

    def __init__(self, net: Module) -> None:
        self.net = net
        self.rows: list[tuple[Row, bool]] = []
        self.running: list[Row] = []
        self.counted: set[int] = set()  # parameters that stand in a row already
        self.seen: list[Array] = []  # memory that stands in a row already

    @contextmanager
    def watching(self) -> Iterator[None]:
        removers = []
        with ExitStack() as swaps:
            try:
                for name, module in self.net.named_modules():
                    removers += self._hooks(name, module)
                for operation, count in COUNTS.items():
                    forward, backward = OPERATIONS[operation].pair()
                    counting = self._counting(forward, count)
                    swaps.enter_context(swap(operation, counting, backward, check=False))
                yield
            finally:
                for remove in removers:
                    remove()

    def _hooks(self, name: str, module: Module) -> list[Callable[[], None]]:
        def enter(module: Module, args: tuple[Any, ...]) -> None:
            row = self._row(name, module)
            self.rows.append((row, not any(True for _ in module.children())))
            self.running.append(row)

        def leave(module: Module, args: tuple[Any, ...], output: Any) -> None:
            row = self.running.pop()
            first = output[0] if isinstance(output, tuple) and output else output
            if isinstance(first, Tensor):
                row.output = first.shape
                row.activation_bytes = 4 * first.numel() * self._is_new(first, args)

        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]

    def _is_new(self, output: Tensor, args: tuple[Any, ...]) -> bool:
        """Whether the output has memory of its own: it is no view, and no inner layer's output."""
        inputs = [a.data for a in args if isinstance(a, Tensor)]
        if any(np.may_share_memory(output.data, a) for a in (*inputs, *self.seen)):
            return False
        self.seen.append(output.data)
        return True

    def _row(self, name: str, module: Module) -> Row:
        new = [p for _, p in module.own_parameters() if id(p) not in self.counted]
        self.counted.update(map(id, new))
        return Row(
            name,
            type(module).__name__,
            parameters=sum(p.numel() for p in new),
            trainable=sum(p.numel() for p in new if p.requires_grad),
            frozen=module.frozen,
        )

    def _counting(self, forward: Callable[..., Any], count: Count) -> Callable[..., Any]:
        def counting(*args: Any, **options: Any) -> Any:
            result = forward(*args, **options)
            if self.running:
                self.running[-1].multiply_adds += count(args, options, result[0])
            return result

        return counting


# -- multiply-adds: (arguments, options, output) of an operation -> a number ----------------------
Count = Callable[[tuple[Any, ...], dict[str, Any], Any], int]


def _linear(args: tuple[Any, ...], options: dict[str, Any], y: Array) -> int:
    return y.size * args[1].shape[1]


def _conv(args: tuple[Any, ...], options: dict[str, Any], y: Array) -> int:
    return y.size * math.prod(args[1].shape[1:])


def _conv_transpose(args: tuple[Any, ...], options: dict[str, Any], y: Array) -> int:
    return int(args[0].size) * math.prod(args[1].shape[1:])


def _matmul(args: tuple[Any, ...], options: dict[str, Any], y: Array) -> int:
    return y.size * int(args[0].shape[-1])


def _einsum(args: tuple[Any, ...], options: dict[str, Any], y: Array) -> int:
    terms = options["equation"].replace(" ", "").partition("->")[0].split(",")
    axes = zip("".join(terms), [n for x in args for n in x.shape], strict=True)
    return math.prod(dict(axes).values())


def _attention(args: tuple[Any, ...], options: dict[str, Any], y: Array) -> int:
    query, key, value = args[:3]
    return y.size // value.shape[-1] * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _cell(args: tuple[Any, ...], options: dict[str, Any], y: Any) -> int:
    weights = [a for a in args[1:] if isinstance(a, np.ndarray) and a.ndim == 2]
    return len(args[0]) * sum(w.size for w in weights[-2:])


COUNTS: dict[str, Count] = {
    "linear": _linear,
    "matmul": _matmul,
    "einsum": _einsum,
    "conv1d": _conv,
    "conv2d": _conv,
    "conv_transpose1d": _conv_transpose,
    "conv_transpose2d": _conv_transpose,
    "scaled_dot_product_attention": _attention,
    "rnn_cell": _cell,
    "lstm_cell": _cell,
    "gru_cell": _cell,
}


# -- text -----------------------------------------------------------------------------------------
def _cells(row: Row) -> tuple[str, ...]:
    output = "" if row.output is None else _times(row.output[1:])
    numbers = [f"{n:,}" if n else "" for n in (row.parameters, row.multiply_adds)]
    memory = _bytes(row.activation_bytes) if row.activation_bytes else ""
    return (row.name or "(itself)", row.kind, output, *numbers, memory, row.state)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Names to the left, numbers to the right."""
    aligned = [
        cell.rjust(width) if 3 <= i <= 5 else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def _times(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "1"


def _bytes(count: int) -> str:
    """Bytes in units of 1024, three digits: 1.23 MiB."""
    value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{count} B" if units[0] == "B" else f"{value:.3g} {units[0]}"
