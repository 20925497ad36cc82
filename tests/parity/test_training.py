"""Whole training runs beside PyTorch's: fifty steps of every rule, to 1e-9 in float64.

Also what a training loop relies on: gradients that accumulate, groups, shared parameters, frozen
ones, clipping, schedules and averages of weights.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")

from glassnet import nn, optim  # noqa: E402
from glassnet.tensor import Tensor  # noqa: E402
from tests.parity.both import close, same_gradients, same_weights, twin_networks  # noqa: E402

STEPS, TOLERANCE = 50, 1e-9


def convnet(n: Any) -> Any:
    """No bias before a batch norm: its gradient is zero but for rounding, which Adam enlarges."""
    return n.Sequential(
        n.Conv2d(1, 4, 3, padding=1, bias=False), n.BatchNorm2d(4), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(4, 6, 3, groups=2), n.ReLU(), n.Flatten(), n.LayerNorm(24), n.Linear(24, 4),
    )  # fmt: skip


def batches(steps: int = STEPS) -> Iterator[tuple[Any, Any]]:
    """(images, labels), the same at every call."""
    for step in range(steps):
        draw = np.random.default_rng(step)
        yield draw.normal(size=(8, 1, 8, 8)), draw.integers(4, size=8)


def losses(ours: nn.Module, theirs: Any, x: Any, labels: Any) -> tuple[Tensor, Any]:
    return (
        nn.functional.cross_entropy(ours(Tensor(x)), Tensor(labels)),
        torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels)),
    )


def train(ours: nn.Module, theirs: Any, mine: Any, other: Any, steps: int = STEPS) -> None:
    """Train both, comparing losses, weights and buffers after each step."""
    for x, labels in batches(steps):
        mine.zero_grad()
        other.zero_grad()
        for loss in losses(ours, theirs, x, labels):
            loss.backward()
        mine.step()
        other.step()
        same_weights(ours, theirs, TOLERANCE)


RULES: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    "Adagrad": {"lr": 0.05},
    "Adadelta": {"lr": 1.0},
    "RMSprop": {"lr": 0.003, "momentum": 0.9},
    "Adam": {"lr": 0.01},
    "AdamW": {"lr": 0.01, "weight_decay": 0.1},
}


@pytest.mark.parametrize("rule", RULES)
def test_fifty_steps(rule: str) -> None:
    ours, theirs = twin_networks(convnet, np.float64)
    mine = getattr(optim, rule)(ours.parameters(), **RULES[rule])
    train(ours, theirs, mine, getattr(torch.optim, rule)(theirs.parameters(), **RULES[rule]))


def test_fifty_steps_of_muon_beside_adamw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each for the parameters that it is for. Their rounding to bfloat16 is left out."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)

    def make(n: Any) -> Any:
        return n.Sequential(n.Flatten(), n.Linear(64, 16), n.Tanh(), n.Linear(16, 4))

    ours, theirs = twin_networks(make, np.float64)

    class Two:
        """Two optimisers, used as one."""

        def __init__(self, module: Any, net: Any) -> None:
            matrices = [p for p in net.parameters() if p.ndim == 2]
            vectors = [p for p in net.parameters() if p.ndim < 2]
            self.parts = [module.Muon(matrices, lr=0.02), module.AdamW(vectors, lr=0.01)]

        def zero_grad(self) -> None:
            for part in self.parts:
                part.zero_grad()

        def step(self) -> None:
            for part in self.parts:
                part.step()

    train(ours, theirs, Two(optim, ours), Two(torch.optim, theirs))


def test_fifty_steps_of_a_recurrent_network() -> None:
    def make(n: Any) -> Any:
        return n.LSTM(8, 4, 2, batch_first=True)

    ours, theirs = twin_networks(make, np.float64)
    train(
        Last(ours),
        TheirLast(theirs),
        optim.Adam(ours.parameters(), lr=0.01),
        torch.optim.Adam(theirs.parameters(), lr=0.01),
    )


class Last(nn.Module):
    """The rows of an image as a sequence; the output of its last step."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x[:, 0])[0][:, -1]


