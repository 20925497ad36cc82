"""Fifty steps of every rule that PyTorch has, to 1e-9 in float64; Lion and Muon by their papers."""

import itertools
from typing import Any

import numpy as np
import pytest

from glassnet import optim
from glassnet.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")

Array = np.ndarray[Any, Any]
STEPS = 50
SHAPES = [(4, 3), (5,), (2, 3, 3, 3), ()]

OPTIONS: dict[str, dict[str, list[Any]]] = {
    "SGD": {
        "momentum": [0.0, 0.9],
        "weight_decay": [0.0, 0.1],
        "dampening": [0.0, 0.3],
        "nesterov": [False, True],
        "maximize": [False, True],
    },
    "Adagrad": {
        "lr_decay": [0.0, 0.02],
        "weight_decay": [0.0, 0.1],
        "initial_accumulator_value": [0.0, 0.5],
        "eps": [1e-10, 1e-3],
    },
    "Adadelta": {"rho": [0.9, 0.5], "weight_decay": [0.0, 0.1], "eps": [1e-6, 1e-2]},
    "RMSprop": {
        "alpha": [0.99, 0.8],
        "weight_decay": [0.0, 0.1],
        "momentum": [0.0, 0.9],
        "centered": [False, True],
        "maximize": [False, True],
    },
    "Adam": {
        "betas": [(0.9, 0.999), (0.5, 0.8)],
        "weight_decay": [0.0, 0.1],
        "amsgrad": [False, True],
        "maximize": [False, True],
    },
    "AdamW": {
        "betas": [(0.9, 0.999), (0.5, 0.8)],
        "weight_decay": [0.0, 0.1],
        "amsgrad": [False, True],
        "eps": [1e-8, 1e-2],
    },
}
CASES = [
    (name, dict(zip(options, values, strict=True)))
    for name, options in OPTIONS.items()
    for values in itertools.product(*options.values())
]


def allowed(name: str, options: dict[str, Any]) -> bool:
    plain = name != "SGD" or not options["nesterov"]
    return plain or (options["momentum"] > 0 and options["dampening"] == 0)


def weights(shapes: list[tuple[int, ...]]) -> list[Array]:
    draw = np.random.default_rng(0).normal
    return [np.asarray(draw(size=shape)) for shape in shapes]


def slope(p: Array, step: int) -> Array:
    """The gradient of a bowl whose bottom moves: it depends on where the walk has led."""
    bottom = np.random.default_rng(step).normal(size=p.shape)
    return np.asarray(np.tanh(p - 0.5 * bottom) + 0.1 * p)


def close(ours: Array, theirs: Any) -> None:
    theirs = theirs.detach().numpy() if hasattr(theirs, "detach") else theirs
    assert np.abs(ours - theirs).max() <= 1e-9 * np.abs(theirs).max()


def walk_both(
    ours: list[Tensor], mine: optim.Optimizer, theirs: list[Any], other: Any, steps: int = STEPS
) -> None:
    """The same walk twice, each by its own gradients; all points of it are compared."""
    for step in range(steps):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = Tensor(slope(p.data, step))
            q.grad = torch.from_numpy(slope(q.detach().numpy(), step))
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            close(p.data, q)


def twins(shapes: list[tuple[int, ...]]) -> tuple[list[Tensor], list[Any]]:
    ours = [Tensor(w.copy(), requires_grad=True) for w in weights(shapes)]
    theirs = [torch.tensor(w, requires_grad=True) for w in weights(shapes)]
    return ours, theirs


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if allowed(*case)], ids=str)
def test_fifty_steps(name: str, options: dict[str, Any]) -> None:
    ours, theirs = twins(SHAPES)
    lr = {} if name == "Adadelta" else {"lr": 0.02}
    mine = getattr(optim, name)(ours, **lr, **options)
    walk_both(ours, mine, theirs, getattr(torch.optim, name)(theirs, **lr, **options))


@pytest.mark.parametrize("name", [*OPTIONS, "Muon"])
def test_defaults_are_theirs(name: str) -> None:
    ours, theirs = twins([(4, 3)])
    mine = getattr(optim, name)(ours).defaults
    other = getattr(torch.optim, name)(theirs).defaults
    shared = mine.keys() & other.keys()
    assert mine.keys() - shared <= {"l1", "maximize"}
    assert {k: mine[k] for k in shared} == {k: other[k] for k in shared}
    apart = {"foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay"}
    assert other.keys() - shared <= apart | {"maximize"}


@pytest.mark.parametrize("name", [*OPTIONS, "Muon"])
def test_state_has_their_names(name: str) -> None:
    ours, theirs = twins([(4, 3)])
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    mine = getattr(optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **options)
    ours[0].grad, theirs[0].grad = Tensor(np.ones((4, 3))), torch.ones(4, 3, dtype=torch.float64)
    mine.step()
    other.step()
    assert mine.state[ours[0]].keys() | {"step"} == other.state[theirs[0]].keys() | {"step"}


def test_mixed_groups_and_parameters_without_gradient() -> None:
    ours, theirs = twins(SHAPES)

    def groups(params: list[Any]) -> list[dict[str, Any]]:
        return [
            {"params": params[:2], "lr": 0.05, "weight_decay": 0.0},
            {"params": [params[2]], "betas": (0.8, 0.95)},
            {"params": params[3]},
        ]

    mine = optim.AdamW(groups(ours), lr=0.01, weight_decay=0.1)
    other = torch.optim.AdamW(groups(theirs), lr=0.01, weight_decay=0.1)
    for step in range(STEPS):
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            given = (step + i) % 3 > 0  # each parameter misses every third step
            p.grad = Tensor(slope(p.data, step)) if given else None
            q.grad = torch.from_numpy(slope(q.detach().numpy(), step)) if given else None
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            close(p.data, q)


