"""summary(): LeNet-5's numbers worked out by hand, and a network that comes back untouched."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import ShapeError, nn


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


def by_name(net, *args, **options):
    return {row.name: row for row in nn.summary(net, *args, **options).rows}


def test_lenet_by_hand():
    rows = by_name(lenet(), (1, 28, 28))
    expected = {  # parameters, multiply-adds, output
        "0": (6 * 25 + 6, 6 * 28 * 28 * 25, (1, 6, 28, 28)),
        "3": (16 * 6 * 25 + 16, 16 * 10 * 10 * 6 * 25, (1, 16, 10, 10)),
        "7": (400 * 120 + 120, 400 * 120, (1, 120)),
        "9": (120 * 84 + 84, 120 * 84, (1, 84)),
        "11": (84 * 10 + 10, 840, (1, 10)),
    }
    for name, numbers in expected.items():
        row = rows[name]
        assert (row.parameters, row.multiply_adds, row.output) == numbers
    assert rows["1"].activation_bytes == 4 * 6 * 28 * 28
    total = nn.summary(lenet(), (1, 28, 28))
    assert (total.parameters, total.multiply_adds) == (61_706, 416_520)
    assert len(total.rows) == 12


def test_the_table_says_it_all():
    net = lenet()
    net[0].freeze()
    net[3].bias.requires_grad_(False)
    text = str(nn.summary(net, (1, 28, 28)))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "class", "output", "parameters", "multiply-adds", "memory"]
    assert lines[2].split("  ")[-1] == "frozen"
    assert lines[2].split() == "0 Conv2d 6 x 28 x 28 156 117,600 18.4 KiB frozen".split()
    assert lines[5].endswith("partly")
    assert "parameters     61,706 (61,534 trainable, 172 frozen)" in lines
    assert "multiply-adds  416,520" in lines
    assert repr(nn.summary(net, (1, 28, 28))) == text
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("net", "shape", "expected"),
    [
        (nn.Conv2d(4, 8, 3, padding=1, groups=4), (4, 5, 5), 8 * 25 * 9),
        (nn.Conv1d(4, 8, 3), (4, 10), 8 * 8 * 4 * 3),
        (nn.ConvTranspose2d(4, 8, 2, stride=2), (4, 5, 5), 4 * 25 * 8 * 4),
        (nn.ConvTranspose1d(4, 8, 3), (4, 10), 4 * 10 * 8 * 3),
        (nn.Linear(4, 3), (7, 4), 7 * 12),
        (nn.LSTM(4, 3, bidirectional=True, batch_first=True), (5, 4), 5 * 2 * 12 * (4 + 3)),
        (nn.GRU(4, 3, bias=False, batch_first=True), (5, 4), 5 * 9 * (4 + 3)),
        (nn.RNN(4, 3, batch_first=True), (5, 4), 5 * 3 * (4 + 3)),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)), (4,), 0),
    ],
)
def test_multiply_adds_of_each_kind(net, shape, expected):
    assert nn.summary(net, shape).multiply_adds == expected


class Attention(nn.Module):
    """Functional calls are counted for the layer whose forward makes them."""

    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        y, _ = self.inner(x, x, x, need_weights=False)
        return gn.ops.einsum("nle,nme->nlm", y, x) @ x


def test_attention_einsum_and_matmul():
    rows = by_name(Attention(), (5, 8))
    projections, mixing = 5 * 8 * 24, 5 * 5 * (8 + 8)
    assert rows["inner"].multiply_adds == projections + mixing
    assert rows["inner.out_proj"].multiply_adds == 5 * 8 * 8
    assert rows[""].multiply_adds == 2 * 5 * 5 * 8
    assert rows[""].parameters == 0


def test_views_and_inner_outputs_take_no_memory_twice():
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Identity()), nn.Unflatten(1, (2, 2)))
    rows = by_name(net, (4,))
    assert list(rows) == ["0.0", "0.1", "1"]
    assert [row.activation_bytes for row in rows.values()] == [16, 0, 0]


def test_a_shared_layer_has_its_parameters_once():
    layer = nn.Linear(4, 4)
    found = nn.summary(nn.Sequential(layer, layer), (4,))
    assert [row.parameters for row in found.rows] == [20, 0]
    assert (found.parameters, found.multiply_adds) == (20, 32)


def test_integers_for_an_embedding():
    found = nn.summary(nn.Sequential(nn.Embedding(10, 3), nn.Linear(3, 1)), (7,), dtype=np.int64)
    assert found.rows[0].output == (1, 7, 3)
    assert found.multiply_adds == 21


def test_the_network_comes_back_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()).double()
    net[2].eval()
    net[0].register_forward_hook(lambda *_: None)
    before, draws = net.state_dict(), gn.random.generator().bit_generator.state
    nn.summary(net, (1, 5, 5))
    with pytest.raises(ShapeError):
        nn.summary(net, (3, 5, 5))
    assert [m.training for m in net.modules()] == [True, True, True, False]
    assert [len(m._forward_hooks + m._forward_pre_hooks) for m in net.modules()] == [0, 1, 0, 0]
    assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())
    assert str(gn.random.generator().bit_generator.state) == str(draws)
    assert gn.operation.__module__ == "glassnet.operation"
    assert all(p.grad is None for p in net.parameters())


def test_as_plain_data():
    data = nn.summary(nn.Sequential(nn.Linear(4, 3), nn.ReLU().freeze()), (4,)).to_dict()
    assert (data["parameters"], data["multiply_adds"], data["activation_bytes"]) == (15, 12, 24)
    assert [row["state"] for row in data["layers"]] == ["trainable", "frozen"]
