"""LeNet-5, the network that read the cheques.

N batch, C channels, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from glassnet import nn
from glassnet.models.registry import Size, architecture, shrunk


@architecture(
    "lenet5",
    input=(1, 28, 28),
    source="LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document "
    "recognition, section II.B",
    parameters=61_706,
    multiply_adds=416_520,
)
def lenet5(in_channels: int = 1, classes: int = 10, size: Size = 28) -> nn.Module:
    """LeNet-5 as it is built today: tanh, average pooling, fully connected channels.

    The paper's 32x32 input is 28x28 with a padding of 2. It differs from the paper in three
    places: pooling has no trained scale and bias, the second convolution sees all 6 maps (there: a
    table of connections), and the output is linear for softmax (there: radial basis functions).
    """
    shrunk(size, 12, "lenet5")  # smaller images leave nothing behind C3
    height, width = shrunk(size, 4, "lenet5")
    return nn.Sequential(
        nn.Conv2d(in_channels, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),   # C1, S2
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),                       # C3, S4
        nn.Flatten(),
        nn.Linear(16 * (height - 2) * (width - 2), 120), nn.Tanh(),            # C5
        nn.Linear(120, 84), nn.Tanh(),                                         # F6
        nn.Linear(84, classes),
    )  # fmt: skip