def test_their_saved_state_goes_on_here() -> None:
    """The names and the order of a state_dict are PyTorch's, so its runs can be gone on with."""
    ours, theirs = twins(SHAPES)
    other = torch.optim.Adam(theirs, lr=0.02, amsgrad=True)
    for step in range(5):
        for q in theirs:
            q.grad = torch.from_numpy(slope(q.detach().numpy(), step))
        other.step()
    mine = optim.Adam(ours, amsgrad=True)
    state = other.state_dict()
    for group in state["param_groups"]:
        group["l1"] = 0.0
    mine.load_state_dict(state)
    for p, q in zip(ours, theirs, strict=True):
        p.data[...] = q.detach().numpy()
    walk_both(ours, mine, theirs, other)


# -- Lion and Muon, by independent transcriptions --------------------------------------------------
def lion_by_the_paper(w: Array, steps: int, lr: float, b1: float, b2: float, wd: float) -> Array:
    """Chen et al. 2023, algorithm 2, line by line, on a list of numbers."""
    theta = [float(x) for x in w.ravel()]
    m = [0.0] * len(theta)
    for t in range(steps):
        g = slope(np.array(theta).reshape(w.shape), t).ravel()
        for i in range(len(theta)):
            c = b1 * m[i] + (1 - b1) * g[i]
            sign = int(c > 0) - int(c < 0)
            theta[i] = theta[i] - lr * (sign + wd * theta[i])
            m[i] = b2 * m[i] + (1 - b2) * g[i]
    return np.array(theta).reshape(w.shape)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lion_is_algorithm_2(shape: tuple[int, ...], weight_decay: float) -> None:
    w = weights([shape])[0]
    p = Tensor(w.copy(), requires_grad=True)
    optimizer = optim.Lion([p], lr=0.02, betas=(0.8, 0.95), weight_decay=weight_decay)
    for step in range(STEPS):
        p.grad = Tensor(slope(p.data, step))
        optimizer.step()
    close(p.data, lion_by_the_paper(w, STEPS, 0.02, 0.8, 0.95, weight_decay))


def muon_by_the_post(w: Array, steps: int, lr: float, mu: float, nesterov: bool) -> Array:
    """Jordan et al. 2024: B <- mu B + G; G + mu B where Nesterov's; NewtonSchulz5; W <- W - lr O.

    The post's iteration works through singular values; here they are mapped one by one, by the
    polynomial, in the basis of an SVD. Momentum's scale drops out, for Newton-Schulz normalises.
    """
    w, buffer = w.copy(), np.zeros_like(w)
    for t in range(steps):
        g = slope(w, t)
        buffer = mu * buffer + g
        direction = g + mu * buffer if nesterov else buffer
        u, s, vt = np.linalg.svd(direction.reshape(len(w), -1), full_matrices=False)
        s = s / np.sqrt((s**2).sum())
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        rows, columns = u.shape[0], vt.shape[1]
        o = (u * s) @ vt * max(1, rows / columns) ** 0.5
        w = w - lr * o.reshape(w.shape)
    return w


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (3, 7), (8, 2, 3, 3)], ids=str)
def test_muon_is_that_of_the_post(shape: tuple[int, ...], nesterov: bool) -> None:
    w = weights([shape])[0]
    p = Tensor(w.copy(), requires_grad=True)
    optimizer = optim.Muon([p], lr=0.02, weight_decay=0.0, momentum=0.9, nesterov=nesterov)
    for step in range(STEPS):
        p.grad = Tensor(slope(p.data, step))
        optimizer.step()
    close(p.data, muon_by_the_post(w, STEPS, 0.02, 0.9, nesterov))


@pytest.mark.parametrize("adjust_lr_fn", [None, "original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_is_theirs_in_double_precision(
    monkeypatch: pytest.MonkeyPatch, nesterov: bool, adjust_lr_fn: str | None
) -> None:
    """PyTorch orthogonalises in bfloat16, of three digits; here it is kept from rounding."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    ours, theirs = twins([(4, 3), (3, 7)])
    options: dict[str, Any] = {"lr": 0.02, "nesterov": nesterov, "adjust_lr_fn": adjust_lr_fn}
    options |= {"weight_decay": 0.2, "momentum": 0.9, "ns_steps": 4}
    walk_both(ours, optim.Muon(ours, **options), theirs, torch.optim.Muon(theirs, **options))


def test_muon_is_theirs_but_for_bfloat16() -> None:
    ours, theirs = twins([(4, 3), (3, 7)])
    mine, other = optim.Muon(ours, lr=0.02), torch.optim.Muon(theirs, lr=0.02)
    for p, q in zip(ours, theirs, strict=True):
        g = slope(p.data, 0)
        p.grad, q.grad = Tensor(g), torch.from_numpy(g)
    mine.step()
    other.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), atol=0.02 * 0.02)


# -- clipping and averages -------------------------------------------------------------------------
@pytest.mark.parametrize("max_norm", [0.1, 1e3])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
def test_clip_by_norm(norm_type: float, max_norm: float) -> None:
    ours, theirs = twins(SHAPES)
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = Tensor(p.data.copy()), q.detach().clone()
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    other = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    close(np.array(norm), other)
    for p, q in zip(ours, theirs, strict=True):
        assert p.grad is not None
        close(p.grad.data, q.grad)


def test_clip_by_value() -> None:
    ours, theirs = twins(SHAPES)
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = Tensor(p.data.copy()), q.detach().clone()
    optim.clip_grad_value_(ours, 0.3)
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    for p, q in zip(ours, theirs, strict=True):
        assert p.grad is not None
        close(p.grad.data, q.grad)
