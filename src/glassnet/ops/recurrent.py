"""Recurrent cells: one step in time, from an input and the state before to the state after.

    N batch, I input features, H hidden features
    x (N, I), h and c (N, H): input, hidden state, cell state (LSTM)
    w_ih (g H, I), w_hh (g H, H), b_ih and b_hh (g H) or None, with g = 1, 4 (i, f, g, o) and
    3 (r, z, n) gates one below the other, as PyTorch stores them
    s(a) = 1 / (1 + exp(-a)); its derivative is s (1 - s), and that of tanh is 1 - tanh^2

A backward first finds d, the gradients of all gates before their squashing. Each gate is
x w_ih^T + h w_hh^T + b, so the rest is that of a linear layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.errors import ShapeError
from glassnet.operation import Example, example, operation
from glassnet.ops._samples import normal
from glassnet.ops.activation import sigmoid_forward
from glassnet.tape import Array

__all__ = ["gru_cell", "lstm_cell", "rnn_cell"]

Gradients = tuple[Array, ...]


def _affine(x: Array, weight: Array, bias: Array | None) -> Array:
    """x weight^T + bias: (N, I), (g H, I), (g H) or None -> (N, g H)."""
    y = x @ weight.T
    return y if bias is None else y + bias


def _affine_backward(d: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """dx = d weight, dweight = d^T x, dbias = sum(d)."""
    return d @ weight, d.T @ x, d.sum(axis=0)


def _check(gates: int, x: Array, h: Array, w_ih: Array, w_hh: Array, *more: Array | None) -> None:
    """Raise ShapeError where the shapes are not those of the legend; more: b_ih, b_hh, c."""
    hidden = h.shape[-1]
    rows = gates * hidden
    b_ih, b_hh, c = (*more, None)[:3]
    expected = [(w_ih, (rows, x.shape[-1])), (w_hh, (rows, hidden)), (b_ih, (rows,))]
    expected += [(b_hh, (rows,)), (c, h.shape), (x, (len(h), x.shape[-1])), (h, (len(h), hidden))]
    for array, shape in expected:
        if array is not None and array.shape != shape:
            raise ShapeError(
                f"x {x.shape} and h {h.shape} need weights {(rows, x.shape[-1])} and "
                f"{(rows, hidden)}, biases {(rows,)} and states (N, {hidden}); got an array of "
                f"shape {array.shape} where {shape} was expected"
            )


# -- rnn_cell ------------------------------------------------------------------------------------
def rnn_cell_forward(
    x: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
    nonlinearity: str = "tanh",
) -> tuple[Array, Any]:
    """h' = tanh(x w_ih^T + b_ih + h w_hh^T + b_hh) [Elman 1990], or relu of it.

    x (N, I), h (N, H) -> h' (N, H). Raises ShapeError for shapes that do not fit.
    """
    _check(1, x, h, w_ih, w_hh, b_ih, b_hh)
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
    a = _affine(x, w_ih, b_ih) + _affine(h, w_hh, b_hh)
    new = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)
    return new, (x, h, w_ih, w_hh, new, nonlinearity)


def rnn_cell_backward(dh: Array, cache: Any) -> Gradients:
    """d = dh' (1 - h'^2) for tanh, and dh' where h' > 0 for relu."""
    x, h, w_ih, w_hh, new, nonlinearity = cache
    d = dh * (1 - new * new if nonlinearity == "tanh" else new > 0)
    dx, dw_ih, db = _affine_backward(d, x, w_ih)
    dh, dw_hh, _ = _affine_backward(d, h, w_hh)
    return dx, dh, dw_ih, dw_hh, db, db


# -- lstm_cell -----------------------------------------------------------------------------------
def lstm_cell_forward(
    x: Array,
    h: Array,
    c: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
) -> tuple[tuple[Array, Array], Any]:
    """c' = f c + i g, h' = o tanh(c') with i, f, o = s(..), g = tanh(..) [Gers et al. 2000].

    x (N, I), h (N, H), c (N, H) -> h' (N, H), c' (N, H); each gate is a quarter of
    x w_ih^T + b_ih + h w_hh^T + b_hh (N, 4 H). Raises ShapeError for shapes that do not fit.
    """
    _check(4, x, h, w_ih, w_hh, b_ih, b_hh, c)
    i, f, g, o = np.split(_affine(x, w_ih, b_ih) + _affine(h, w_hh, b_hh), 4, axis=1)
    i, f, o = (sigmoid_forward(gate)[0] for gate in (i, f, o))
    g = np.tanh(g)
    new_c = f * c + i * g
    squashed = np.tanh(new_c)
    return (o * squashed, new_c), (x, h, c, w_ih, w_hh, i, f, g, o, squashed)


def lstm_cell_backward(dys: tuple[Array, Array], cache: Any) -> Gradients:
    """With e = dc' + dh' o (1 - tanh(c')^2), all that reaches c':
    di = e g, df = e c, dg = e i, do = dh' tanh(c'), dc = e f.
    """
    (dh, dc), (x, h, c, w_ih, w_hh, i, f, g, o, squashed) = dys, cache
    e = dc + dh * o * (1 - squashed * squashed)  # (N, H)
    di, df = e * g * i * (1 - i), e * c * f * (1 - f)
    dg, do = e * i * (1 - g * g), dh * squashed * o * (1 - o)
    d = np.concatenate([di, df, dg, do], axis=1)  # (N, 4 H)
    dx, dw_ih, db = _affine_backward(d, x, w_ih)
    dh, dw_hh, _ = _affine_backward(d, h, w_hh)
    return dx, dh, e * f, dw_ih, dw_hh, db, db


# -- gru_cell ------------------------------------------------------------------------------------
def gru_cell_forward(
    x: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
) -> tuple[Array, Any]:
    """h' = (1 - z) n + z h; r, z = s(u + v), n = tanh(u_n + r v_n) [Cho et al. 2014].

    u = x w_ih^T + b_ih and v = h w_hh^T + b_hh (N, 3 H), a third each for r, z and n; the bias of
    v_n stands inside the product with r. x (N, I), h (N, H) -> h' (N, H). Raises ShapeError.
    """
    _check(3, x, h, w_ih, w_hh, b_ih, b_hh)
    u_r, u_z, u_n = np.split(_affine(x, w_ih, b_ih), 3, axis=1)
    v_r, v_z, v_n = np.split(_affine(h, w_hh, b_hh), 3, axis=1)
    r, z = sigmoid_forward(u_r + v_r)[0], sigmoid_forward(u_z + v_z)[0]
    n = np.tanh(u_n + r * v_n)
    return (1 - z) * n + z * h, (x, h, w_ih, w_hh, r, z, n, v_n)


def gru_cell_backward(dh: Array, cache: Any) -> Gradients:
    """d_n = dh' (1 - z) (1 - n^2), d_z = dh' (h - n) z (1 - z), d_r = d_n v_n r (1 - r); v_n gets
    r d_n, and h itself gets dh' z besides.
    """
    x, h, w_ih, w_hh, r, z, n, v_n = cache
    d_n = dh * (1 - z) * (1 - n * n)  # (N, H)
    d_z = dh * (h - n) * z * (1 - z)
    d_r = d_n * v_n * r * (1 - r)
    du = np.concatenate([d_r, d_z, d_n], axis=1)  # (N, 3 H)
    dv = np.concatenate([d_r, d_z, d_n * r], axis=1)
    dx, dw_ih, db_ih = _affine_backward(du, x, w_ih)
    through_v, dw_hh, db_hh = _affine_backward(dv, h, w_hh)
    return dx, through_v + dh * z, dw_ih, dw_hh, db_ih, db_hh


# -- made differentiable -------------------------------------------------------------------------
def _weights(gates: int, inputs: int, hidden: int) -> tuple[Array, ...]:
    rows = gates * hidden
    return normal(rows, inputs), normal(rows, hidden), normal(rows), normal(rows, key=1)


def _examples(gates: int, states: int) -> list[Example]:
    def some(n: int, inputs: int, hidden: int, bias: bool = True) -> Example:
        state = [normal(n, hidden, key=i) for i in range(1, states + 1)]
        return example(
            normal(n, inputs), *state, *_weights(gates, inputs, hidden)[: 4 if bias else 2]
        )

    return [some(3, 4, 2), some(1, 2, 3, bias=False), some(0, 4, 2)]


rnn_cell = operation(rnn_cell_forward, rnn_cell_backward, examples=lambda: _examples(1, 1))
lstm_cell = operation(lstm_cell_forward, lstm_cell_backward, examples=lambda: _examples(4, 2))
gru_cell = operation(gru_cell_forward, gru_cell_backward, examples=lambda: _examples(3, 1))
