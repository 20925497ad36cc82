"""A network as a list of calls: the same to the last bit, and none where somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import nn, ops
from glassnet.kernels import dispatch
from glassnet.nn import plan
from glassnet.nn.plan import Plan, Workspace
from glassnet.nn.trace import trace
from glassnet.operation import OPERATIONS

pytest.importorskip("llvmlite")


class Residual(nn.Module):
    """y = x + body(x)."""

    steady = True

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Any) -> Any:
        return x + self.body(x)


def each(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels)


def network() -> nn.Sequential:
    """Bottlenecks, Winograd's tiles, a batch norm alone, operations without a twin, views."""
    gn.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU6(),
        Residual(nn.Conv2d(16, 32, 1), nn.ReLU6(), each(32), nn.ReLU6(), nn.Conv2d(32, 16, 1)),
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(16), nn.GELU(),
        Residual(each(16), nn.ReLU()), nn.MaxPool2d(2), nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(32, 10), nn.LayerNorm(10),
    )  # fmt: skip
    random = np.random.default_rng(0)
    for norm in (net[1], net[6]):
        norm.running_mean.data[...] = random.standard_normal(16)
        norm.running_var.data[...] = random.uniform(0.5, 2, 16)
    return net.eval()


def images(count: int = 2, key: int = 1) -> gn.Tensor:
    x = np.random.default_rng(key).standard_normal((count, 24, 20, 3)).astype(np.float32)
    return gn.Tensor(x.transpose(0, 3, 1, 2))


def by_layers(net: nn.Module, x: gn.Tensor) -> np.ndarray:
    """The answer without a plan."""
    token = plan.INSIDE.set(True)
    try:
        with gn.no_grad():
            return net(x).data
    finally:
        plan.INSIDE.reset(token)


