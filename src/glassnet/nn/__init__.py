"""Floor 3: layers, and how they make a network.

A layer keeps parameters and calls operations; nothing here computes or differentiates, that is
`ops/`. A file for each family of layers, `module.py` for what they share, `architecture.py` for a
network as plain data, `init` for initial values, `summary` for the table of layers. Names,
arguments and the names and shapes of parameters are PyTorch's.
"""

from glassnet.nn import functional, init
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
from glassnet.nn.attention import MultiheadAttention, TransformerEncoderLayer
from glassnet.nn.chain import chain, fusion
from glassnet.nn.container import ModuleDict, ModuleList, Sequential
from glassnet.nn.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from glassnet.nn.dropout import Dropout, Dropout2d
from glassnet.nn.embedding import Embedding
from glassnet.nn.linear import Linear
from glassnet.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    MultiMarginLoss,
    SmoothL1Loss,
)
from glassnet.nn.module import Module, Parameter, evaluating
from glassnet.nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
)
from glassnet.nn.pool import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from glassnet.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from glassnet.nn.shape import Flatten, Identity, Unflatten
from glassnet.nn.summary import Summary, summary

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GlobalAvgPool2d",
    "GroupNorm",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Maxout",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiMarginLoss",
    "MultiheadAttention",
    "Parameter",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Summary",
    "Tanh",
    "TransformerEncoderLayer",
    "Unflatten",
    "architecture",
    "build",
    "chain",
    "evaluating",
    "functional",
    "fusion",
    "init",
    "summary",
]
