"""Weights from any file that is known here, told apart by content, not by name."""

import os
from pathlib import Path

from glassnet.errors import CheckpointError
from glassnet.io.torch_file import is_torch, load_torch
from glassnet.io.weights import Array, load


def load_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """name -> array, from safetensors or from PyTorch's .pth and .pt, old format or new.

    Raises CheckpointError where the file is missing, damaged, of another kind, or holds more than
    weights.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: there is no such file; check the path")
    return load_torch(path) if is_torch(path) else load(path)[0]
