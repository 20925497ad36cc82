"""Networks as lines of a program, which are run and held against the networks."""

import re

import numpy as np
import pytest

import glassnet as gn
from glassnet import models, nn, ops
from glassnet.errors import GlassnetError
from glassnet.export import layers
from glassnet.export.program import Program, functions
from glassnet.nn import evaluating


def images(shape: tuple[int, ...], count: int = 2, key: int = 0) -> np.ndarray:
    return np.random.default_rng(key).standard_normal((count, *shape)).astype(np.float32)


def program(net: nn.Module, shape: tuple[int, ...]) -> Program:
    """The program of a network, after it was seen to compute what the network computes."""
    written = Program(net, images(shape))
    names = {**vars(layers), "W": written.weights}
    for text in functions(written.calls):
        exec(compile(text, "layers", "exec"), names)
    exec(compile("def network(x):\n" + "\n".join(written.lines), "network", "exec"), names)
    x = images(shape, 3, key=1)
    with evaluating(net):
        expected = net(gn.Tensor(x)).data
    np.testing.assert_allclose(names["network"](x), expected, rtol=1e-3, atol=1e-4)
    return written


@pytest.fixture(autouse=True)
def seeded():
    gn.manual_seed(0)


@pytest.mark.parametrize(
    ("name", "side"),
    [("lenet5", 28), ("digits-bn", 28), ("convnetjs", 32), ("mlp", 28), ("resnet20", 32),
     ("resnet18", 48), ("mobilenet_v2", 48), ("efficientnet_lite0", 48)],
)  # fmt: skip
def test_every_family(name, side):
    channels = models.describe(name).input[0]
    program(models.build(name, size=side, classes=5), (channels, side, side))


def test_the_vision_transformer():
    net = models.build("vit_tiny", size=32, classes=5)
    assert {"attention", "layer_norm", "gelu"} <= program(net, (3, 32, 32)).calls


def test_a_line_a_layer_with_its_shape():
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 2))
    assert program(net, (3, 8, 8)).lines == [
        "    n = len(x)",
        '    x = relu(conv(x, "0", padding=1))  # (N, 4, 8, 8)',
        "    x = max_pool(x, 2, 2)  # (N, 4, 4, 4)",
        "    x = x.reshape(n, 64)  # (N, 64)",
        '    x = linear(x, "5")  # (N, 2)',
        "    return x",
    ]


def test_a_residual_gets_a_name_of_its_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return ops.relu(x + self.b(ops.relu(self.a(x))))

    assert program(Net(), (4,)).lines == [
        '    y = relu(linear(x, "a"))  # (N, 4)',
        '    y = linear(y, "b")  # (N, 4)',
        "    x = relu(x + y)  # (N, 4)",
        "    return x",
    ]


def test_normalisation_that_cannot_be_folded_stands_by_itself():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y  # the convolution is wanted without it, too

    assert "scaled" in program(Net(), (2, 4, 4)).calls


def test_dropout_vanishes():
    lines = program(nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)), (4,)).lines
    assert not any("dropout" in line for line in lines) and len(lines) == 2


class Everything(nn.Module):
    """What models of today are put together from, in one forward."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2)
        self.group_norm, self.norm = nn.GroupNorm(2, 8), nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.scale = nn.Parameter(np.ones(16, np.float32))
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        x = ops.silu(self.group_norm(self.grouped(x)))  # (N, 8, 5, 5)
        x = ops.max_pool2d(x, 2, 2, ceil_mode=True)  # (N, 8, 3, 3)
        x = ops.concatenate([x, ops.avg_pool2d(x, 3, 1, 1)], dim=1)  # (N, 16, 3, 3)
        x = ops.transpose(ops.flatten(x, 2), 1, 2)  # (N, 9, 16)
        y, _ = self.attention(x, x, x, need_weights=False)
        x = self.norm(x + y * self.scale)
        a, b = ops.chunk(x, 2, dim=1)
        first = x[:, 0] + ops.gelu(a.mean(dim=1)) - ops.tanh(b.amax(dim=1)) * 0.5
        first = first + x[:, np.array([2, 0])].sum(dim=1)
        return self.out(ops.clip(first, -2.0, 2.0) / 2 + ops.exp(-ops.abs(first)))


def test_everything_at_once():
    program(Everything(), (4, 10, 10))


def test_what_has_no_rule_is_named():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.odd = Odd()

        def forward(self, x):
            return self.odd(x)

    class Odd(nn.Module):
        def forward(self, x):
            return ops.flip(x, 1)

    with pytest.raises(GlassnetError, match="layer 'odd': the operation 'flip' has no rule"):
        Program(Net(), images((4,)))


def test_no_line_is_longer_than_a_page_is_wide():
    net = models.build("mobilenet_v2", size=48)
    assert max(map(len, Program(net, images((3, 48, 48))).lines)) <= 100


def test_functions_bring_what_they_call():
    texts = functions({"silu"})
    assert [re.match(r"def (\w+)", text)[1] for text in texts] == ["sigmoid", "silu"]
