"""Files that glassnet writes and reads: weights as safetensors, and every write atomic.

Here live the bytes on disk and nothing else: what a checkpoint means (architecture, optimiser,
history) is the business of `train/`. No pickle is read or written here or anywhere.
"""

from glassnet.io.atomic import atomic_write
from glassnet.io.weights import load, save

__all__ = ["atomic_write", "load", "save"]
