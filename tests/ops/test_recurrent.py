"""Recurrent cells: the published formulas written out, gates forced open and shut, extremes."""

from typing import Any

import numpy as np
import pytest

from glassnet.errors import ShapeError
from glassnet.ops._samples import normal
from glassnet.ops.recurrent import gru_cell, lstm_cell, rnn_cell
from glassnet.tape import Array
from glassnet.tensor import Tensor
from tests.helpers import check, run

INPUTS, HIDDEN = 4, 3
CELLS = [(rnn_cell, 1), (lstm_cell, 4), (gru_cell, 3)]


def weights(gates: int) -> list[Array]:
    """w_ih, w_hh, b_ih, b_hh."""
    rows = gates * HIDDEN
    return [normal(rows, INPUTS), normal(rows, HIDDEN), normal(rows), normal(rows, key=1)]


def states(op: Any, n: int) -> list[Array]:
    return [normal(n, HIDDEN, key=i) for i in range(2 if op is lstm_cell else 1)]


def sigmoid(a: Array) -> Array:
    y: Array = 1 / (1 + np.exp(-a))
    return y


def gate(k: int, x: Array, h: Array, w: list[Array]) -> tuple[Array, Array]:
    """The k-th gate's share of the input's and of the state's affine map."""
    rows = slice(k * HIDDEN, (k + 1) * HIDDEN)
    return x @ w[0][rows].T + w[2][rows], h @ w[1][rows].T + w[3][rows]


@pytest.mark.parametrize("n", [1, 2])
def test_rnn_cell(n: int) -> None:
    x, (h,), w = normal(n, INPUTS), states(rnn_cell, n), weights(1)
    a = sum(gate(0, x, h, w))
    check(rnn_cell, x, h, *w, expected=np.tanh(a))
    check(rnn_cell, x, h, *w, nonlinearity="relu", expected=np.maximum(a, 0))


@pytest.mark.parametrize("n", [1, 2])
def test_lstm_cell(n: int) -> None:
    x, (h, c), w = normal(n, INPUTS), states(lstm_cell, n), weights(4)
    i, f, g, o = (sum(gate(k, x, h, w)) for k in range(4))
    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    check(lstm_cell, x, h, c, *w, expected=(sigmoid(o) * np.tanh(new_c), new_c))


@pytest.mark.parametrize("n", [1, 2])
def test_gru_cell(n: int) -> None:
    x, (h,), w = normal(n, INPUTS), states(gru_cell, n), weights(3)
    r, z = (sigmoid(sum(gate(k, x, h, w))) for k in range(2))
    u, v = gate(2, x, h, w)
    check(gru_cell, x, h, *w, expected=(1 - z) * np.tanh(u + r * v) + z * h)


@pytest.mark.parametrize(("op", "gates"), CELLS)
def test_without_biases(op: Any, gates: int) -> None:
    x, state, w = normal(2, INPUTS), states(op, 2), weights(gates)
    bare = check(op, x, *state, *w[:2])
    zeros = op(*map(Tensor, [x, *state, *w[:2], 0 * w[2], 0 * w[3]]))
    zeros = zeros if isinstance(zeros, tuple) else (zeros,)
    for one, other in zip(bare, zeros, strict=True):
        assert np.array_equal(one, other.data)
    check(op, x, *state, *w[:2], None, w[3])


def test_gates_forced_open_and_shut() -> None:
    """A large bias opens a gate, a small one shuts it: the memory passes on unchanged."""
    x, zero = normal(2, INPUTS), [np.zeros((4 * HIDDEN, INPUTS)), np.zeros((4 * HIDDEN, HIDDEN))]
    h, c = states(lstm_cell, 2)
    bias = np.repeat([-300.0, 300.0, 0.0, 300.0], HIDDEN)  # forget nothing, take in nothing
    new_h, new_c = lstm_cell(*map(Tensor, [x, h, c, *zero, bias]))
    assert np.array_equal(new_c.data, c)
    np.testing.assert_allclose(new_h.data, np.tanh(c), rtol=1e-12)
    bias = np.repeat([0.0, 300.0, 0.0], HIDDEN)
    kept = gru_cell(*map(Tensor, [x, h, *(w[: 3 * HIDDEN] for w in zero), bias]))
    assert np.array_equal(kept.data, h)


@pytest.mark.parametrize(("op", "gates"), CELLS)
def test_extremes_and_an_empty_batch(op: Any, gates: int) -> None:
    w = weights(gates)
    far = [300 * np.sign(a) for a in (normal(2, INPUTS), *states(op, 2))]
    for dtype in (np.float64, np.float32):
        values, gradients = run(op, [a.astype(dtype) for a in (*far, *w)], {})
        assert all(np.isfinite(a).all() for a in (*values, *gradients))
    check(op, *(a[:0] for a in far), *w)


@pytest.mark.parametrize(("op", "gates"), CELLS)
def test_what_does_not_fit(op: Any, gates: int) -> None:
    x, state, w = normal(2, INPUTS), states(op, 2), weights(gates)
    for wrong in (
        [x[:, 1:], *state, *w],
        [x, *(s[:1] for s in state), *w],
        [x[0], *state, *w],
        [x, *state, w[0][1:], *w[1:]],
        [x, *state, *w[:3], w[3][1:]],
    ):
        with pytest.raises(ShapeError, match="need weights"):
            op(*map(Tensor, wrong))


def test_another_nonlinearity() -> None:
    with pytest.raises(ValueError, match="'tanh' or 'relu', not 'sin'"):
        rnn_cell(*map(Tensor, [normal(2, INPUTS), *states(rnn_cell, 2), *weights(1)]), "sin")
