"""Networks of every layer, with the same weights in both: a step's values, gradients and weights.

Each network is written once, for the namespace `n` that is `glassnet.nn` or `torch.nn`.
"""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")

from glassnet import nn  # noqa: E402
from tests.parity.both import same, same_network  # noqa: E402

words = np.random.default_rng(0).integers(9, size=(4, 6))
labels = np.random.default_rng(1).integers(4, size=5)

NETWORKS: dict[str, tuple[Any, ...]] = {
    "multilayer": (
        lambda n: n.Sequential(n.Linear(6, 8), n.Tanh(), n.Linear(8, 4, bias=False), n.Softmax(-1)),
        (5, 6),
    ),
    "activations": (
        lambda n: n.Sequential(
            n.Linear(6, 9), n.ELU(0.7), n.GELU(), n.Linear(9, 9), n.LeakyReLU(0.2), n.SiLU(),
            n.Linear(9, 9), n.ReLU6(), n.Sigmoid(), n.Linear(9, 4), n.Softplus(), n.LogSoftmax(1),
        ),
        (5, 6),
    ),
    "convolutions": (
        lambda n: n.Sequential(
            n.Conv2d(3, 8, 5, padding=2), n.ReLU(), n.MaxPool2d(2),
            n.Conv2d(8, 8, 3, stride=2, padding=1, groups=4), n.ReLU(),
            n.Conv2d(8, 6, 3, padding="same", dilation=2, bias=False), n.ReLU(),
            n.ConvTranspose2d(6, 4, 3, stride=2, output_padding=1, groups=2), n.Tanh(),
            n.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), n.Flatten(), n.Linear(144, 4),
        ),
        (2, 3, 16, 16),
    ),
    "depthwise": (
        lambda n: n.Sequential(
            n.Conv2d(6, 12, 3, padding=1, groups=6), n.BatchNorm2d(12), n.ReLU(),
            n.Conv2d(12, 5, 1), n.AdaptiveAvgPool2d(1), n.Flatten(),
        ),
        (3, 6, 7, 5),
    ),
    "one-dimensional": (
        lambda n: n.Sequential(
            n.Conv1d(3, 6, 3, stride=2, padding=2, dilation=2), n.BatchNorm1d(6), n.ReLU(),
            n.MaxPool1d(2), n.ConvTranspose1d(6, 4, 3, stride=2, padding=1), n.AvgPool1d(2),
            n.Flatten(), n.Unflatten(1, (4, 6)), n.Flatten(),
        ),
        (3, 3, 29),
    ),
    "norms": (
        lambda n: n.Sequential(
            n.Conv2d(3, 6, 3), n.BatchNorm2d(6, eps=1e-3, momentum=0.3), n.ReLU(),
            n.Conv2d(6, 6, 3), n.GroupNorm(3, 6), n.ReLU(),
            n.LocalResponseNorm(3, alpha=0.1, k=2.0), n.LayerNorm((6, 4, 4)),
            n.AdaptiveMaxPool2d(2), n.Flatten(), n.LayerNorm(24), n.Linear(24, 5),
            n.BatchNorm1d(5, affine=False),
        ),
        (4, 3, 8, 8),
    ),
    "cumulative batch norm": (
        lambda n: n.Sequential(n.Linear(3, 4), n.BatchNorm1d(4, momentum=None), n.Tanh()),
        (6, 3),
    ),
    "untracked batch norm": (
        lambda n: n.Sequential(n.Linear(3, 4), n.BatchNorm1d(4, track_running_stats=False)),
        (6, 3),
    ),
    "embedding": (
        lambda n: n.Sequential(
            n.Embedding(9, 5, padding_idx=2), n.Flatten(), n.Linear(30, 4), n.Dropout(0.0)
        ),
        words,
    ),
}  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_feed_forward(name: str, training: bool) -> None:
    make, *inputs = NETWORKS[name]
    same_network(make, *inputs, training=training)


def test_dropout_in_evaluation_is_nothing() -> None:
    def make(n: Any) -> Any:
        return n.Sequential(n.Conv2d(2, 4, 3), n.Dropout2d(0.5), n.Flatten(), n.Dropout(0.9))

    same_network(make, (3, 2, 6, 6), training=False)


