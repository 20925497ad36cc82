"""Embedding: rows of a table."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import ShapeError, nn


def test_rows_of_the_table():
    layer = nn.Embedding(5, 3)
    y = layer(gn.tensor([[0, 4], [4, 1]]))
    np.testing.assert_array_equal(y.data, layer.weight.data[[[0, 4], [4, 1]]])


def test_the_padding_row_is_zero_and_stays():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert not layer.weight.data[4].any()
    layer(gn.tensor([4, 4, 1])).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.data.sum(1), [0, 3, 0, 0, 0])


def test_errors():
    with pytest.raises(ShapeError, match="padding_idx 5 is not one of 5 rows"):
        nn.Embedding(5, 3, padding_idx=5)
    with pytest.raises(ShapeError, match=r"in Embedding\(5, 3\).*rows 0 to 4"):
        nn.Embedding(5, 3)(gn.tensor([5]))
