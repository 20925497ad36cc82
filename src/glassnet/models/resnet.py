"""ResNet: blocks that learn a difference, y = x + f(x).

[He, Zhang, Ren, Sun 2016], table 1 for ImageNet and section 4.2 for CIFAR-10. In a bottleneck the
3x3 convolution has the stride, as torchvision has it (the paper: the first 1x1). Parameters have
torchvision's names.

N batch, C channels, O outputs, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from __future__ import annotations

from glassnet import nn, ops
from glassnet.models.blocks import conv, he_
from glassnet.models.registry import Size, architecture
from glassnet.models.weights import Pretrained, Weights, torchvision, with_weights
from glassnet.nn.chain import chain
from glassnet.tensor import Tensor

SOURCE = "He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition, table 1"


class BasicBlock(nn.Module):
    """y = relu(shortcut(x) + f(x)), f two 3x3 convolutions; x (N, C, H, W) -> (N, O, H', W')."""

    expansion = 1

    def __init__(
        self, inputs: int, width: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = conv(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = chain(x, self.conv1, self.bn1, self.relu)
        return chain(y, self.conv2, self.bn2, self.relu, add=shortcut)


class Bottleneck(nn.Module):
    """As BasicBlock, f: 1x1 to `width` channels, 3x3, 1x1 to four times as many."""

    expansion = 4

    def __init__(
        self, inputs: int, width: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = conv(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, 4 * width, 1)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = chain(x, self.conv1, self.bn1, self.relu)
        y = chain(y, self.conv2, self.bn2, self.relu)
        return chain(y, self.conv3, self.bn3, self.relu, add=shortcut)


Block = type[BasicBlock] | type[Bottleneck]


class Subsample(nn.Module):
    """Every second pixel, and channels of zeros on both sides: a shortcut without parameters.

    x (N, C, H, W) -> (N, 2 C, ceil(H / 2), ceil(W / 2)) [option A of section 4.1].
    """

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return ops.pad(x[:, :, ::2, ::2], ((half, half), (0, 0), (0, 0)))


def _projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A 1x1 convolution, normalised: the shortcut where shapes differ [option B]."""
    return nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


def _stage(block: Block, inputs: int, width: int, repeats: int, stride: int) -> nn.Sequential:
    """`repeats` blocks; the first has the stride and, where the shape changes, a projection."""
    outputs = width * block.expansion
    changes = stride != 1 or inputs != outputs
    first = block(inputs, width, stride, _projection(inputs, outputs, stride) if changes else None)
    return nn.Sequential(first, *(block(outputs, width) for _ in range(repeats - 1)))


def resnet(block: Block, repeats: tuple[int, ...], in_channels: int, classes: int) -> nn.Module:
    """A column of table 1: `repeats` blocks in conv2_x, conv3_x, conv4_x and conv5_x."""
    wide = block.expansion
    net = nn.Sequential({
        "conv1": nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(64),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
        "layer1": _stage(block, 64, 64, repeats[0], 1),
        "layer2": _stage(block, 64 * wide, 128, repeats[1], 2),
        "layer3": _stage(block, 128 * wide, 256, repeats[2], 2),
        "layer4": _stage(block, 256 * wide, 512, repeats[3], 2),
        "avgpool": nn.GlobalAvgPool2d(),
        "fc": nn.Linear(512 * wide, classes),
    })  # fmt: skip
    return he_(net)


def _weights(file: str, top1: float) -> Weights:
    digits = file.removesuffix(".pth").rpartition("-")[2]
    url = f"https://download.pytorch.org/models/{file}"
    return Weights("torchvision", file, digits, torchvision(), top1, "fc", url)


RESNET18 = _weights("resnet18-f37072fd.pth", 0.69758)
RESNET34 = _weights("resnet34-b627a593.pth", 0.73314)
RESNET50 = _weights("resnet50-0676ba61.pth", 0.76130)


@architecture(
    "resnet18", input=(3, 224, 224), source=SOURCE, weights=RESNET18,
    parameters=11_689_512, multiply_adds=1_814_073_344,
)  # fmt: skip
def resnet18(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """ResNet-18: eight basic blocks."""
    net = resnet(BasicBlock, (2, 2, 2, 2), in_channels, classes)
    return with_weights(net, RESNET18, pretrained)


@architecture(
    "resnet34", input=(3, 224, 224), source=SOURCE, weights=RESNET34,
    parameters=21_797_672, multiply_adds=3_663_761_408,
)  # fmt: skip
def resnet34(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """ResNet-34: sixteen basic blocks."""
    net = resnet(BasicBlock, (3, 4, 6, 3), in_channels, classes)
    return with_weights(net, RESNET34, pretrained)


@architecture(
    "resnet50", input=(3, 224, 224), source=SOURCE, weights=RESNET50,
    parameters=25_557_032, multiply_adds=4_089_184_256,
)  # fmt: skip
def resnet50(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """ResNet-50: sixteen bottleneck blocks."""
    net = resnet(Bottleneck, (3, 4, 6, 3), in_channels, classes)
    return with_weights(net, RESNET50, pretrained)


def cifar_resnet(blocks: int, in_channels: int, classes: int) -> nn.Module:
    """Section 4.2: 6 n + 2 layers, n = `blocks` in each stage of 16, 32 and 64 filters."""

    def stage(inputs: int, width: int) -> nn.Sequential:
        first = BasicBlock(inputs, width) if inputs == width else _half(inputs, width)
        return nn.Sequential(first, *(BasicBlock(width, width) for _ in range(blocks - 1)))

    net = nn.Sequential({
        "conv1": conv(in_channels, 16, 3),
        "bn1": nn.BatchNorm2d(16),
        "relu": nn.ReLU(),
        "layer1": stage(16, 16),
        "layer2": stage(16, 32),
        "layer3": stage(32, 64),
        "avgpool": nn.GlobalAvgPool2d(),
        "fc": nn.Linear(64, classes),
    })  # fmt: skip
    return he_(net)


def _half(inputs: int, width: int) -> BasicBlock:
    return BasicBlock(inputs, width, 2, Subsample())


CIFAR = "He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition, section 4.2"


@architecture(
    "resnet20", input=(3, 32, 32), source=CIFAR, parameters=269_722, multiply_adds=40_551_040
)
def resnet20(in_channels: int = 3, classes: int = 10, size: Size = 32) -> nn.Module:
    """ResNet-20 for CIFAR-10: 91.25 % in the paper."""
    return cifar_resnet(3, in_channels, classes)


@architecture(
    "resnet56", input=(3, 32, 32), source=CIFAR, parameters=853_018, multiply_adds=125_485_696
)
def resnet56(in_channels: int = 3, classes: int = 10, size: Size = 32) -> nn.Module:
    """ResNet-56 for CIFAR-10: 93.03 % in the paper."""
    return cifar_resnet(9, in_channels, classes)
