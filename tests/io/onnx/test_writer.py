"""Every operation that can be written, against ONNX Runtime; files that are whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import models, nn, ops
from glassnet.data import Preprocessing
from glassnet.errors import GlassnetError
from glassnet.io.onnx import run_onnx, save_onnx, to_onnx
from glassnet.io.onnx.rules import RULES
from glassnet.nn.trace import trace

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime to compare with")


class Apply(nn.Module):
    """y = function(x, w), w a parameter (3, 5) of normal numbers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.w = nn.Parameter(np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32))

    def forward(self, x: gn.Tensor) -> gn.Tensor:
        return self.function(x, self.w)


ARRAY = np.random.default_rng(1).standard_normal((6, 5)).astype(np.float32)
SEQUENCE, IMAGE, ROWS = (4, 11), (4, 9, 10), (3, 5)
# What is computed of x (N, *shape), by a name; the rules that it needs are checked below.
CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "arithmetic": (lambda x, w: (x + w) * (x - 2) / (w * w + 1) - -x, ROWS),
    "power": (lambda x, w: (x * x + 1) ** 1.5, ROWS),
    "roots": (lambda x, w: ops.sqrt(abs(x)) + ops.exp(x) + ops.log(abs(x) + 1), ROWS),
    "waves": (lambda x, w: ops.sin(x) + ops.cos(x) + ops.erf(x) + ops.tanh(x), ROWS),
    "log1p": (lambda x, w: ops.log1p(abs(x)), ROWS),
    "limits": (lambda x, w: ops.maximum(x, w) + ops.minimum(x, w) + ops.clip(x, -0.5), ROWS),
    "clip": (lambda x, w: ops.clip(x, -0.5, 0.25) + ops.clip(x, max=0.1), ROWS),
    "where": (lambda x, w: ops.where(np.eye(3, 5, dtype=bool), x, w), ROWS),
    "relus": (lambda x, w: ops.relu(x) + ops.relu6(4 * x) + ops.leaky_relu(x, 0.3), ROWS),
    "smooth": (lambda x, w: ops.elu(x, 0.7) + ops.silu(x) + ops.sigmoid(x), ROWS),
    "softplus": (lambda x, w: ops.softplus(x) + ops.softplus(x, 2.0), ROWS),
    "gelu": (lambda x, w: ops.gelu(x) - 2 * ops.gelu(x, "tanh"), ROWS),
    "softmax": (lambda x, w: ops.softmax(x, 1) + ops.log_softmax(x), ROWS),
    "maxout": (lambda x, w: ops.maxout(x, 2, 2), (3, 8)),
    "matmul": (lambda x, w: x @ w, (4, 3)),
    "einsum": (lambda x, w: ops.einsum("nij,ik->njk", x, w), (3, 4)),
    "linear": (lambda x, w: ops.linear(x, w), (2, 5)),
    "linear rows": (lambda x, w: ops.linear(x, w), (5,)),
    "attention": (
        lambda x, w: ops.scaled_dot_product_attention(x, x + 1, x * 2)
        + ops.scaled_dot_product_attention(x, x, x, np.triu(np.full((3, 3), -9.0)), scale=0.2),
        ROWS,
    ),
    "embedding": (lambda x, w: x + ops.embedding(np.array([1, 0, 1]), gn.Tensor(ARRAY)), ROWS),
    "sums": (lambda x, w: x.sum(dim=1) + x.mean(dim=(1,)) + x.amax(dim=1) - x.amin(dim=1), ROWS),
    "kept": (lambda x, w: x - x.mean(dim=-1, keepdim=True) - x.logsumexp(2, keepdim=True), ROWS),
    "spread": (lambda x, w: x.var(dim=1) + x.std(dim=1, correction=0), ROWS),
    "best": (lambda x, w: x.max(dim=1)[0] + x.min(dim=1)[0], ROWS),
    "where best": (lambda x, w: ops.to(x.max(dim=1)[1], np.float32), ROWS),
    "reshape": (lambda x, w: (x.reshape(-1, 5) @ w.reshape(5, 3)).reshape(len(x), 9), ROWS),
    "flatten": (lambda x, w: ops.flatten(x, 1) + 1, ROWS),
    "permute": (lambda x, w: ops.permute(x, 0, 2, -2), ROWS),
    "expand": (lambda x, w: x + ops.expand(ops.unsqueeze(w, 0), len(x), -1, -1), ROWS),
    "concatenate": (lambda x, w: ops.concatenate([x, ops.relu(x), x * 2], 2), ROWS),
    "stack": (lambda x, w: ops.stack([x, x + 1], -1), ROWS),
    "split": (lambda x, w: ops.mul(*ops.chunk(x, 2, 2)) + ops.split(x, [2, 4, 2], -1)[1], (3, 8)),
    "flip": (lambda x, w: ops.flip(x, (1, -1)), ROWS),
    "pad": (lambda x, w: ops.pad(x, (1, 2), value=0.5), ROWS),
    "mirror": (lambda x, w: ops.pad(x, ((1, 1), (2, 0)), "reflect"), ROWS),
    "repeat the edge": (lambda x, w: ops.pad(x, (1, 2), "replicate"), ROWS),
    "index": (lambda x, w: x[:, 0] + x[:, -1] + x[..., 1, :], ROWS),
    "slices": (lambda x, w: x[:, 1:, ::2] + x[:, :-1, -5:6:2], ROWS),
    "backwards": (lambda x, w: x[:, ::1][:, None, 2, :, None], ROWS),
    "clone": (lambda x, w: x.clone(), ROWS),
}  # fmt: skip
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), groups=2), IMAGE),
    "conv same": (lambda: nn.Conv2d(4, 6, 4, padding="same", dilation=2, bias=False), IMAGE),
    "conv sides": (lambda: nn.Conv2d(4, 6, 3, 2, padding=((0, 1), (2, 3))), IMAGE),
    "conv of sequences": (lambda: nn.Conv1d(4, 6, 3, 2, 1, 2), SEQUENCE),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), IMAGE),
    "transposed sequence": (lambda: nn.ConvTranspose1d(4, 6, 4, 3, 1, 1), SEQUENCE),
    "max pool": (lambda: nn.MaxPool2d(3, 2, 1), IMAGE),
    "max pool, ceil": (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), IMAGE),
    "max pool, dilated": (lambda: nn.MaxPool2d(2, 1, dilation=(2, 3)), IMAGE),
    "max pool of sequences": (lambda: nn.MaxPool1d(3, 2, 1), SEQUENCE),
    "mean pool": (lambda: nn.AvgPool2d(3, 2, 1), IMAGE),
    "mean pool, without": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    "mean pool, ceil": (lambda: nn.AvgPool2d(4, 3, ceil_mode=True), IMAGE),
    "mean pool of sequences": (lambda: nn.AvgPool1d(3, 2), SEQUENCE),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d((4, 3)), IMAGE),
    "adaptive to one": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
    "adaptive max": (lambda: nn.AdaptiveMaxPool2d((3, 5)), IMAGE),
    "global": (lambda: nn.GlobalAvgPool2d(), IMAGE),
    "batch norm": (lambda: nn.BatchNorm2d(4, eps=1e-2), IMAGE),
    "plain batch norm": (lambda: nn.BatchNorm1d(4, affine=False), SEQUENCE),
    "layer norm": (lambda: nn.LayerNorm((9, 10)), IMAGE),
    "plain layer norm": (lambda: nn.LayerNorm(10, elementwise_affine=False), IMAGE),
    "group norm": (lambda: nn.GroupNorm(2, 4), IMAGE),
    "response norm": (lambda: nn.LocalResponseNorm(3, 0.2, 0.6, 2.0), IMAGE),
    "dropout": (lambda: nn.Dropout(0.5), SEQUENCE),
    "encoder": (lambda: nn.TransformerEncoderLayer(10, 2, 16, batch_first=True), (4, 10)),
}


