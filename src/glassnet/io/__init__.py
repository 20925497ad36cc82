"""Files that glassnet writes and reads: weights as safetensors, and every write atomic.

Here live the bytes on disk and nothing else: what a checkpoint means (architecture, optimiser,
history) is the business of `train/`. No pickle is ever run: PyTorch's files go through a machine
that can build tensors and nothing else.
"""

from glassnet.io.atomic import atomic_write
from glassnet.io.foreign import load_weights
from glassnet.io.onnx import load_onnx, save_onnx
from glassnet.io.torch_file import load_torch
from glassnet.io.weights import load, save

__all__ = ["atomic_write", "load", "load_onnx", "load_torch", "load_weights", "save", "save_onnx"]
