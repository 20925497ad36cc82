"""Floor 5: a trained network handed on, as a program, an ONNX file or bare weights.

Each export is run and compared with the original before it is handed over. Here lives how a
network is written down as plain NumPy; ONNX and safetensors themselves are written in `io/`.
"""

from glassnet.export.hand_on import FORMATS, Exported, export
from glassnet.export.python import export_python

__all__ = ["FORMATS", "Exported", "export", "export_python"]
