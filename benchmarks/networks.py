"""The networks that are timed, written once for both libraries: `n` is glassnet's nn or PyTorch's.

Both have the same names for layers and options, so one definition serves. Shapes are (C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


def chain_of(n: Any) -> Callable[..., Any]:
    """glassnet's `nn.chain`; for PyTorch, which has none, its meaning."""

    def one_by_one(x: Any, *layers: Any, add: Any = None) -> Any:
        for layer in layers[:-1]:
            x = layer(x)
        return layers[-1](x if add is None else x + add)

    return getattr(n, "chain", one_by_one)


class Network(NamedTuple):
    """How a network is made, and what it is shown: images of `shape`, `batch` at a time."""

    make: Callable[[Any], Any]
    shape: tuple[int, int, int]
    batch: int = 64
    classes: int = 10


def lenet_like(n: Any) -> Any:
    """The first example of the README."""
    return n.Sequential(
        n.Conv2d(1, 8, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(8, 16, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Flatten(), n.Linear(784, 10),
    )  # fmt: skip


def convnetjs(n: Any) -> Any:
    """The ConvNetJS network for CIFAR-10."""
    return n.Sequential(
        n.Conv2d(3, 16, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(16, 20, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(20, 20, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
        n.Flatten(), n.Linear(320, 10),
    )  # fmt: skip


def mlp(n: Any) -> Any:
    """784-256-256-10."""
    return n.Sequential(
        n.Flatten(), n.Linear(784, 256), n.ReLU(), n.Linear(256, 256), n.ReLU(), n.Linear(256, 10)
    )


def resnet20(n: Any) -> Any:
    """ResNet-20 for CIFAR-10 [He et al. 2016, section 4.2], with 1x1 convolutions as shortcuts."""
    chain = chain_of(n)

    class Block(n.Module):  # type: ignore[misc]
        """y = relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))."""

        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = n.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.bn1 = n.BatchNorm2d(outputs)
            self.conv2 = n.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn2 = n.BatchNorm2d(outputs)
            self.relu = n.ReLU()
            self.downsample = None
            if stride > 1:
                self.downsample = n.Sequential(
                    n.Conv2d(inputs, outputs, 1, stride=stride, bias=False), n.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            y = chain(x, self.conv1, self.bn1, self.relu)
            shortcut = x if self.downsample is None else self.downsample(x)
            return chain(y, self.conv2, self.bn2, self.relu, add=shortcut)

    def stage(inputs: int, outputs: int) -> Any:
        first = Block(inputs, outputs, 1 if inputs == outputs else 2)
        return n.Sequential(first, Block(outputs, outputs, 1), Block(outputs, outputs, 1))

    return n.Sequential(
        n.Conv2d(3, 16, 3, padding=1, bias=False), n.BatchNorm2d(16), n.ReLU(),
        stage(16, 16), stage(16, 32), stage(32, 64),
        n.AdaptiveAvgPool2d(1), n.Flatten(), n.Linear(64, 10),
    )  # fmt: skip


def network94(n: Any) -> Any:
    """The network of examples/cifar10_94.py: 64, 256, 256 channels on a layer that whitens."""

    def group(inputs: int, outputs: int) -> list[Any]:
        return [
            n.Conv2d(inputs, outputs, 3, padding=1, bias=False), n.MaxPool2d(2),
            n.BatchNorm2d(outputs), n.GELU(),
            n.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            n.BatchNorm2d(outputs), n.GELU(),
        ]  # fmt: skip

    net = n.Sequential(
        n.Conv2d(3, 24, 2), n.GELU(),
        *group(24, 64), *group(64, 256), *group(256, 256),
        n.MaxPool2d(3), n.Flatten(), n.Linear(256, 10, bias=False),
    )  # fmt: skip
    next(iter(net.parameters())).requires_grad_(False)  # the whitening filters
    return net


# expansion, kernel, stride, channels, blocks [Tan & Le 2019, table 1; "lite" without squeezing]
EFFICIENTNET = [
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
]  # fmt: skip


def efficientnet_lite0(n: Any) -> Any:
    """EfficientNet-Lite0 as it is used: each batch norm folded into the convolution before it."""

    chain = chain_of(n)

    class Residual(n.Module):  # type: ignore[misc]
        """y = x + body(x)."""

        steady = True  # the same operations for all images: glassnet may keep their list

        def __init__(self, body: Any) -> None:
            super().__init__()
            self.body, self.end = body, n.Identity()

        def forward(self, x: Any) -> Any:
            return chain(x, *self.body, self.end, add=x)

    def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
        return n.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups)

    def block(inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> Any:
        wide = inputs * expansion
        layers = [conv(inputs, wide, 1), n.ReLU6()] if expansion > 1 else []
        layers += [conv(wide, wide, kernel, stride, groups=wide), n.ReLU6(), conv(wide, outputs, 1)]
        body = n.Sequential(*layers)
        return Residual(body) if stride == 1 and inputs == outputs else body

    layers, channels = [conv(3, 32, 3, 2), n.ReLU6()], 32
    for expansion, kernel, stride, outputs, blocks in EFFICIENTNET:
        for i in range(blocks):
            layers.append(block(channels, outputs, kernel, stride if i == 0 else 1, expansion))
            channels = outputs
    head = [conv(320, 1280, 1), n.ReLU6(), n.AdaptiveAvgPool2d(1), n.Flatten()]
    return n.Sequential(*layers, *head, n.Linear(1280, 1000))


TRAINED = {
    "LeNet-like": Network(lenet_like, (1, 28, 28)),
    "ConvNetJS": Network(convnetjs, (3, 32, 32)),
    "ResNet-20": Network(resnet20, (3, 32, 32)),
    "MLP": Network(mlp, (1, 28, 28)),
    "94 % network": Network(network94, (3, 32, 32), batch=512),
}
USED = {
    f"EfficientNet-Lite0, batch {batch}": Network(efficientnet_lite0, (3, 224, 224), batch, 1000)
    for batch in (1, 8)
}