def warm(net: nn.Module, x: gn.Tensor) -> Plan | None:
    """The plan that there is after a few calls."""
    with gn.no_grad():
        for _ in range(plan.ENOUGH):
            net(x)
    return plan._KNOWN[net].plan


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each run of a plan."""
    seen: list[int] = []
    before = Plan.__call__

    def counted(self: Plan, x: Any) -> Any:
        seen.append(1)
        return before(self, x)

    monkeypatch.setattr(Plan, "__call__", counted)
    return seen


def test_the_same_answers_to_the_last_bit(runs: list[int]) -> None:
    net = network()
    assert warm(net, images()) is not None
    runs.clear()
    for key in range(3):
        x = images(key=key)
        right = by_layers(net, x)
        with gn.no_grad():
            np.testing.assert_array_equal(net(x).data, right)
    assert len(runs) == 3


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v2", "resnet20", "lenet5"])
def test_networks_of_the_library(name: str, threads: int, runs: list[int]) -> None:
    from glassnet import models
    from glassnet.kernels.threads import get_num_threads

    before = get_num_threads()
    gn.set_num_threads(threads)
    try:
        net = models.build(name).eval()
        channels, *size = models.describe(name).input
        x = np.random.default_rng(0).standard_normal((2, *size, channels)).astype(np.float32)
        shown = gn.Tensor(x.transpose(0, 3, 1, 2))
        assert warm(net, shown) is not None or name == "lenet5"
        other = gn.Tensor((x * 2)[::-1].copy().transpose(0, 3, 1, 2))
        with gn.no_grad():
            np.testing.assert_array_equal(net(other).data, by_layers(net, other))
    finally:
        gn.set_num_threads(before)


def test_an_answer_stays_when_the_next_one_comes() -> None:
    net = network()
    warm(net, images())
    with gn.no_grad():
        first = net(images(key=2))
        kept = first.data.copy()
        net(images(key=3))
    np.testing.assert_array_equal(first.data, kept)


def test_other_sizes_and_layouts_are_others(runs: list[int]) -> None:
    net = network()
    warm(net, images())
    runs.clear()
    plain = gn.Tensor(np.ascontiguousarray(images().data))
    with gn.no_grad():
        for x in (images(3), plain, gn.Tensor(images().data.astype(np.float64))):
            y = net(x)
            assert y.shape[0] == len(x)
    assert not runs


def test_a_change_is_seen(runs: list[int]) -> None:
    net, x = network(), images()

    def hold_right(change: Callable[[], object]) -> None:
        assert warm(net, x) is not None
        change()
        runs.clear()
        with gn.no_grad():
            np.testing.assert_array_equal(net(x).data, by_layers(net, x))
        assert not runs

    weight, norm = net[4].weight, net[6]
    with gn.no_grad():
        for change in (
            lambda: weight.mul_(2.0),
            lambda: setattr(weight, "data", weight.data * 2),
            lambda: setattr(norm.running_var, "data", norm.running_var.data * 2),
            lambda: setattr(net[9], "kernel_size", 3),
            lambda: net.append(nn.ReLU()),
        ):
            hold_right(change)


def test_in_training_and_with_gradients_there_is_none(runs: list[int]) -> None:
    net, x = network(), images()
    warm(net, x)
    runs.clear()
    net(x)
    net.train()
    assert warm(net, x) is None
    assert not runs


def test_whoever_looks_sees_the_layers(runs: list[int]) -> None:
    net, x, seen = network(), images(), []
    warm(net, x)
    runs.clear()
    remove = net[3].body[2].register_forward_hook(lambda layer, args, y: seen.append(y.shape))
    with gn.no_grad():
        net(x)
        remove()
        assert len(seen) == 1
        warm(net, x)
        runs.clear()
        with gn.fusion(False):
            net(x)
        with gn.swap("gelu", *OPERATIONS["gelu"].page, check=False):
            net(x)
        assert any(step.operation == "gelu" for step in trace(net, x.data).steps)
    assert not runs


def test_the_pages_run_in_reference_mode(runs: list[int], monkeypatch) -> None:
    net, x = network(), images()
    warm(net, x)
    runs.clear()
    monkeypatch.setattr(dispatch, "MODE", "reference")
    with gn.no_grad():
        net(x)
    assert not runs


def test_a_layer_that_promises_nothing_runs() -> None:
    class Loud(Residual):
        """Looks at numbers."""

        steady = False

        def forward(self, x: Any) -> Any:
            return x if float(x.data.max()) > 0 else super().forward(x)

    class Silent(Residual):
        """Says nothing, so promises nothing."""

    assert not Loud.steady and not Silent.steady and nn.ReLU.steady
    net = nn.Sequential(network(), Loud(nn.ReLU())).eval()
    assert warm(net, images()) is None


def test_a_broken_promise_that_shows_is_found() -> None:
    class Liar(nn.Module):
        """Computes outside of the tape."""

        steady = True

        def forward(self, x: Any) -> Any:
            return ops.add(x, gn.Tensor(x.data * 2))

    assert warm(nn.Sequential(*network()[:9], Liar()).eval(), images()) is None


def test_two_at_once() -> None:
    net, x, other = network(), images(64, 1), images(64, 2)
    assert warm(net, x) is not None
    right, problems = [by_layers(net, v) for v in (x, other)], []

    def ask(i: int) -> None:
        with gn.no_grad():
            for _ in range(20):
                if not np.array_equal(net((x, other)[i]).data, right[i]):
                    problems.append(i)

    threads = [threading.Thread(target=ask, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_a_workspace_hands_memory_out_again() -> None:
    space = Workspace()
    a, b = space.empty((100, 3)), space.empty((7,))
    assert a.ctypes.data % 64 == b.ctypes.data % 64 == 0
    space.keep_only([b.reshape(7, 1)])
    c = space.empty((50,))
    assert np.may_share_memory(a, c) and not np.may_share_memory(b, c)
    assert not np.may_share_memory(c, space.empty((100, 3)))
