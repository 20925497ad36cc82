"""Recurrent layers: one step (cells), and all steps of a sequence.

N batch, T steps, I input_size, H hidden_size, D directions (2 if bidirectional). The formulas of
the cells stand in `ops/recurrent.py`. Parameters start from U(-k, k), k = 1 / sqrt(H).
"""

from __future__ import annotations

import math

import numpy as np

from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.nn import init
from glassnet.nn.module import Module, Parameter
from glassnet.tensor import Tensor

State = tuple[Tensor, ...]  # (h,), for the LSTM (h, c); each (N, H)


class _Recurrent(Module):
    """What cells and sequence layers share: `gates` blocks of H rows in each weight."""

    gates = 1
    states = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.has_bias = bias

    def _add_weights(self, inputs: int, suffix: str = "") -> None:
        """weight_ih (g H, I), weight_hh (g H, H), bias_ih and bias_hh (g H)."""
        rows = self.gates * self.hidden_size
        shapes: list[tuple[int, ...]] = [(rows, inputs), (rows, self.hidden_size), (rows,), (rows,)]
        for name, shape in zip(self._names(suffix), shapes, strict=False):
            setattr(self, name, Parameter(np.empty(shape, np.float32)))

    def _names(self, suffix: str) -> list[str]:
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [kind + suffix for kind in kinds[: 4 if self.has_bias else 2]]

    def _weights(self, suffix: str = "") -> tuple[Tensor, ...]:
        return tuple(getattr(self, name) for name in self._names(suffix))

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _zeros(self, x: Tensor, batch: int) -> State:
        zeros = Tensor(np.zeros((batch, self.hidden_size), x.dtype))
        return (zeros,) * self.states

    def _advance(self, x: Tensor, state: State, weights: tuple[Tensor, ...]) -> State:
        """One step: x (N, I) and the state before -> the state after."""
        raise NotImplementedError


class _Elman(_Recurrent):
    nonlinearity = "tanh"

    def _advance(self, x: Tensor, state: State, weights: tuple[Tensor, ...]) -> State:
        biases = weights[2:] or (None, None)
        return (ops.rnn_cell(x, *state, *weights[:2], *biases, self.nonlinearity),)


class _Lstm(_Recurrent):
    gates, states = 4, 2

    def _advance(self, x: Tensor, state: State, weights: tuple[Tensor, ...]) -> State:
        after: State = ops.lstm_cell(x, *state, *weights)
        return after


class _Gru(_Recurrent):
    gates = 3

    def _advance(self, x: Tensor, state: State, weights: tuple[Tensor, ...]) -> State:
        return (ops.gru_cell(x, *state, *weights),)


# -- one step -------------------------------------------------------------------------------------
class RNNCell(_Elman):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it [Elman 1990].

    x (N, I), h (N, H) or None for zeros -> h' (N, H).
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity
        self._add_weights(input_size)
        self.reset_parameters()

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        state = self._zeros(x, len(x)) if h is None else (h,)
        return self._advance(x, state, self._weights())[0]


class LSTMCell(_Lstm):
    """c' = f c + i g, h' = o tanh(c') [Hochreiter & Schmidhuber 1997; Gers et al. 2000].

    x (N, I), state (h, c), each (N, H), or None for zeros -> (h', c').
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size, bias)
        self._add_weights(input_size)
        self.reset_parameters()

    def forward(self, x: Tensor, state: State | None = None) -> State:
        return self._advance(x, state or self._zeros(x, len(x)), self._weights())


class GRUCell(_Gru):
    """h' = (1 - z) n + z h [Cho et al. 2014].

    x (N, I), h (N, H) or None for zeros -> h' (N, H).
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size, bias)
        self._add_weights(input_size)
        self.reset_parameters()

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        state = self._zeros(x, len(x)) if h is None else (h,)
        return self._advance(x, state, self._weights())[0]


