import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, ops
from glassnet.errors import GlassnetError
from glassnet.nn.trace import Batch, Constant, Input, Result, State, trace


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)


def test_a_row_of_layers():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    graph = trace(net, images(1, 6, 6))
    conv, norm, relu, flat = graph.steps
    assert (conv.operation, conv.layer) == ("conv2d", "0")
    assert conv.arguments["x"] == Input()
    assert conv.arguments["weight"] == State("0.weight")
    assert conv.shapes == ((Batch(), 4, 4, 4),)
    assert norm.arguments["mean"] == State("1.running_mean")
    assert relu.arguments == {"x": Result(1, 0)}
    assert flat.arguments["shape"] in ((Batch(), 64), [Batch(), 64])
    assert graph.output == Result(3, 0)


def test_the_residual_and_the_constant():
    class Net(nn.Module):
        def forward(self, x):
            return ops.relu(x) + x * np.float32([1, 2])

    first, second, third = trace(Net(), images(2)).steps
    assert first.arguments["x"] == second.arguments["a"] == Input()
    assert second.arguments["b"] == Constant(np.float32([1, 2]))
    assert (third.arguments["a"], third.arguments["b"]) == (Result(0, 0), Result(1, 0))
    assert third.layer == ""


def test_modes_and_hooks_are_as_before():
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    net.train()
    trace(net, images(3))
    assert net.training and not net[0]._forward_hooks and not net[0]._forward_pre_hooks


def test_several_outputs_and_several_inputs():
    class Net(nn.Module):
        def forward(self, x):
            a, b = ops.chunk(x, 2, dim=1)
            return ops.concatenate([b, a], dim=1)

    split, joined = trace(Net(), images(4)).steps
    assert len(split.shapes) == 2
    assert joined.arguments["xs"] == (Result(0, 1), Result(0, 0))


def test_what_depends_on_the_number_of_images_is_refused():
    class Net(nn.Module):
        def forward(self, x):
            for _ in range(len(x)):
                x = ops.relu(x)
            return x

    with pytest.raises(GlassnetError, match="1 operations for one image and 2 for two"):
        trace(Net(), images(3))


def test_an_answer_from_nowhere_is_refused():
    class Net(nn.Module):
        def forward(self, x):
            return gn.Tensor(x.data * 2)

    with pytest.raises(GlassnetError, match="not what an operation of glassnet made"):
        trace(Net(), images(3))
