"""Networks from ONNX files, and to them.

ONNX is the field's format for a network as a graph: its operations, their options and weights.
`reader.py` makes a network of one that trains like any other, `writer.py` writes one down.
"""

from glassnet.io.onnx.writer import run_onnx, save_onnx, to_onnx

__all__ = ["run_onnx", "save_onnx", "to_onnx"]
