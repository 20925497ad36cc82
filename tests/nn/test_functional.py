"""nn.functional: PyTorch's names, glassnet's operations."""

import numpy as np

import glassnet as gn
from glassnet import nn, ops
from glassnet.nn import functional as F
from glassnet.ops._samples import normal


def test_every_name_is_the_operation_itself():
    for name in F.__all__:
        if name != "layer_norm":
            assert getattr(F, name) is getattr(ops, name), name


def test_layer_norm_takes_pytorchs_arguments():
    x = gn.Tensor(normal(2, 3, 4))
    layer = nn.LayerNorm(4)
    y = F.layer_norm(x, (4,), layer.weight, layer.bias)
    np.testing.assert_array_equal(y.data, layer(x).data)
    np.testing.assert_array_equal(F.layer_norm(x, (4,)).data, ops.layer_norm(x).data)