# -- recurrent -------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [
    {},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent(kind: str, options: dict[str, Any]) -> None:
    def make(n: Any) -> Any:
        return getattr(n, kind)(3, 5, **options)

    directions = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    batch = 7 if options.get("batch_first") else 4
    start = (directions, 11 - batch, 5) if options.get("batch_first") else (directions, 4, 5)
    x = (start[1], 7, 3) if options.get("batch_first") else (7, 4, 3)
    same_network(make, x)
    if kind == "LSTM":
        same_network(make, x, start, start, call=lambda net, x, h, c: net(x, (h, c)))
    else:
        same_network(make, x, start)


def test_elman_with_relu() -> None:
    same_network(lambda n: n.RNN(3, 5, 2, "relu"), (7, 4, 3))


def test_cells() -> None:
    same_network(lambda n: n.RNNCell(3, 5, nonlinearity="relu"), (4, 3), (4, 5))
    same_network(lambda n: n.GRUCell(3, 5, bias=False), (4, 3), (4, 5))
    same_network(lambda n: n.GRUCell(3, 5), (4, 3))
    same_network(
        lambda n: n.LSTMCell(3, 5), (4, 3), (4, 5), (4, 5), call=lambda f, x, h, c: f(x, (h, c))
    )


# -- attention -------------------------------------------------------------------------------------
hidden = np.arange(6) >= np.array([[4], [6], [3]])  # (N, S): the padding of three sequences
later = ~np.tri(5, 6, dtype=bool)  # (L, S)


@pytest.mark.parametrize("batch_first", [False, True])
def test_attention(batch_first: bool) -> None:
    def make(n: Any) -> Any:
        return n.MultiheadAttention(8, 2, batch_first=batch_first)

    q, k = ((3, 5, 8), (3, 6, 8)) if batch_first else ((5, 3, 8), (6, 3, 8))
    same_network(make, q, k, k)
    same_network(make, q, call=lambda net, x: net(x, x, x))
    same_network(make, q, call=lambda net, x: net(x, x, x, need_weights=False))
    same_network(
        make,
        *(q, k, k, hidden),
        call=lambda net, q, k, v, mask: net(q, k, v, key_padding_mask=mask),
    )
    same_network(
        make,
        *(q, k, k, hidden, later),
        call=lambda net, q, k, v, padding, mask: net(
            q, k, v, padding, attn_mask=mask, average_attn_weights=False
        ),
    )


@pytest.mark.filterwarnings("ignore")  # theirs, of its fast path
@pytest.mark.parametrize("options", [
    {"batch_first": True},
    {"norm_first": True, "activation": "gelu"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_transformer_layer(options: dict[str, Any], training: bool) -> None:
    same_network(
        lambda n: n.TransformerEncoderLayer(8, 2, 16, dropout=0.0, **options),
        (3, 3, 8),
        call=lambda net, x: net(x),
        training=training,
    )


# -- losses ----------------------------------------------------------------------------------------
targets = np.random.default_rng(2).dirichlet(np.ones(4), 5)
LOSSES: dict[str, tuple[Any, ...]] = {
    "cross-entropy": (lambda n: n.CrossEntropyLoss(label_smoothing=0.1), (5, 4), labels),
    "probabilities": (lambda n: n.CrossEntropyLoss(), (5, 4), targets),
    "hinge": (lambda n: n.MultiMarginLoss(p=2), (5, 4), labels),
    "binary": (lambda n: n.BCEWithLogitsLoss(reduction="sum"), (5, 4), targets),
    "squared": (lambda n: n.MSELoss(), (5, 4), (5, 4)),
    "absolute": (lambda n: n.L1Loss(), (5, 4), (5, 4)),
    "huber": (lambda n: n.HuberLoss(delta=0.5), (5, 4), (5, 4)),
    "smooth": (lambda n: n.SmoothL1Loss(beta=0.5), (5, 4), (5, 4)),
    "divergence": (lambda n: n.KLDivLoss(reduction="batchmean"), (5, 4), targets),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    make, *inputs = LOSSES[name]
    same(make(nn), make(torch.nn), *inputs)
