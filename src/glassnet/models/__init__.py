"""Known architectures by name: `models.build("digits", classes=7, size=64)`.

One file a family, written so that it reads as the table in its paper, with the parameter names of
the published checkpoints. `weights.py` knows where those are. No training, no data here.
"""

from glassnet.models.convnetjs import convnetjs
from glassnet.models.cut import Features, features
from glassnet.models.digits import digits, digits_bn
from glassnet.models.efficientnet import efficientnet_lite0
from glassnet.models.lenet import lenet5
from glassnet.models.mlp import mlp
from glassnet.models.registry import Architecture, architecture, build, describe, names

__all__ = [
    "Architecture",
    "Features",
    "architecture",
    "build",
    "convnetjs",
    "describe",
    "digits",
    "digits_bn",
    "efficientnet_lite0",
    "features",
    "lenet5",
    "mlp",
    "names",
]
