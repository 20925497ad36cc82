"""Multi-layer perceptrons.

N batch, C channels, H W height width, K classes; x (N, C, H, W) or (N, C) -> logits (N, K).
"""

from collections.abc import Sequence
from itertools import pairwise

from glassnet import nn
from glassnet.models.registry import Size, architecture, shrunk


@architecture(
    "mlp",
    input=(1, 28, 28),
    source="Rumelhart, Hinton, Williams 1986; ReLU: Glorot et al. 2011",
    parameters=269_322,
    multiply_adds=268_800,
)
def mlp(
    in_channels: int = 1,
    classes: int = 10,
    size: Size | None = 28,
    hidden: Sequence[int] = (256, 256),
    dropout: float = 0.0,
) -> nn.Module:
    """A perceptron with hidden layers of ReLU units: 784-256-256-10 by default.

    size None: the data are plain features, `in_channels` of them. dropout is the probability with
    which each hidden unit is left out of a training step.
    """
    height, width = (1, 1) if size is None else shrunk(size, 1, "mlp")
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise([in_channels * height * width, *hidden]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout else []
    last = hidden[-1] if hidden else in_channels * height * width
    return nn.Sequential(*layers, nn.Linear(last, classes))