def scattered(net: nn.Module) -> nn.Module:
    """The network with no parameter left at 0 or 1, which would hide a mistake."""
    rng = np.random.default_rng(3)
    for _, tensor in net.named_state():
        if tensor.dtype.kind == "f" and tensor.ndim == 1:
            tensor.data[...] += rng.uniform(0.1, 0.5, tensor.shape)
    return net


@pytest.mark.parametrize("name", CASES)
def test_operations(name: str, tmp_path: Path) -> None:
    function, shape = CASES[name]
    difference = save_onnx(Apply(function), tmp_path / "net.onnx", shape)
    assert difference is not None and difference < 1e-4


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, tmp_path: Path) -> None:
    make, shape = LAYERS[name]
    difference = save_onnx(scattered(make()), tmp_path / "net.onnx", shape)
    assert difference is not None and difference < 1e-4


def test_every_rule_is_tried() -> None:
    tried = set()
    for function, shape in CASES.values():
        tried |= operations(Apply(function), shape)
    for make, shape in LAYERS.values():
        tried |= operations(make(), shape)
    assert set(RULES) - tried == {"adaptive_avg_pool1d"}
    x = gn.randn(2, 3, 7)
    net = Apply(lambda x, w: ops.adaptive_avg_pool1d(x, 3))
    assert to_onnx(net, (3, 7)).graph.node[-2].op_type == "MatMul"
    assert run_onnx(to_onnx(net, (3, 7)).SerializeToString(), x.numpy()).shape == (2, 3, 3)


