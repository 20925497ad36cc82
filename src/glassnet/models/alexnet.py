"""AlexNet, the network that began it: ImageNet 2012.

Krizhevsky's second version for one processor ("One weird trick", 2014), as torchvision has it: no
groups, no response normalisation, 64 filters first. Parameters have torchvision's names.

N batch, C channels, H W height width, K classes; x (N, C, H, W) -> logits (N, K).
"""

from glassnet import nn
from glassnet.models.blocks import he_
from glassnet.models.registry import Size, architecture, at_least
from glassnet.models.weights import Pretrained, Weights, torchvision, with_weights

WEIGHTS = Weights(
    publisher="torchvision",
    file="alexnet-owt-7be5be79.pth",
    sha256="7be5be79",
    preprocessing=torchvision(),
    top1=0.56522,
    head="classifier.6",
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
)


@architecture(
    "alexnet",
    input=(3, 224, 224),
    source="Krizhevsky, Sutskever, Hinton 2012; Krizhevsky 2014, One weird trick for "
    "parallelizing convolutional neural networks",
    parameters=61_100_840,
    multiply_adds=714_188_480,
    weights=WEIGHTS,
)
def alexnet(
    in_channels: int = 3, classes: int = 1000, size: Size = 224, pretrained: Pretrained = False
) -> nn.Module:
    """AlexNet: five convolutions, three linear layers with dropout, 61 million parameters."""
    at_least(63, size, "alexnet")
    net = nn.Sequential({
        "features": nn.Sequential(
            nn.Conv2d(in_channels, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        ),
        "avgpool": nn.AdaptiveAvgPool2d(6),
        "flatten": nn.Flatten(),
        "classifier": nn.Sequential(
            nn.Dropout(0.5), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, classes),
        ),
    })  # fmt: skip
    return with_weights(he_(net), WEIGHTS, pretrained)
