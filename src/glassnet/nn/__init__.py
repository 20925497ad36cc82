"""Floor 3: layers, and how they make a network.

A layer keeps parameters and calls operations; nothing here computes or differentiates, that is
`ops/`. A file for each family of layers, `module.py` for what they share, `architecture.py` for a
network as plain data, `init` for initial values, `summary` for the table of layers. Names,
arguments and the names and shapes of parameters are PyTorch's.
"""

from glassnet.nn import init
from glassnet.nn.activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    Maxout,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from glassnet.nn.architecture import architecture, build
from glassnet.nn.container import ModuleDict, ModuleList, Sequential
from glassnet.nn.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from glassnet.nn.dropout import Dropout, Dropout2d
from glassnet.nn.embedding import Embedding
from glassnet.nn.linear import Linear
from glassnet.nn.module import Module, Parameter
from glassnet.nn.pool import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from glassnet.nn.shape import Flatten, Identity, Unflatten
