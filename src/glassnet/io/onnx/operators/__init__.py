"""ONNX's operators, each by the operations of glassnet that compute it.

Those that always are a layer (`layers.py` of the folder above) are not here.

    OPERATORS[kind](call) -> Value or several
    call.inputs      the values that go in, None where an optional one is left out
    call.attributes  the node's options
    call.version     of the operator set: some operators changed what they mean

[ONNX operator specification, github.com/onnx/onnx/blob/main/docs/Operators.md]
"""

from glassnet.io.onnx.operators import elementwise, layers, reduce, shape
from glassnet.io.onnx.operators.base import OPERATORS, Call

__all__ = ["OPERATORS", "Call", "elementwise", "layers", "reduce", "shape"]
