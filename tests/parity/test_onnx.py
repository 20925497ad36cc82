"""Networks that PyTorch wrote as ONNX: the same answers here, under PyTorch's own names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")

import glassnet as gn  # noqa: E402
from glassnet import nn  # noqa: E402
from glassnet.io.onnx import load_onnx  # noqa: E402
from tests.parity.both import twin_networks  # noqa: E402

t = torch.nn


class Block(t.Module):
    """A residual block with squeeze-and-excitation, as mobile networks have it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = t.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn1 = t.BatchNorm2d(channels)
        self.act = t.Hardswish()
        self.squeeze = t.Sequential(
            t.AdaptiveAvgPool2d(1), t.Conv2d(channels, 4, 1), t.ReLU(),
            t.Conv2d(4, channels, 1), t.Hardsigmoid(),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        y = self.act(self.bn1(self.conv1(x)))
        return x + y * self.squeeze(y)


class Attention(t.Module):
    """Tokens of an image through a transformer block, as timm writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = t.Conv2d(3, 16, 4, stride=4)
        self.token = t.Parameter(torch.randn(1, 1, 16))
        self.norm = t.LayerNorm(16, eps=1e-6)
        self.qkv = t.Linear(16, 48)
        self.mlp = t.Sequential(t.Linear(16, 32), t.GELU(), t.Linear(32, 5))

    def forward(self, x: Any) -> Any:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        n, tokens, _ = x.shape
        q, k, v = (
            self.qkv(self.norm(x)).reshape(n, tokens, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        )
        y = ((q * 8**-0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.mlp(x + y.transpose(1, 2).reshape(n, tokens, 16))[:, 0]


NETWORKS: dict[str, Any] = {
    "mobile": lambda: t.Sequential(
        t.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), t.BatchNorm2d(8), t.ReLU6(), Block(8),
        t.Flatten(), t.Dropout(0.2), t.Linear(8 * 64, 5),
    ),
    "attention": Attention,
    "classic": lambda: t.Sequential(
        t.Conv2d(3, 6, 5, padding=2), t.LeakyReLU(0.2),
        t.MaxPool2d(3, 2), t.Conv2d(6, 8, 3, groups=2), t.ELU(), t.AvgPool2d(2, ceil_mode=True),
        t.AdaptiveAvgPool2d(1), t.Flatten(), t.Linear(8, 5), t.LogSoftmax(1),
    ),
    "normalised": lambda: t.Sequential(
        t.Conv2d(3, 6, 3), t.GroupNorm(2, 6), t.SiLU(), t.Conv2d(6, 4, 3), t.InstanceNorm2d(4),
        t.PReLU(4), t.Softplus(),
        t.Flatten(), t.Linear(4 * 144, 5),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # what PyTorch says of its exporter
@pytest.mark.parametrize("training", [False, True], ids=["folded", "as it trains"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_answers(name: str, training: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = NETWORKS[name]()
    for buffer in theirs.buffers():
        if buffer.ndim:
            buffer.uniform_(0.5, 1.5)
    path = tmp_path / "net.onnx"
    kind = torch.onnx.TrainingMode
    torch.onnx.export(
        theirs.eval(), (torch.zeros(2, 3, 16, 16),), path, dynamo=False, input_names=["x"],
        dynamic_axes={"x": {0: "N"}}, do_constant_folding=not training,
        training=kind.PRESERVE if training else kind.EVAL,
    )  # fmt: skip
    ours = load_onnx(path)
    x = np.random.default_rng(0).standard_normal((3, 3, 16, 16)).astype(np.float32)
    with gn.no_grad():
        mine = ours(gn.Tensor(x)).numpy()
    reference = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-5)
    if training:
        names = dict(theirs.named_parameters())
        assert {n: p.shape for n, p in ours.named_parameters()} == {
            n: tuple(p.shape) for n, p in names.items()
        }


def test_weights_of_both_formats_are_read_as_pytorch_wrote_them(tmp_path: Path) -> None:
    """torch.save, new and legacy, channels last, tied, half precision; then into a network."""
    ours, theirs = twin_networks(
        lambda n: n.Sequential(n.Conv2d(3, 8, 3), n.BatchNorm2d(8), n.Flatten(), n.Linear(32, 2)),
        np.float32,
    )
    state = theirs.to(memory_format=torch.channels_last).state_dict()
    state["tied"] = state["3.weight"]
    for new in (True, False):
        for number, kind in enumerate((torch.float32, torch.float16, torch.bfloat16)):
            kept = {k: v.to(kind) if v.is_floating_point() else v for k, v in state.items()}
            path = tmp_path / f"{new}{number}.pth"
            torch.save({"epoch": 3, "state_dict": kept}, path, _use_new_zipfile_serialization=new)
            read = gn.io.load_weights(path)
            assert list(read) == list(kept)
            for name, tensor in kept.items():
                np.testing.assert_array_equal(read[name], tensor.float().numpy())
            nn.build(nn.architecture(ours)).load_state_dict(
                {k: v for k, v in read.items() if k != "tied"}
            )
