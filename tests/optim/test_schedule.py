"""Schedules: values at known points, sequences, and going on after a stop."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassnet import optim
from glassnet.errors import GlassnetWarning
from glassnet.optim.optimizer import OptimError
from tests.optim.rules import parameter


def sgd(lr: float = 0.1, **options: Any) -> optim.SGD:
    optimizer = optim.SGD([parameter(2)], lr=lr, **options)
    optimizer.step()
    return optimizer


def rates(schedule: Any, steps: int) -> list[float]:
    """The rates of the first group at steps 0 to steps - 1."""
    seen = []
    for _ in range(steps):
        seen.append(schedule.get_last_lr()[0])
        schedule.step()
    return seen


SCHEDULES: dict[str, tuple[Callable[[optim.Optimizer], Any], list[float]]] = {
    "lambda": (lambda o: optim.LambdaLR(o, lambda s: 1 / (1 + s)), [1, 1 / 2, 1 / 3, 1 / 4]),
    "constant": (lambda o: optim.ConstantLR(o, factor=0.5, total_iters=2), [0.5, 0.5, 1, 1]),
    "linear": (lambda o: optim.LinearLR(o, 0.2, 1.0, 4), [0.2, 0.4, 0.6, 0.8, 1, 1]),
    "step": (lambda o: optim.StepLR(o, step_size=2, gamma=0.1), [1, 1, 0.1, 0.1, 0.01]),
    "multistep": (lambda o: optim.MultiStepLR(o, [3, 1, 3], 0.5), [1, 0.5, 0.5, 0.125]),
    "exponential": (lambda o: optim.ExponentialLR(o, 0.9), [1, 0.9, 0.81, 0.729]),
    "cosine": (
        lambda o: optim.CosineAnnealingLR(o, T_max=4, eta_min=0.01),
        [1, 0.1 + 0.9 * (2 + math.sqrt(2)) / 4, 0.55, 0.1 + 0.9 * (2 - math.sqrt(2)) / 4, 0.1],
    ),
    "one-cycle": (
        lambda o: optim.OneCycleLR(o, max_lr=0.1, total_steps=10, pct_start=0.3),
        [0.04, 0.52, 1.0],
    ),
    "sequential": (
        lambda o: optim.SequentialLR(
            o, [optim.LinearLR(o, 0.5, 1.0, 2), optim.StepLR(o, 1, 0.1)], [2]
        ),
        [0.5, 0.75, 1, 0.1, 0.01],
    ),
}
every_schedule = pytest.mark.parametrize(("make", "factors"), SCHEDULES.values(), ids=SCHEDULES)


@every_schedule
def test_values_at_known_points(make: Any, factors: list[float]) -> None:
    np.testing.assert_allclose(
        rates(make(sgd(0.1)), len(factors)), 0.1 * np.array(factors), rtol=1e-12
    )


@every_schedule
def test_a_schedule_is_a_function_of_the_step(make: Any, factors: list[float]) -> None:
    schedule = make(sgd(0.1))
    ahead = [schedule.lr(step, 0.1) for step in reversed(range(len(factors)))]
    np.testing.assert_allclose(ahead[::-1], rates(schedule, len(factors)), rtol=1e-12)


@every_schedule
def test_a_schedule_goes_on_where_it_stopped(make: Any, factors: list[float]) -> None:
    optimizer = sgd()
    schedule = make(optimizer)
    rates(schedule, 3)
    saved = json.loads(json.dumps(schedule.state_dict()))
    options = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
    resumed = sgd()
    again = make(resumed)
    again.load_state_dict(saved)
    assert {k: v for k, v in resumed.param_groups[0].items() if k != "params"} == options
    assert rates(again, 5) == rates(schedule, 5)


@every_schedule
def test_the_optimisers_state_carries_the_rate_and_its_base(make: Any, factors: Any) -> None:
    """Either may be loaded first."""
    optimizer = sgd()
    schedule = make(optimizer)
    rates(schedule, 2)
    resumed = sgd(lr=0.7)
    again = make(resumed)
    again.load_state_dict(schedule.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    assert rates(again, 5) == rates(schedule, 5)


@every_schedule
def test_each_group_has_its_own_base(make: Any, factors: list[float]) -> None:
    a, b = parameter(2), parameter(2)
    optimizer = optim.SGD([{"params": a}, {"params": b, "lr": 0.3}], lr=0.1)
    optimizer.step()
    schedule = make(optimizer)
    schedule.step()
    expected = 0.1 * factors[1] * np.array([1.0, 3.0])
    if isinstance(schedule, optim.OneCycleLR):
        expected[1] = expected[0]
    if not isinstance(schedule, optim.CosineAnnealingLR):  # eta_min is not a factor
        np.testing.assert_allclose(schedule.get_last_lr(), expected, rtol=1e-12)


def test_a_step_before_the_optimisers_warns_once() -> None:
    schedule = optim.StepLR(optim.SGD([parameter(2)]), 5)
    with pytest.warns(GlassnetWarning, match="optimizer.step"):
        schedule.step()
    schedule.step()


# -- one cycle -------------------------------------------------------------------------------------
def test_one_cycle_ends_at_almost_nothing_and_cycles_the_momentum() -> None:
    optimizer = sgd(momentum=0.9)
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=20, pct_start=0.25)
    lrs, momenta = [], []
    for _ in range(20):
        lrs.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        schedule.step()
    np.testing.assert_allclose([lrs[0], max(lrs), lrs[-1]], [1 / 25, 1.0, 1 / 25 / 1e4])
    assert np.argmax(lrs) == np.argmin(momenta) == 4
    np.testing.assert_allclose([momenta[0], min(momenta), momenta[-1]], [0.95, 0.85, 0.95])
    assert schedule.get_last_lr()[0] == pytest.approx(lrs[-1])
    with pytest.raises(OptimError, match="made for 20"):
        schedule.step()


def test_one_cycle_in_three_phases() -> None:
    schedule = optim.OneCycleLR(
        sgd(), 1.0, epochs=4, steps_per_epoch=5, three_phase=True, anneal_strategy="linear"
    )
    lrs = rates(schedule, 20)
    np.testing.assert_allclose(lrs[5], 1.0)
    np.testing.assert_allclose(lrs[10], 1 / 25)
    np.testing.assert_allclose(lrs[19], 1 / 25 / 1e4)
    np.testing.assert_allclose(np.diff(lrs, 2)[[0, 1, 2, 6, 7, 12, 14]], 0, atol=1e-12)


def test_one_cycle_turns_adams_beta1() -> None:
    optimizer = optim.AdamW([parameter(2)], betas=(0.9, 0.98))
    optim.OneCycleLR(optimizer, 0.1, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.98)
    optim.OneCycleLR(optimizer, [0.2], total_steps=10, cycle_momentum=False)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2 / 25)


@pytest.mark.parametrize("pct_start", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_one_cycle_of_few_steps_stays_within_its_bounds(pct_start: float, steps: int) -> None:
    lrs = rates(optim.OneCycleLR(sgd(), 1.0, total_steps=steps, pct_start=pct_start), steps)
    assert all(0 < lr <= 1 for lr in lrs)


# -- plateau ---------------------------------------------------------------------------------------
def test_plateau_cuts_after_patience_and_waits_out_the_cooldown() -> None:
    optimizer = sgd(1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.1, patience=1, cooldown=1)
    seen = []
    for metric in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0]:
        schedule.step(metric)
        seen.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(seen, [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "metrics", "bad"),
    [
        ("min", "rel", [10.0, 9.5, 8.9], [0, 1, 0]),
        ("min", "abs", [10.0, 9.95, 9.8], [0, 1, 0]),
        ("max", "rel", [10.0, 10.9, 11.1], [0, 1, 0]),
        ("max", "abs", [10.0, 10.05, 10.2], [0, 1, 0]),
        ("min", "rel", [math.nan, 1.0, math.nan], [1, 0, 1]),
    ],
)
def test_what_counts_as_better(mode: str, threshold_mode: str, metrics: Any, bad: Any) -> None:
    schedule = optim.ReduceLROnPlateau(
        sgd(), mode, threshold=0.1, threshold_mode=threshold_mode, patience=9
    )
    seen = []
    for metric in metrics:
        schedule.step(np.float64(metric))
        seen.append(schedule.num_bad_epochs)
    assert seen == bad


def test_plateau_stops_at_the_least_rate_and_goes_on_after_a_stop() -> None:
    def make() -> tuple[optim.SGD, optim.ReduceLROnPlateau]:
        optimizer = sgd(1.0)
        return optimizer, optim.ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=[0.05])

    optimizer, schedule = make()
    schedule.step(1.0)
    schedule.step(1.0)
    resumed, again = make()
    again.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
    for one, other in ((optimizer, schedule), (resumed, again)):
        assert one.param_groups[0]["lr"] == pytest.approx(0.1)
        other.step(1.0)
        other.step(1.0)
        assert other.get_last_lr() == [0.05]


# -- errors ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.StepLR(o, 0), "step_size is 0"),
        (lambda o: optim.LinearLR(o, total_iters=0), "total_iters"),
        (lambda o: optim.CosineAnnealingLR(o, 0), "T_max"),
        (lambda o: optim.OneCycleLR(o, 1.0), "total_steps, or epochs"),
        (lambda o: optim.OneCycleLR(o, 1.0, total_steps=0), "total_steps is 0"),
        (lambda o: optim.OneCycleLR(o, 1.0, total_steps=9, pct_start=30), "pct_start is 30"),
        (lambda o: optim.OneCycleLR(o, 1.0, total_steps=9, anneal_strategy="no"), "'no'"),
        (lambda o: optim.OneCycleLR(o, [1.0, 2.0], total_steps=9), "2 values.*1 groups"),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), "factor is 1.0"),
        (lambda o: optim.ReduceLROnPlateau(o, mode="best"), "'best'"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1)], [1]), "0 rising milestones"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(sgd(), 1)], []), "StepLR is none"),
        (
            lambda o: optim.SequentialLR(o, [optim.ReduceLROnPlateau(o)], []),
            "ReduceLROnPlateau is none",
        ),
    ],
)
def test_schedules_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(OptimError, match=message):
        make(sgd())


def test_one_cycle_needs_a_momentum_to_cycle() -> None:
    optimizer = optim.Adagrad([parameter(2)])
    with pytest.raises(OptimError, match=r"Adagrad.*cycle_momentum=False"):
        optim.OneCycleLR(optimizer, 1.0, total_steps=9)
