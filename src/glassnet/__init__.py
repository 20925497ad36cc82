"""glassnet: deep learning that can be read down to the bottom.

Tensors with gradients derived by hand, layers, optimisers, data and training, in Python and NumPy.
Here stand the public names and nothing else; what needs more than NumPy is imported when it is
first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from glassnet import nn, ops, optim
from glassnet.errors import (
    CheckpointError,
    DataError,
    GlassnetError,
    GlassnetWarning,
    GraphError,
    MissingExtra,
    ShapeError,
    TrainingError,
)
from glassnet.gradcheck import GradientError, gradcheck
from glassnet.kernels import exact
from glassnet.nn.chain import fusion
from glassnet.operation import Operation, example, operation
from glassnet.ops.creation import (
    arange,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    rand,
    randn,
    zeros,
    zeros_like,
)
from glassnet.random import manual_seed
from glassnet.swap import SwapError, swap
from glassnet.tape import enable_grad, is_grad_enabled, no_grad
from glassnet.tensor import Tensor, tensor

if TYPE_CHECKING:
    from glassnet import data, export, io, look, models, train, transfer
    from glassnet.kernels.threads import get_num_threads, set_num_threads
    from glassnet.look.report import report
    from glassnet.train.fit import fit
    from glassnet.train.run import Run, load

__version__ = "0.1.0"

_LATER = {
    "fit": "glassnet.train",
    "load": "glassnet.train",
    "Run": "glassnet.train",
    "report": "glassnet.look",
    "set_num_threads": "glassnet.kernels.threads",
    "get_num_threads": "glassnet.kernels.threads",
}
_MODULES = {"data", "export", "io", "look", "models", "train", "transfer"}

__all__ = [
    "CheckpointError",
    "DataError",
    "GlassnetError",
    "GlassnetWarning",
    "GradientError",
    "GraphError",
    "MissingExtra",
    "Operation",
    "Run",
    "ShapeError",
    "SwapError",
    "Tensor",
    "TrainingError",
    "arange",
    "data",
    "enable_grad",
    "exact",
    "example",
    "export",
    "eye",
    "fit",
    "full",
    "full_like",
    "fusion",
    "get_num_threads",
    "gradcheck",
    "io",
    "is_grad_enabled",
    "load",
    "look",
    "manual_seed",
    "models",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "operation",
    "ops",
    "optim",
    "rand",
    "randn",
    "report",
    "set_num_threads",
    "swap",
    "tensor",
    "train",
    "transfer",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"glassnet.{name}")
    raise AttributeError(f"module 'glassnet' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
