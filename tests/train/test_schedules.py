"""Schedules by name: where the learning rate begins, peaks and ends."""

from typing import Any

import numpy as np
import pytest

from glassnet import nn, optim
from glassnet.errors import TrainingError
from glassnet.train.schedules import describe, make


def rates(choice: Any, total: int = 100, make_optimizer: Any = None, **options: Any) -> Any:
    """The learning rate of each step, relative to the optimiser's."""
    make_optimizer = make_optimizer or (lambda params: optim.SGD(params, lr=2.0))
    optimizer = make_optimizer(nn.Linear(2, 2).parameters())
    schedule = make(choice, optimizer, total, **options)
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]["lr"] / 2.0)
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return np.array(found)


def test_one_cycle() -> None:
    curve = rates("one-cycle")
    assert curve[0] == pytest.approx(1 / 25)
    assert curve.argmax() == 29
    assert curve.max() == pytest.approx(1)
    assert curve[-1] < 1e-5
    assert rates("one-cycle", warmup=10).argmax() == 9


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_one_cycle_turns_momentum_only_where_there_is_one(momentum: float) -> None:
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0, momentum=momentum)
    make("one-cycle", optimizer, 10)
    assert optimizer.param_groups[0]["momentum"] == (0.95 if momentum else 0.0)
    assert rates("one-cycle", make_optimizer=lambda p: optim.Adagrad(p, lr=2.0)).max() == 1


def test_cosine_step_constant() -> None:
    cosine = rates("cosine")
    assert cosine[0] == 1
    assert cosine[50] == pytest.approx(0.5)
    assert 0 < cosine[-1] < 1e-3
    np.testing.assert_allclose(rates("step")[[0, 33, 34, 67, 68]], [1, 1, 0.1, 0.1, 0.01])
    for name in ("constant", None):
        np.testing.assert_array_equal(rates(name), np.ones(100))


@pytest.mark.parametrize("name", ["cosine", "step", "constant"])
@pytest.mark.parametrize("warmup", [10, 0.1])
def test_warm_up(name: str, warmup: float) -> None:
    curve = rates(name, warmup=warmup)
    np.testing.assert_allclose(curve[:10], 0.01 + 0.99 * np.arange(10) / 10)
    np.testing.assert_allclose(curve[10:], rates(name, total=90))


def test_of_ones_own() -> None:
    def halved(step: int) -> float:
        return 0.5**step

    np.testing.assert_allclose(rates(halved, total=4), [1, 0.5, 0.25, 0.125])
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)
    own = optim.StepLR(optimizer, 3)
    assert make(own, optimizer, None) is own
    assert [describe(c) for c in (halved, own, None, "cosine")] == [
        "halved", "StepLR", "constant", "cosine",
    ]  # fmt: skip
    with pytest.raises(TrainingError, match="another optimizer"):
        make(own, optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0), None)
    with pytest.raises(TrainingError, match="goes with a schedule's name"):
        make(own, optimizer, None, warmup=3)


def test_mistakes() -> None:
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)
    with pytest.raises(TrainingError, match="no schedule 'linear'; expected one of 'one-cycle'"):
        make("linear", optimizer, 10)
    with pytest.raises(TrainingError, match="schedule is 3; expected"):
        make(3, optimizer, 10)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="has to know how long"):
        make("cosine", optimizer, None)
    for warmup in (10, -1):
        with pytest.raises(TrainingError, match="does not fit into a run of 10"):
            make("cosine", optimizer, 10, warmup)
