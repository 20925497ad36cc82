"""Sequences: a layer is its cell, step by step."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import ShapeError, nn
from glassnet.ops._samples import normal

KINDS = [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)]


def first_cell(net, cell, ending="_l0"):
    state = {k.removesuffix(ending): v for k, v in net.state_dict().items() if k.endswith(ending)}
    cell.double().load_state_dict(state)
    return cell


@pytest.mark.parametrize(("sequence", "cell"), KINDS)
@pytest.mark.parametrize("steps", [1, 4])
def test_a_sequence_is_its_cell_step_by_step(sequence, cell, steps):
    net, x = sequence(3, 2, bidirectional=True).double(), gn.Tensor(normal(steps, 5, 3))
    y, last = net(x)
    for way, ending in enumerate(("_l0", "_l0_reverse")):
        one, state, outputs = first_cell(net, cell(3, 2), ending), None, []
        for t in range(steps)[:: -1 if way else 1]:
            state = one(x[t], state)
            outputs.append((state[0] if sequence is nn.LSTM else state).data)
        expected = np.stack(outputs[:: -1 if way else 1])
        np.testing.assert_allclose(y.data[:, :, 2 * way : 2 * way + 2], expected, rtol=1e-12)
        h = last[0] if sequence is nn.LSTM else last
        np.testing.assert_allclose(h.data[way], outputs[-1], rtol=1e-12)


@pytest.mark.parametrize("sequence", [nn.RNN, nn.LSTM, nn.GRU])
def test_names_and_shapes_are_pytorchs(sequence):
    net = sequence(3, 2, num_layers=2, bidirectional=True)
    gates = {nn.RNN: 1, nn.LSTM: 4, nn.GRU: 3}[sequence]
    state = net.state_dict()
    assert list(state)[:5] == [
        "weight_ih_l0",
        "weight_hh_l0",
        "bias_ih_l0",
        "bias_hh_l0",
        "weight_ih_l0_reverse",
    ]
    assert state["weight_ih_l0"].shape == (2 * gates, 3)
    assert state["weight_ih_l1_reverse"].shape == (2 * gates, 4)
    assert len(state) == 16
    assert len(sequence(3, 2, bias=False).state_dict()) == 2


def test_batch_first_and_first_states():
    net = nn.LSTM(3, 2, num_layers=2).double()
    x, h, c = normal(4, 5, 3), normal(2, 5, 2), normal(2, 5, 2, key=1)
    y, (hn, cn) = net(gn.Tensor(x), (gn.Tensor(h), gn.Tensor(c)))
    assert (y.shape, hn.shape, cn.shape) == ((4, 5, 2), (2, 5, 2), (2, 5, 2))
    other = nn.LSTM(3, 2, num_layers=2, batch_first=True).double()
    other.load_state_dict(net.state_dict())
    z, _ = other(gn.Tensor(x.swapaxes(0, 1)), (gn.Tensor(h), gn.Tensor(c)))
    np.testing.assert_array_equal(z.data, y.data.swapaxes(0, 1))
    again, _ = net(gn.Tensor(x))
    assert not np.allclose(again.data, y.data)


def test_a_sequence_in_two_halves_is_the_whole():
    net, x = nn.GRU(3, 2, num_layers=2).double(), gn.Tensor(normal(6, 2, 3))
    whole, end = net(x)
    first, middle = net(x[:3])
    second, last = net(x[3:], middle)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), whole.data, rtol=1e-12)
    np.testing.assert_allclose(last.data, end.data, rtol=1e-12)


def test_dropout_stands_between_layers_while_training_only():
    x = gn.Tensor(normal(4, 2, 3))
    net = nn.RNN(3, 2, num_layers=2, dropout=1.0).double()
    net.load_state_dict({k: v * 0 if "bias" in k else v for k, v in net.state_dict().items()})
    assert not net(x)[0].data.any()
    assert net.eval()(x)[0].data.any()
    one = nn.RNN(3, 2, dropout=1.0).double()
    assert one(x)[0].data.any()  # no layer comes after it


def test_errors():
    net = nn.LSTM(3, 2)
    with pytest.raises(ShapeError, match=r"expected sequences \(T, N, I\) with I = 3"):
        net(gn.Tensor(normal(4, 3)))
    with pytest.raises(ShapeError, match="at least one step"):
        net(gn.Tensor(normal(0, 2, 3)))
    with pytest.raises(ShapeError, match=r"first states of shape \(1, 5, 2\)"):
        net(gn.Tensor(normal(4, 5, 3)), (gn.Tensor(normal(5, 2)), gn.Tensor(normal(5, 2))))
