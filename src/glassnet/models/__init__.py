"""Known architectures by name: `models.build("digits", classes=7, size=64)`.

One file a family, written so that it reads as the table in its paper, with the parameter names of
the published checkpoints. `weights.py` knows where those are. No training, no data here.
"""

from glassnet.models.alexnet import alexnet
from glassnet.models.convnetjs import convnetjs
from glassnet.models.cut import Features, features
from glassnet.models.digits import digits, digits_bn
from glassnet.models.efficientnet import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2
from glassnet.models.lenet import lenet5
from glassnet.models.mlp import mlp
from glassnet.models.mobilenet import mobilenet_v2
from glassnet.models.registry import Architecture, architecture, build, describe, names
from glassnet.models.resnet import resnet18, resnet20, resnet34, resnet50, resnet56
from glassnet.models.vgg import vgg11, vgg16, vgg16_bn, vgg19
from glassnet.models.vit import vit_tiny
from glassnet.models.weights import Weights

__all__ = [
    "Architecture",
    "Features",
    "Weights",
    "alexnet",
    "architecture",
    "build",
    "convnetjs",
    "describe",
    "digits",
    "digits_bn",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "features",
    "lenet5",
    "mlp",
    "mobilenet_v2",
    "names",
    "resnet18",
    "resnet20",
    "resnet34",
    "resnet50",
    "resnet56",
    "vgg11",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vit_tiny",
]
