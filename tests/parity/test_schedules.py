"""Every schedule's rates and momenta over 50 steps, against PyTorch's, to 1e-9."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassnet import optim
from glassnet.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")

STEPS = 50

# name: a function of (namespace of schedules, optimiser); the namespace is ours, then theirs.
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda step: 0.95**step),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda step: 0.95**step, lambda step: 1 / (1 + step)]),
    "constant": lambda s, o: s.ConstantLR(o),
    "linear": lambda s, o: s.LinearLR(o),
    "linear-down": lambda s, o: s.LinearLR(o, 1.0, 0.1, total_iters=40),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 20, 20, 40], gamma=0.5),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=STEPS),
    "cosine-floor": lambda s, o: s.CosineAnnealingLR(o, T_max=20, eta_min=1e-3),
    "one-cycle": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=STEPS),
    "one-cycle-epochs": lambda s, o: s.OneCycleLR(o, 0.3, epochs=10, steps_per_epoch=5),
    "one-cycle-groups": lambda s, o: s.OneCycleLR(o, [0.3, 0.1], total_steps=STEPS),
    "one-cycle-linear": lambda s, o: s.OneCycleLR(
        o, 0.3, total_steps=STEPS, anneal_strategy="linear", pct_start=0.17, div_factor=5.0
    ),
    "one-cycle-three": lambda s, o: s.OneCycleLR(
        o, 0.3, total_steps=STEPS, three_phase=True, final_div_factor=100.0, base_momentum=0.8
    ),
    "one-cycle-steady": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=STEPS, cycle_momentum=False),
    "warm-up-cosine": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, T_max=40)], [10]
    ),
    "three-in-a-row": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 100), s.ExponentialLR(o, 0.9), s.StepLR(o, 3)], [5, 30]
    ),
}


def parameters() -> list[np.ndarray[Any, Any]]:
    draw = np.random.default_rng(0).normal
    return [draw(size=(4, 3)), draw(size=5)]


def pair(name: str, **options: Any) -> tuple[Any, Any]:
    """Our optimiser and theirs, on the same two groups of different rates."""
    made = []
    for module in (optim, torch.optim):
        leaf = Tensor if module is optim else torch.tensor
        a, b = (leaf(p.copy(), requires_grad=True) for p in parameters())
        groups = [{"params": [a]}, {"params": [b], "lr": 0.05}]
        made.append(getattr(module, name)(groups, lr=0.1, **options))
    return made[0], made[1]


def take_step(optimizer: Any) -> None:
    """Gradients of a bowl, in either library."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            here = p.data if isinstance(p, Tensor) else p.detach().numpy()
            g = np.tanh(here) + 0.1
            p.grad = Tensor(g) if isinstance(p, Tensor) else torch.from_numpy(g)
    optimizer.step()


def same(mine: Any, other: Any) -> None:
    """The rates, the momenta, and the weights that came of them."""
    for ours, theirs in zip(mine.param_groups, other.param_groups, strict=True):
        for name in {"lr", "momentum", "betas"} & ours.keys():
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-15)
        for p, q in zip(ours["params"], theirs["params"], strict=True):
            difference = np.abs(p.data - q.detach().numpy()).max()
            assert difference <= 1e-9 * np.abs(q.detach().numpy()).max()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", ["SGD", "AdamW"])
def test_fifty_steps(rule: str, case: str) -> None:
    mine, other = pair(rule, **{"momentum": 0.9} if rule == "SGD" else {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR warns of itself
        ours = CASES[case](optim, mine)
        theirs = CASES[case](torch.optim.lr_scheduler, other)
        for _ in range(STEPS - 1):
            same(mine, other)
            take_step(mine)
            take_step(other)
            ours.step()
            theirs.step()
    same(mine, other)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("cooldown", [0, 3])
def test_plateau(mode: str, threshold_mode: str, cooldown: int) -> None:
    mine, other = pair("SGD")
    options: dict[str, Any] = {"mode": mode, "threshold_mode": threshold_mode, "patience": 2}
    options |= {"cooldown": cooldown, "factor": 0.5, "min_lr": [0.001, 0.01], "threshold": 0.02}
    ours = optim.ReduceLROnPlateau(mine, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
    sign = 1 if mode == "min" else -1
    noise = np.random.default_rng(0).normal(size=STEPS)
    for step in range(STEPS):
        take_step(mine)
        take_step(other)
        metric = 3 + sign * (2 * 0.8**step + 0.05 * noise[step])
        ours.step(metric)
        theirs.step(metric)
        same(mine, other)
        assert ours.num_bad_epochs == theirs.num_bad_epochs
    assert mine.param_groups[0]["lr"] < 0.01
