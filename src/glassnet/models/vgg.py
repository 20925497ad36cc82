"""VGG: nothing but 3x3 convolutions, twice the channels after each pooling.

[Simonyan & Zisserman 2015, table 1, columns A, D and E]; with batch normalisation as torchvision
has it. Parameters have torchvision's names.

N batch, C channels, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from glassnet import nn
from glassnet.models.blocks import he_
from glassnet.models.registry import Size, architecture, at_least
from glassnet.models.weights import Pretrained, Weights, torchvision, with_weights

# A column of the table: the filters of each convolution, stage by stage; pooling after each stage.
COLUMNS = {
    "A": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "D": ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    "E": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
SOURCE = "Simonyan, Zisserman 2015, Very deep convolutional networks, table 1"


def _weights(file: str, top1: float) -> Weights:
    digits = file.removesuffix(".pth").rpartition("-")[2]
    url = f"https://download.pytorch.org/models/{file}"
    return Weights("torchvision", file, digits, torchvision(), top1, "classifier.6", url)


VGG11 = _weights("vgg11-8a719046.pth", 0.69020)
VGG16 = _weights("vgg16-397923af.pth", 0.71592)
VGG16_BN = _weights("vgg16_bn-6c64b313.pth", 0.73360)
VGG19 = _weights("vgg19-dcbb9e9d.pth", 0.72376)


def vgg(column: str, norm: bool, in_channels: int, classes: int, size: Size) -> nn.Module:
    """The network of one column: convolutions, 7x7 means of what is left, three linear layers."""
    at_least(32, size, "vgg")
    layers, channels = nn.Sequential(), in_channels
    for stage in COLUMNS[column]:
        for filters in stage:
            layers.append(nn.Conv2d(channels, filters, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(filters))
            layers.append(nn.ReLU())
            channels = filters
        layers.append(nn.MaxPool2d(2))
    net = nn.Sequential({
        "features": layers,
        "avgpool": nn.AdaptiveAvgPool2d(7),
        "flatten": nn.Flatten(),
        "classifier": nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(4096, classes),
        ),
    })  # fmt: skip
    return he_(net)


@architecture(
    "vgg11", input=(3, 224, 224), source=SOURCE, weights=VGG11,
    parameters=132_863_336, multiply_adds=7_609_090_048,
)  # fmt: skip
def vgg11(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """VGG with 11 layers (column A)."""
    return with_weights(vgg("A", False, in_channels, classes, size), VGG11, pretrained)


@architecture(
    "vgg16", input=(3, 224, 224), source=SOURCE, weights=VGG16,
    parameters=138_357_544, multiply_adds=15_470_264_320,
)  # fmt: skip
def vgg16(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """VGG with 16 layers (column D)."""
    return with_weights(vgg("D", False, in_channels, classes, size), VGG16, pretrained)


@architecture(
    "vgg16_bn", input=(3, 224, 224), source=SOURCE, weights=VGG16_BN,
    parameters=138_365_992, multiply_adds=15_470_264_320,
)  # fmt: skip
def vgg16_bn(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """VGG with 16 layers, each convolution batch-normalised."""
    return with_weights(vgg("D", True, in_channels, classes, size), VGG16_BN, pretrained)


@architecture(
    "vgg19", input=(3, 224, 224), source=SOURCE, weights=VGG19,
    parameters=143_667_240, multiply_adds=19_632_062_464,
)  # fmt: skip
def vgg19(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """VGG with 19 layers (column E)."""
    return with_weights(vgg("E", False, in_channels, classes, size), VGG19, pretrained)
