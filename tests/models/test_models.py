"""Known architectures: their published sizes, and that they fit any folder of images."""

from typing import Any

import pytest

import glassnet as gn
from glassnet import models, nn
from glassnet.errors import GlassnetError


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("digits", (25 * 8 + 8) + (25 * 8 * 16 + 16) + 7850),
        ("convnetjs", (75 * 16 + 16) + (400 * 20 + 20) + (500 * 20 + 20) + 3210),
        ("lenet5", 156 + 2416 + 48120 + 10164 + 850),  # 2416: all 6 maps seen, paper's table: 1516
        ("mlp", 785 * 256 + 257 * 256 + 2570),
        ("digits-bn", 25 * 32 + 9 * 32 * 64 + 9 * 64 * 128 + 2 * 224 + 11530),
    ],
)
def test_size(name: str, parameters: int) -> None:
    assert models.build(name).num_parameters() == parameters


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize(
    "shape", [None, (3, 64, 48), (1, 13, 29)], ids=["its own", "a folder", "odd"]
)
def test_it_answers_and_can_be_built_again(name: str, shape: Any) -> None:
    channels, *size = shape or models.describe(name).input
    gn.manual_seed(0)
    net = models.build(name, in_channels=channels, classes=7, size=tuple(size))
    assert net(gn.zeros(2, channels, *size)).shape == (2, 7)
    again = nn.build(nn.architecture(net))
    assert again.state_dict().keys() == net.state_dict().keys()


@pytest.mark.parametrize("name", models.names())
def test_it_is_described(name: str) -> None:
    known = models.describe(name)
    assert known.name == name
    assert known.summary.endswith(".")
    assert known.source
    assert {"in_channels", "classes", "size"} <= set(known.options)
    classes = known.options["classes"]
    assert models.build(name)(gn.zeros(1, *known.input)).shape == (1, classes)


def test_a_seed_decides_the_weights() -> None:
    def made(seed: int) -> bytes:
        gn.manual_seed(seed)
        return models.build("digits").state_dict()["0.weight"].tobytes()

    assert made(1) == made(1) != made(2)


def test_mlp_options() -> None:
    net = models.build("mlp", in_channels=5, classes=2, size=None, hidden=(8,), dropout=0.5)
    assert [type(layer).__name__ for layer in net] == [
        "Flatten", "Linear", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert models.build("mlp", hidden=()).num_parameters() == 7850


def test_mistakes() -> None:
    with pytest.raises(GlassnetError, match=r"no model 'digit'.*mean 'digits'"):
        models.build("digit")
    with pytest.raises(GlassnetError, match=r"there are convnetjs, digits, [^;]*$"):
        models.describe("resnet999")
    with pytest.raises(GlassnetError, match=r"'digits' has no option depth; it has in_channels"):
        models.build("digits", depth=3)
    for name, least in (("digits", 4), ("convnetjs", 8), ("lenet5", 12), ("digits-bn", 8)):
        with pytest.raises(GlassnetError, match=f"at least {least} x {least} .* got {least - 1}"):
            models.build(name, size=(least - 1, 40))
        models.build(name, size=least)