class TheirLast(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Any) -> Any:
        return self.net(x[:, 0])[0][:, -1]


def test_one_cycle_clipping_and_averages_together() -> None:
    ours, theirs = twin_networks(convnet, np.float64)
    mine = optim.AdamW(ours.parameters(), lr=0.01)
    other = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    schedule = optim.OneCycleLR(mine, 0.02, total_steps=STEPS)
    their_schedule = torch.optim.lr_scheduler.OneCycleLR(other, 0.02, total_steps=STEPS)
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    their_ema = torch.optim.swa_utils.AveragedModel(theirs, multi_avg_fn=average)
    their_ema.update_parameters(theirs)  # the first one copies
    ema = optim.EMA(ours, 0.9)
    for x, labels in batches():
        mine.zero_grad()
        other.zero_grad()
        for loss in losses(ours, theirs, x, labels):
            loss.backward()
        norm = optim.clip_grad_norm_(ours.parameters(), 0.5)
        their_norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        close(np.array(norm), their_norm.numpy(), TOLERANCE, "norm")
        mine.step()
        other.step()
        schedule.step()
        their_schedule.step()
        ema.update()
        their_ema.update_parameters(theirs)
        same_weights(ours, theirs, TOLERANCE)
        with ema.applied():
            same_weights(ours, their_ema.module, TOLERANCE)
        same_weights(ours, theirs, TOLERANCE)


def test_gradients_accumulate_over_several_backward_passes() -> None:
    ours, theirs = twin_networks(convnet, np.float64)
    mine = optim.SGD(ours.parameters(), lr=0.1)
    other = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for x, labels in batches(6):
        for loss in losses(ours, theirs, x, labels):
            (loss / 3).backward()
    same_gradients(ours, theirs, TOLERANCE)
    mine.step()
    other.step()
    same_weights(ours, theirs, TOLERANCE)
    mine.zero_grad(set_to_none=False)
    assert all(not p.grad.data.any() for p in ours.parameters() if p.grad is not None)


def test_mixed_groups() -> None:
    ours, theirs = twin_networks(convnet, np.float64)

    def groups(net: Any) -> list[dict[str, Any]]:
        params = list(net.parameters())
        matrices = [p for p in params if p.ndim > 1]
        others = [p for p in params if p.ndim <= 1]
        return [
            {"params": matrices, "weight_decay": 0.1},
            {"params": others[:2], "lr": 0.001},
            {"params": others[2:], "betas": (0.8, 0.9), "amsgrad": True},
        ]

    mine = optim.AdamW(groups(ours), lr=0.01, weight_decay=0.0)
    train(ours, theirs, mine, torch.optim.AdamW(groups(theirs), lr=0.01, weight_decay=0.0))


def test_shared_parameters() -> None:
    """One layer used twice, and one weight in two layers."""

    def make(n: Any) -> Any:
        twice = n.Linear(16, 16)
        encode, decode = n.Linear(64, 16), n.Linear(16, 16)
        decode.weight = twice.weight
        return n.Sequential(
            n.Flatten(), encode, n.Tanh(), twice, n.Tanh(), twice, decode, n.Linear(16, 4)
        )

    ours, theirs = twin_networks(make, np.float64)
    assert len(list(ours.parameters())) == len(list(theirs.parameters())) == 7
    mine = optim.Adam(ours.parameters(), lr=0.01)
    train(ours, theirs, mine, torch.optim.Adam(theirs.parameters(), lr=0.01), steps=20)


def test_frozen_layers() -> None:
    """freeze() is requires_grad = False and eval() of the frozen layers' statistics."""
    ours, theirs = twin_networks(convnet, np.float64)
    ours[0].freeze()
    ours[1].freeze()
    for p in [*theirs[0].parameters(), *theirs[1].parameters()]:
        p.requires_grad = False
    theirs[1].eval()
    mine = optim.AdamW(ours.parameters(), lr=0.01, weight_decay=0.1)
    other = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.1)
    train(ours, theirs, mine, other, steps=10)
