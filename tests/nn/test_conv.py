"""Convolution layers: their sizes, their memory, their errors."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import ShapeError, nn
from glassnet.ops._samples import normal


@pytest.mark.parametrize(
    ("layer", "weight", "order"),
    [
        (nn.Conv2d(4, 6, (3, 2), groups=2), (6, 2, 3, 2), (2, 3, 1, 0)),
        (nn.Conv1d(4, 6, 3), (6, 4, 3), (2, 1, 0)),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 3, 3, 3), (2, 3, 1, 0)),
        (nn.ConvTranspose1d(4, 6, 3), (4, 6, 3), (2, 1, 0)),
    ],
)
def test_weights_are_oihw_to_the_user_and_hwio_in_memory(layer, weight, order):
    assert layer.weight.shape == weight
    assert layer.weight.data.transpose(order).flags.c_contiguous
    assert layer.bias.shape == (6,)


def test_output_sizes():
    x = gn.Tensor(normal(2, 3, 9, 8).astype(np.float32))
    for options, size in [
        ({}, (7, 6)),
        ({"padding": "same"}, (9, 8)),
        ({"stride": 2, "padding": 1}, (5, 4)),
        ({"dilation": (2, 1)}, (5, 6)),
        ({"padding": ((1, 0), (0, 2))}, (8, 8)),
    ]:
        assert nn.Conv2d(3, 5, 3, **options)(x).shape == (2, 5, *size)
    up = nn.ConvTranspose2d(3, 5, 3, stride=2, padding=1, output_padding=1)
    assert up(x).shape == (2, 5, 18, 16)


def test_errors():
    with pytest.raises(ShapeError, match="3 input and 4 output channels cannot be split into 2"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ShapeError, match=r"kernel_size is a positive number or 2 of them, not \(3"):
        nn.Conv2d(3, 4, (3, 3, 3))
    with pytest.raises(ShapeError, match="positive number or 1"):
        nn.Conv1d(3, 4, 0)
    with pytest.raises(ShapeError, match=r"in Conv2d\(3, 4, 3\): "):
        nn.Conv2d(3, 4, 3)(gn.Tensor(normal(2, 2, 5, 5)))
