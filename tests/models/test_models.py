"""Known architectures: their published sizes and names, and that they fit any folder of images."""

from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import models, nn
from glassnet.errors import GlassnetError
from glassnet.models.resnet import Subsample

# Published by torchvision and timm, in the papers, or counted by hand from their tables.
PARAMETERS = {
    "alexnet": 61_100_840,
    "convnetjs": (75 * 16 + 16) + (400 * 20 + 20) + (500 * 20 + 20) + 3210,
    "digits": (25 * 8 + 8) + (25 * 8 * 16 + 16) + 7850,
    "digits-bn": 25 * 32 + 9 * 32 * 64 + 9 * 64 * 128 + 2 * 224 + 11530,
    "efficientnet_lite0": 4_652_008,
    "efficientnet_lite1": 5_416_680,
    "efficientnet_lite2": 6_092_072,
    "lenet5": 156 + 2416 + 48120 + 10164 + 850,  # 2416: all 6 maps seen, paper's table: 1516
    "mlp": 785 * 256 + 257 * 256 + 2570,
    "mobilenet_v2": 3_504_872,
    "resnet18": 11_689_512,
    "resnet20": 269_722,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet56": 853_018,
    "vgg11": 132_863_336,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vit_tiny": 5_717_416,
}
# torchvision's and the papers' figures, in units of 10^9.
BILLIONS = {
    "alexnet": 0.714, "efficientnet_lite0": 0.385, "mobilenet_v2": 0.301, "resnet18": 1.814,
    "resnet34": 3.664, "resnet50": 4.089, "vgg11": 7.609, "vgg16": 15.470, "vgg19": 19.632,
    "vit_tiny": 1.254,
}  # fmt: skip
LARGE = (  # slow to draw
    "alexnet", "efficientnet_lite1", "efficientnet_lite2", "resnet18", "resnet34", "resnet50",
    "vgg11", "vgg16", "vgg16_bn", "vgg19",
)  # fmt: skip
SMALL = [name for name in models.names() if name not in LARGE]


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights stay what memory held: drawing 140 million of them takes seconds."""
    for draw in ("default_", "normal_"):
        monkeypatch.setattr(nn.init, draw, lambda tensor, *args, **options: tensor)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # such weights overflow
@pytest.mark.parametrize("name", models.names())
def test_size_and_work(name: str) -> None:
    known = models.describe(name)
    net = models.build(name)
    found = nn.summary(net, known.input)
    assert net.num_parameters() == PARAMETERS[name] == known.parameters
    assert found.multiply_adds == known.multiply_adds
    assert found.rows[-1].output == (1, known.options["classes"])
    if name in BILLIONS:
        assert known.multiply_adds / 1e9 == pytest.approx(BILLIONS[name], abs=5e-4)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    "shape", [None, (3, 64, 48), (1, 17, 29)], ids=["its own", "a folder", "odd"]
)
def test_it_answers_and_can_be_built_again(name: str, shape: Any) -> None:
    channels, *size = shape or models.describe(name).input
    gn.manual_seed(0)
    net = models.build(name, in_channels=channels, classes=7, size=tuple(size))
    with gn.no_grad():
        answers = net.eval()(gn.randn(2, channels, *size)).numpy()
    assert answers.shape == (2, 7) and np.isfinite(answers).all()
    again = nn.build(nn.architecture(net))
    assert again.state_dict().keys() == net.state_dict().keys()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", LARGE)
def test_large_ones_answer_too(name: str) -> None:
    net = models.build(name, in_channels=1, classes=7, size=(64, 70))
    assert net(gn.zeros(1, 1, 64, 70)).shape == (1, 7)


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "efficientnet_lite0", "vit_tiny"])
def test_it_learns(name: str) -> None:
    """Steps along the gradient of every parameter lower the loss."""
    gn.manual_seed(0)
    options = {"size": 32} | ({"patch": 8, "depth": 2} if name == "vit_tiny" else {})
    net = models.build(name, classes=3, **options)
    x, labels = gn.randn(6, 3, 32, 32), gn.tensor(np.arange(6) % 3)
    optimizer = gn.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        loss = nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", models.names())
def test_it_is_described(name: str) -> None:
    known = models.describe(name)
    assert known.name == name
    assert known.summary.endswith(".")
    assert known.source
    assert {"in_channels", "classes", "size"} <= set(known.options)
    assert ("pretrained" in known.options) == (known.weights is not None)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", "features.0.weight features.10.bias classifier.1.weight classifier.6.bias"),
        ("vgg16", "features.0.weight features.28.bias classifier.0.weight classifier.6.bias"),
        ("vgg16_bn", "features.1.running_mean features.41.num_batches_tracked classifier.3.bias"),
        ("resnet18", "conv1.weight bn1.running_var layer1.0.conv2.weight layer2.0.downsample.0."
         "weight layer2.0.downsample.1.bias layer4.1.bn2.weight fc.bias"),
        ("resnet50", "layer1.0.downsample.0.weight layer3.5.conv3.weight layer4.2.bn3.bias"),
        ("mobilenet_v2", "features.0.0.weight features.0.1.bias features.1.conv.0.0.weight "
         "features.1.conv.1.weight features.2.conv.1.1.running_mean features.2.conv.3.bias "
         "features.18.1.weight classifier.1.weight"),
        ("vit_tiny", "cls_token pos_embed patch_embed.proj.weight blocks.0.attn.qkv.bias "
         "blocks.11.attn.proj.weight blocks.3.mlp.fc1.weight blocks.3.norm2.bias norm.weight "
         "head.bias"),
        ("resnet56", "conv1.weight layer3.8.conv2.weight fc.weight"),
    ],
)  # fmt: skip
def test_names_are_the_publishers(name: str, layers: str) -> None:
    assert set(layers.split()) <= set(dict(models.build(name).named_state()))


def test_shortcut_without_parameters() -> None:
    x = gn.randn(2, 4, 5, 6)
    y = Subsample()(x)
    assert y.shape == (2, 8, 3, 3)
    assert (y[:, 2:6] == x[:, :, ::2, ::2]).all() and not y[:, :2].any() and not y[:, 6:].any()


def test_a_seed_decides_the_weights() -> None:
    def made(seed: int) -> bytes:
        gn.manual_seed(seed)
        return models.build("digits").state_dict()["0.weight"].tobytes()

    assert made(1) == made(1) != made(2)


def test_first_weights_are_hes() -> None:
    net = models.build("resnet20")
    assert net.layer3[1].conv1.weight.data.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.03)
    depthwise = models.build("mobilenet_v2", width=0.5).features[9].conv[1][0].weight.data
    assert depthwise.std() == pytest.approx((2 / 9) ** 0.5, rel=0.1)


def test_mlp_options() -> None:
    net = models.build("mlp", in_channels=5, classes=2, size=None, hidden=(8,), dropout=0.5)
    assert [type(layer).__name__ for layer in net] == [
        "Flatten", "Linear", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert models.build("mlp", hidden=()).num_parameters() == 7850


def test_widths() -> None:
    assert models.build("mobilenet_v2", width=0.5).num_parameters() == 1_968_680  # torchvision's
    assert models.build("vit_tiny", depth=2, width=64).num_parameters() < 400_000


def test_mistakes() -> None:
    with pytest.raises(GlassnetError, match=r"no model 'digit'.*mean 'digits'"):
        models.build("digit")
    with pytest.raises(GlassnetError, match=r"there are alexnet, convnetjs, digits, [^;]*$"):
        models.describe("inception")
    with pytest.raises(GlassnetError, match=r"'digits' has no option depth; it has in_channels"):
        models.build("digits", depth=3)
    for name, least in (("digits", 4), ("convnetjs", 8), ("lenet5", 12), ("digits-bn", 8)):
        with pytest.raises(GlassnetError, match=f"at least {least} x {least} .* got {least - 1}"):
            models.build(name, size=(least - 1, 40))
        models.build(name, size=least)
    for name, least in (("alexnet", 63), ("vgg11", 32), ("vit_tiny", 16)):
        with pytest.raises(GlassnetError, match=f"at least {least} x {least} .* got {least - 1}"):
            models.build(name, size=(least - 1, 400))