# -- all steps of a sequence ----------------------------------------------------------------------
class _Sequence(_Recurrent):
    """Runs the cell of a subclass through time, layer on layer, one way or both.

    x (T, N, I), or (N, T, I) with `batch_first`. Layer k > 0 reads the outputs (T, N, D H) of the
    layer below, after dropout with probability `dropout` in training. Parameters: weight_ih_l0
    (g H, I), weight_hh_l0 (g H, H), bias_ih_l0, bias_hh_l0 (g H), then _l1 ..., with the ending
    _reverse for the way back.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self.num_layers, self.batch_first = num_layers, batch_first
        self.dropout, self.bidirectional = dropout, bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else hidden_size * len(self.directions)
            for direction in self.directions:
                self._add_weights(inputs, f"_l{layer}{direction}")
        self.reset_parameters()

    def _run(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Outputs (T, N, D H), as x is laid out, and the last states (layers D, N, H)."""
        self._check(x)
        x = ops.transpose(x, 0, 1) if self.batch_first else x
        starts = self._starts(x, state)
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = ops.dropout(x, self.dropout, self.training)
            ways: list[Tensor] = []
            for direction in self.directions:
                y, end = self._through_time(x, starts[len(ends)], layer, direction)
                ways.append(y)
                ends.append(end)
            x = ways[0] if len(ways) == 1 else ops.concatenate(ways, dim=-1)
        last = tuple(ops.stack(parts) for parts in zip(*ends, strict=True))
        return ops.transpose(x, 0, 1) if self.batch_first else x, last

    def _through_time(
        self, x: Tensor, state: State, layer: int, direction: str
    ) -> tuple[Tensor, State]:
        """x (T, N, I) -> h of every step (T, N, H), and the state after the last."""
        weights = self._weights(f"_l{layer}{direction}")
        steps = ops.split(x, 1) if len(x) > 1 else (x,)
        inputs = [ops.squeeze(step, 0) for step in steps]
        outputs: list[Tensor] = []
        for step in reversed(inputs) if direction else inputs:
            state = self._advance(step, state, weights)
            outputs.append(state[0])
        return ops.stack(outputs[::-1] if direction else outputs), state

    def _starts(self, x: Tensor, state: State | None) -> list[State]:
        """The first state of every layer and direction."""
        count, batch = self.num_layers * len(self.directions), x.shape[1]
        if state is None:
            return [self._zeros(x, batch)] * count
        expected = (count, batch, self.hidden_size)
        if any(part.shape != expected for part in state):
            raise ShapeError(
                f"expected first states of shape {expected} (layers and directions, N, H), got "
                f"{[part.shape for part in state]}"
            )
        return [tuple(part[i] for part in state) for i in range(count)]

    def _check(self, x: Tensor) -> None:
        layout = "(N, T, I)" if self.batch_first else "(T, N, I)"
        if x.ndim != 3 or x.shape[2] != self.input_size or x.shape[int(self.batch_first)] == 0:
            raise ShapeError(
                f"expected sequences {layout} with I = {self.input_size} features and at least "
                f"one step, got shape {x.shape}"
            )


class RNN(_Elman, _Sequence):
    """A sequence through RNNCell, in every layer and direction."""

    __doc__ = f"""{__doc__}

    x, h_0 (layers D, N, H) or None -> outputs, h_n (layers D, N, H).

    {_Sequence.__doc__}"""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        self.nonlinearity = nonlinearity
        options = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *options)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, last = self._run(x, None if h is None else (h,))
        return y, last[0]


class LSTM(_Lstm, _Sequence):
    """A sequence through LSTMCell, in every layer and direction."""

    __doc__ = f"""{__doc__}

    x, (h_0, c_0), each (layers D, N, H), or None -> outputs, (h_n, c_n).

    {_Sequence.__doc__}"""

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return self._run(x, state)


class GRU(_Gru, _Sequence):
    """A sequence through GRUCell, in every layer and direction."""

    __doc__ = f"""{__doc__}

    x, h_0 (layers D, N, H) or None -> outputs, h_n (layers D, N, H).

    {_Sequence.__doc__}"""

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, last = self._run(x, None if h is None else (h,))
        return y, last[0]
