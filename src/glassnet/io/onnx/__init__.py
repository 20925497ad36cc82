"""Networks from ONNX files, and to them.

ONNX is the field's format for a network as a graph: its operations, their options and weights.
`reader.py` makes a network of one that trains like any other, `writer.py` writes one down.
"""

from glassnet.io.onnx.net import OnnxNet
from glassnet.io.onnx.reader import load_onnx
from glassnet.io.onnx.writer import run_onnx, save_onnx, to_onnx

__all__ = ["OnnxNet", "load_onnx", "run_onnx", "save_onnx", "to_onnx"]
