"""Training until a clock is over: the learning rate, few images, distortions, averages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from glassnet import data, nn
from glassnet.data import Loader
from glassnet.dreams.compare.clock import steps
from glassnet.dreams.compare.networks import (
    CLASSES,
    CODE,
    LEAST,
    batches,
    classes,
    descend,
    headed,
    rate,
    trunk,
)


def two_kinds(count: int, seed: int = 0) -> tuple[Any, Any]:
    """Images lit above (0) or below (1), in noise."""
    draw = np.random.default_rng(seed)
    y = np.arange(count) % 2
    x = draw.integers(0, 100, (count, 1, 28, 28))
    for image, label in zip(x, y, strict=True):
        image[0, 14 * label : 14 * label + 14] += 120
    return x.astype(np.uint8), y


def test_the_rate_rises_falls_and_is_0_at_both_ends() -> None:
    assert [rate(s) for s in (0.0, 0.05, 0.1, 0.55, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_the_network_learns_and_answers_classes() -> None:
    net = headed(nn.Sequential(nn.Flatten()), 784, dropout=0.0)
    descend(net, *two_kinds(40), steps(120), lr=1e-2, seed=0, augment=False)
    x, y = two_kinds(100, seed=1)
    found = classes(net, x)
    assert found.dtype == np.int64 and (found == y).mean() > 0.95
    assert not net.training


def test_the_trunk_gives_the_code() -> None:
    net = trunk()
    from glassnet.tensor import Tensor

    assert net(Tensor(np.zeros((2, 1, 28, 28), np.float32))).shape == (2, CODE)


def test_what_is_frozen_stays_as_it_was() -> None:
    body = trunk().freeze()
    before = {k: v.copy() for k, v in body.state_dict().items()}
    net = headed(body)
    head = net[2].weight.data.copy()  # type: ignore[union-attr]
    descend(net, *two_kinds(20), steps(8), lr=1e-2, seed=0)
    for name, array in body.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert not np.array_equal(net[2].weight.data, head)  # type: ignore[union-attr]


def test_two_calls_give_the_same_weights_and_another_seed_others() -> None:
    from glassnet import random

    made = []
    for seed in (0, 0, 1):
        with random.using(random.derive(0)):
            net = headed(nn.Sequential(nn.Flatten()), 784)
        descend(net, *two_kinds(30), steps(25), lr=1e-2, seed=seed)
        made.append(net[2].weight.data.tobytes())  # type: ignore[union-attr]
    assert made[0] == made[1] != made[2]


def test_batches_go_on_over_epochs_until_the_clock_is_over() -> None:
    loader = Loader(data.arrays(*two_kinds(10), CLASSES), 4)
    seen = [len(y) for _, y in batches(loader, steps(9))]
    assert seen == [4, 4, 2, 4, 4, 2, 4, 4]


def test_no_time_leaves_the_network_as_it_was() -> None:
    net = headed(nn.Sequential(nn.Flatten()), 784)
    before = net.state_dict()
    descend(net, *two_kinds(10), steps(0), lr=1.0, seed=0)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert LEAST % 64 == 0
