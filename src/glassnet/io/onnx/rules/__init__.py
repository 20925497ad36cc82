"""How each operation of glassnet is said in ONNX, operator set 17.

What ONNX has no operator for is composed of those that it has, by the formula on the operation's
page. A file for each kind of operation; importing the folder fills the table.
"""

from glassnet.io.onnx.rules import elementwise, layers, reduce, shape
from glassnet.io.onnx.rules.base import RULES, add_step

__all__ = ["RULES", "add_step", "elementwise", "layers", "reduce", "shape"]