def operations(net: nn.Module, shape: tuple[int, ...]) -> set[str]:
    images = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    return {step.operation for step in trace(net, images).steps}


@pytest.mark.parametrize("name", ["digits-bn", "lenet5", "mlp", "resnet20", "vit_tiny"])
def test_networks_for_any_number_of_images(name: str, tmp_path: Path) -> None:
    gn.manual_seed(0)
    small = {"vit_tiny": {"size": 32, "depth": 2}}.get(name, {})
    net = scattered(models.build(name, **small)).eval()
    channels, *size = models.describe(name).input
    size = [small["size"]] * 2 if small else size
    path = tmp_path / "net.onnx"
    assert save_onnx(net, path, (channels, *size)) < 1e-4
    read = onnx.load(path)
    onnx.checker.check_model(read, full_check=True)
    names = {array.name for array in read.graph.initializer}
    assert {n for n, p in net.named_parameters()} <= names
    assert read.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    for count in (1, 2, 5):
        images = np.random.default_rng(count).standard_normal((count, channels, *size))
        images = images.astype(np.float32)
        with gn.no_grad():
            expected = net(gn.Tensor(images)).numpy()
        np.testing.assert_allclose(run_onnx(path, images), expected, atol=1e-4)


def test_pixels_as_they_are_and_what_belongs_to_them(tmp_path: Path) -> None:
    shown = Preprocessing((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)).train()
    path = tmp_path / "net.onnx"
    save_onnx(net, path, (3, 8, 8), shown, ["ant", "bee"], raw_pixels=True)
    notes = {p.key: json.loads(p.value) for p in onnx.load(path).metadata_props}
    assert notes["classes"] == ["ant", "bee"]
    assert Preprocessing.from_dict(notes["preprocessing"]) == shown
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), np.uint8)
    expected = net(gn.Tensor(shown(images))).detach().numpy()
    np.testing.assert_allclose(run_onnx(path, images), expected, atol=1e-5)
    assert net.training
    with pytest.raises(GlassnetError, match="needs the preprocessing"):
        to_onnx(net, (3, 8, 8), raw_pixels=True)


def test_double_precision_is_written_single(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 3)).double()
    model = to_onnx(net, (5,))
    assert {a.data_type for a in model.graph.initializer} == {onnx.TensorProto.FLOAT}


def test_what_cannot_be_said_names_the_layer(tmp_path: Path) -> None:
    net = nn.Sequential(
        nn.Linear(5, 3), Apply(lambda x, w: ops.gather(x, 1, np.zeros((len(x), 1), int)))
    )
    with pytest.raises(GlassnetError, match=r"'gather' in layer '1' cannot be written as ONNX"):
        to_onnx(net, (5,))
    for layer, why in (
        (nn.LocalResponseNorm(4), "even"),
        (nn.AdaptiveMaxPool2d(4), "differ"),
        (nn.AvgPool2d(3, 2, 1, ceil_mode=True), "ceil_mode"),
        (Apply(lambda x, w: x.var(dim=0)), "over the batch"),
        (Apply(lambda x, w: x[:, np.array([0, 1])]), "by an array"),
        (Apply(lambda x, w: ops.scaled_dot_product_attention(x, x, x, is_causal=True)), "causal"),
    ):
        with pytest.raises(GlassnetError, match=why):
            save_onnx(nn.Sequential(layer), tmp_path / "net.onnx", IMAGE)
    assert not list(tmp_path.iterdir())


def test_a_wrong_answer_is_not_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = lambda b, step: b.node("Sigmoid", step.arguments["x"])  # noqa: E731
    monkeypatch.setitem(RULES, "relu", wrong)
    with pytest.raises(GlassnetError, match="differ from the network's by"):
        save_onnx(nn.Sequential(nn.Linear(5, 3), nn.ReLU()), tmp_path / "net.onnx", (5,))
    assert not list(tmp_path.iterdir())
