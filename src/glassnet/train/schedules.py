"""Schedules by name: how the learning rate goes over a run whose length is known.

The learning rate that the optimiser was made with is the highest one of the run.
"""

from __future__ import annotations

from collections.abc import Callable

from glassnet import optim
from glassnet.errors import TrainingError
from glassnet.optim import Optimizer
from glassnet.optim.schedule import LRScheduler

Schedule = LRScheduler | optim.ReduceLROnPlateau
Choice = str | Schedule | Callable[[int], float] | None

NAMES = ("one-cycle", "cosine", "step", "constant")


def make(
    choice: Choice, optimizer: Optimizer, total: int | None, warmup: int | float = 0
) -> Schedule | None:
    """The schedule that `choice` names, for a run of `total` steps (None: not known).

    choice  "one-cycle"  up in the first 30 % of the run, then down to almost 0; momentum the other
                         way, where the optimiser has one
            "cosine"     down to 0 along half a cosine
            "step"       a tenth after each third of the run
            "constant"   or None: as it is
            a schedule of `glassnet.optim`, which is stepped after each batch (ReduceLROnPlateau:
            after each epoch), or a function of the step, from 0, that gives a factor
    warmup  a number of steps, or as a float a share of the run, in which the rate comes up from
            a hundredth; for "one-cycle" the length of the way up

    Raises TrainingError for another name, an unknown length where one is needed, and a schedule
    that was made with another optimiser.
    """
    if choice is None or isinstance(choice, str):
        return _by_name(choice or "constant", optimizer, total, warmup)
    if warmup:
        raise TrainingError("warmup goes with a schedule's name; put it into your own schedule")
    if isinstance(choice, (LRScheduler, optim.ReduceLROnPlateau)):
        if choice.optimizer is not optimizer:
            raise TrainingError("the schedule was made with another optimizer than fit was given")
        return choice
    if callable(choice):
        return optim.LambdaLR(optimizer, choice)
    raise TrainingError(f"schedule is {choice!r}; expected {_expected()}")


def _by_name(
    name: str, optimizer: Optimizer, total: int | None, warmup: int | float
) -> LRScheduler | None:
    if name not in NAMES:
        raise TrainingError(f"there is no schedule '{name}'; expected {_expected()}")
    if total is None and (name != "constant" or isinstance(warmup, float)):
        raise TrainingError(
            f"schedule '{name}' has to know how long the run will be, and a time limit alone does "
            f"not say; give epochs= or steps= too, or schedule='constant'"
        )
    total = total or 0
    rise = round(warmup * total) if isinstance(warmup, float) else warmup
    if rise < 0 or (name != "constant" and rise >= total):
        raise TrainingError(f"a warm-up of {rise} steps does not fit into a run of {total}")
    if name == "one-cycle":
        return _one_cycle(optimizer, total, rise)
    main = _falling(name, optimizer, total - rise)
    if not rise:
        return main
    start = optim.LinearLR(optimizer, start_factor=0.01, total_iters=rise)
    then = main or optim.LambdaLR(optimizer, lambda step: 1.0)
    return optim.SequentialLR(optimizer, [start, then], [rise])


def _one_cycle(optimizer: Optimizer, total: int, rise: int) -> LRScheduler:
    groups = optimizer.param_groups
    return optim.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in groups],
        total_steps=total,
        pct_start=rise / total if rise else 0.3,
        cycle_momentum=all(group.get("betas") or group.get("momentum") for group in groups),
    )


def _falling(name: str, optimizer: Optimizer, steps: int) -> LRScheduler | None:
    if name == "cosine":
        return optim.CosineAnnealingLR(optimizer, T_max=steps)
    return optim.StepLR(optimizer, step_size=-(-steps // 3)) if name == "step" else None


def describe(choice: Choice) -> str:
    """The name that the run's config has for it."""
    if choice is None or isinstance(choice, str):
        return choice or "constant"
    return getattr(choice, "__name__", type(choice).__name__)


def _expected() -> str:
    return f"one of {', '.join(map(repr, NAMES))}, a schedule of glassnet.optim, or a function"
