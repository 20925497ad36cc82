"""Small convolutional networks for digits.

N batch, C channels, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from glassnet import nn
from glassnet.models.registry import Size, architecture, shrunk


@architecture(
    "digits",
    input=(1, 28, 28),
    source="the first example of the README",
    parameters=11_274,
    multiply_adds=791_840,
)
def digits(in_channels: int = 1, classes: int = 10, size: Size = 28) -> nn.Module:
    """Two 5x5 convolutions of 8 and 16 filters, one linear layer: 99 % on MNIST in 3 epochs."""
    height, width = shrunk(size, 4, "digits")
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * height * width, classes),
    )  # fmt: skip


@architecture(
    "digits-bn",
    input=(1, 28, 28),
    source="batch normalisation: Ioffe, Szegedy 2015, section 3.2",
    parameters=104_938,
    multiply_adds=7_864_064,
)
def digits_bn(in_channels: int = 1, classes: int = 10, size: Size = 28) -> nn.Module:
    """Three batch-normalised convolutions of 32, 64 and 128 filters: the 99.5 % recipe's network.

    A convolution that is normalised needs no bias: the normalisation has one.
    """
    height, width = shrunk(size, 8, "digits-bn")

    def block(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(in_channels, 32, 5),
        *block(32, 64, 3),
        *block(64, 128, 3),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * height * width, classes),
    )  # fmt: skip
