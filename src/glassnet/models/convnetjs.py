"""The network of the ConvNetJS CIFAR-10 demo.

N batch, C channels, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from glassnet import nn
from glassnet.models.registry import Size, architecture, shrunk


@architecture(
    "convnetjs",
    input=(3, 32, 32),
    source="A. Karpathy, ConvNetJS, CIFAR-10 demo page, 2014",
    parameters=22_466,
    multiply_adds=3_920_000,
)
def convnetjs(in_channels: int = 3, classes: int = 10, size: Size = 32) -> nn.Module:
    """Three 5x5 convolutions of 16, 20 and 20 filters with pooling, one linear layer."""
    height, width = shrunk(size, 8, "convnetjs")
    return nn.Sequential(
        nn.Conv2d(in_channels, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20 * height * width, classes),
    )  # fmt: skip
