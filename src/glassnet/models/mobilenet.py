"""MobileNetV2: inverted residuals between linear bottlenecks.

[Sandler, Howard, Zhu, Zhmoginov, Chen 2018, table 2]. Parameters have torchvision's names.

N batch, C channels, O outputs, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from __future__ import annotations

from glassnet import nn
from glassnet.models.blocks import conv, he_, rounded
from glassnet.models.registry import Size, architecture
from glassnet.models.weights import Pretrained, Weights, torchvision, with_weights
from glassnet.tensor import Tensor

# A row of table 2: expansion t, channels c, repeats n, stride s of the first.
ROWS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip

WEIGHTS = Weights(
    publisher="torchvision",
    file="mobilenet_v2-b0353104.pth",
    sha256="b0353104",
    preprocessing=torchvision(),
    top1=0.71878,
    head="classifier.1",
    url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
)


def conv_bn_relu6(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6."""
    convolution = conv(inputs, outputs, kernel, stride, groups)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())


class InvertedResidual(nn.Module):
    """1x1 to `expand` times the channels, depthwise 3x3, 1x1 to O without activation.

    Plus x where the shape stays. x (N, C, H, W) -> (N, O, H', W') [table 1].
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        layers: list[nn.Module] = [] if expand == 1 else [conv_bn_relu6(inputs, wide, 1)]
        layers += [
            conv_bn_relu6(wide, wide, 3, stride, groups=wide),
            conv(wide, outputs, 1),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


@architecture(
    "mobilenet_v2",
    input=(3, 224, 224),
    source="Sandler, Howard, Zhu, Zhmoginov, Chen 2018, MobileNetV2, table 2",
    parameters=3_504_872,
    multiply_adds=300_774_272,
    weights=WEIGHTS,
)
def mobilenet_v2(
    in_channels: int = 3,
    classes: int = 1000,
    size: Size = 224,
    width: float = 1.0,
    pretrained: Pretrained = False,
) -> nn.Module:
    """MobileNetV2; `width` multiplies the channels."""
    channels = rounded(32 * width)
    features = nn.Sequential(conv_bn_relu6(in_channels, channels, 3, stride=2))
    for expand, wanted, repeats, stride in ROWS:
        outputs = rounded(wanted * width)
        for number in range(repeats):
            block = InvertedResidual(channels, outputs, 1 if number else stride, expand)
            features.append(block)
            channels = outputs
    last = rounded(1280 * max(1.0, width))
    features.append(conv_bn_relu6(channels, last, 1))
    net = nn.Sequential({
        "features": features,
        "avgpool": nn.GlobalAvgPool2d(),
        "classifier": nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes)),
    })  # fmt: skip
    return with_weights(he_(net), WEIGHTS, pretrained)
