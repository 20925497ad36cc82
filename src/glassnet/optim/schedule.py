"""Schedules: the learning rate as a function of the step.

A schedule here is a formula, `lr(step, base)`, evaluated anew at each step; it keeps the step and
nothing else, so a resumed run cannot drift from one that never stopped. `base` is the learning rate
that the group was made with. One schedule rules an optimiser at a time, and what it sets, it
overwrites: chain them with SequentialLR. (PyTorch multiplies the present rate instead, which has
the same values up to rounding while nothing else changes it.) ReduceLROnPlateau alone depends on
more than the step: on the metric that it is told.

Each is used as in PyTorch: made with the optimiser, whose rates it sets at once, then
`optimizer.step(); schedule.step()` for each batch or each epoch, as its numbers mean.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from glassnet.errors import GlassnetWarning
from glassnet.optim.optimizer import Group, OptimError, Optimizer


class LRScheduler(ABC):
    """A schedule that is a function of the step: subclasses write `lr(step, base)`."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.last_epoch = 0  # PyTorch's name of the number of steps taken
        self.apply(0)

    @abstractmethod
    def lr(self, step: int, base: float) -> float:
        """The learning rate at `step`, from 0, of a group that was made with `base`."""

    def values(self, step: int, index: int, group: Group) -> dict[str, Any]:
        """The options of group number `index` at `step`."""
        return {"lr": self.lr(step, group["initial_lr"])}

    def apply(self, step: int) -> None:
        """Set the options of every group to those of `step`."""
        for index, group in enumerate(self.optimizer.param_groups):
            group.setdefault("initial_lr", group["lr"])
            group.update(self.values(step, index, group))

    def step(self) -> None:
        """Go on by one step. Warns where the optimiser took none yet: a rate would be skipped."""
        if self.last_epoch == 0 and not self.optimizer.stepped:
            warnings.warn(
                "schedule.step() came before optimizer.step(), so the first learning rate is "
                "never used; call optimizer.step() first",
                GlassnetWarning,
                stacklevel=2,
            )
        self.last_epoch += 1
        self.apply(self.last_epoch)

    def get_last_lr(self) -> list[float]:
        """The present learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The number of steps taken. The formula is made again by the same constructor call."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved step, whose rates are set at once."""
        self.last_epoch = int(state_dict["last_epoch"])
        self.apply(self.last_epoch)


class LambdaLR(LRScheduler):
    """lr = base * f(step), with one function, or one for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
    ) -> None:
        self.lr_lambdas = _each(optimizer, "lr_lambda", lr_lambda)
        super().__init__(optimizer)

    def lr(self, step: int, base: float, index: int = 0) -> float:
        return base * self.lr_lambdas[index](step)

    def values(self, step: int, index: int, group: Group) -> dict[str, Any]:
        return {"lr": self.lr(step, group["initial_lr"], index)}


class ConstantLR(LRScheduler):
    """lr = base * factor for the first `total_iters` steps, then base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        return base * self.factor if step < self.total_iters else base


class LinearLR(LRScheduler):
    """A warm-up: from base * start_factor to base * end_factor along a line of `total_iters`."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        _positive("total_iters", total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        done = min(step, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class StepLR(LRScheduler):
    """lr = base * gamma^(step // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        _positive("step_size", step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        return base * self.gamma ** (step // self.step_size)


class MultiStepLR(LRScheduler):
    """lr = base * gamma^(number of milestones reached)."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        return base * self.gamma ** bisect_right(self.milestones, step)


class ExponentialLR(LRScheduler):
    """lr = base * gamma^step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        return float(base * self.gamma**step)


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (base - eta_min) * (1 + cos(pi * step / T_max)) / 2.

    From base to eta_min in T_max steps; after that, as in PyTorch, the wave goes up again.
    [Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        _positive("T_max", T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        return _cosine(base, self.eta_min, step / self.T_max)


class OneCycleLR(LRScheduler):
    """Up to max_lr and down to almost nothing in one run, with the momentum going the other way.

    lr goes from max_lr / div_factor up to max_lr in the first `pct_start` of the `total_steps`,
    then down to max_lr / div_factor / final_div_factor; with `three_phase` it comes down as it went
    up, and then to the end. Momentum (or the first of `betas`) goes from max_momentum down to
    base_momentum and back, unless `cycle_momentum` is False. Phases are cosines or "linear".

    `max_lr`, `base_momentum` and `max_momentum` may be lists, one value for each group. Step it
    after each batch. Raises OptimError for an optimiser without momentum while it is to be cycled,
    values out of range, and steps beyond the last.
    [Smith and Topin 2018, "Super-convergence", with the two phases of fast.ai as in PyTorch]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise OptimError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
        steps = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
        _positive("total_steps", steps)
        if not 0 <= pct_start <= 1:
            raise OptimError(f"pct_start is {pct_start}, expected a part of the run, from 0 to 1")
        if anneal_strategy not in ("cos", "linear"):
            raise OptimError(f"anneal_strategy is {anneal_strategy!r}, expected 'cos' or 'linear'")
        self.total_steps, self.cycle_momentum = steps, cycle_momentum
        self.anneal = _cosine if anneal_strategy == "cos" else _line
        self.max_lrs = _each(optimizer, "max_lr", max_lr)
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        self.base_momentums = _each(optimizer, "base_momentum", base_momentum)
        self.max_momentums = _each(optimizer, "max_momentum", max_momentum)
        self.ends = [pct_start * steps - 1, steps - 1]  # the last step of each phase
        if three_phase:
            self.ends.insert(1, 2 * pct_start * steps - 2)
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise OptimError(
                f"{type(optimizer).__name__} has no momentum to cycle; pass cycle_momentum=False"
            )
        super().__init__(optimizer)

    def lr(self, step: int, base: float, index: int = 0) -> float:
        """The rate of group `index`; it depends on max_lr and not on `base`."""
        top = self.max_lrs[index]
        first = top / self.div_factor
        turns = [first, top, first] if len(self.ends) == 3 else [first, top]
        return self._between([*turns, first / self.final_div_factor], step)

    def momentum(self, step: int, index: int = 0) -> float:
        """The momentum of group `index` at `step`."""
        low, high = self.base_momentums[index], self.max_momentums[index]
        return self._between([high, low, high, high][: len(self.ends) + 1], step)

    def values(self, step: int, index: int, group: Group) -> dict[str, Any]:
        changed: dict[str, Any] = {"lr": self.lr(step, group["initial_lr"], index)}
        if self.cycle_momentum and "betas" in group:
            changed["betas"] = (self.momentum(step, index), *group["betas"][1:])
        elif self.cycle_momentum:
            changed["momentum"] = self.momentum(step, index)
        return changed

    def _between(self, turns: list[float], step: int) -> float:
        """The value at `step` of a curve through `turns`: at step 0 and at the phases' ends."""
        if step > self.total_steps:
            raise OptimError(
                f"step {step} of a OneCycleLR that was made for {self.total_steps}; "
                f"give it the true number of steps"
            )
        phase = min(sum(step > end for end in self.ends), len(self.ends) - 1)
        start = self.ends[phase - 1] if phase else 0.0
        length = self.ends[phase] - start
        done = min(1.0, (step - start) / length) if length else 1.0
        return self.anneal(turns[phase], turns[phase + 1], done)


class SequentialLR(LRScheduler):
    """One schedule after another: number i from milestones[i - 1] on, from its own step 0.

    Raises OptimError for schedules of another optimiser, a ReduceLROnPlateau, and a number of
    milestones that is not one less than that of schedules.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
    ) -> None:
        for schedule in schedulers:
            if not isinstance(schedule, LRScheduler) or schedule.optimizer is not optimizer:
                raise OptimError(
                    f"SequentialLR chains functions of the step that were made with its own "
                    f"optimiser; {type(schedule).__name__} is none"
                )
        if len(milestones) != len(schedulers) - 1 or sorted(milestones) != list(milestones):
            raise OptimError(
                f"{len(schedulers)} schedules need {len(schedulers) - 1} rising milestones, "
                f"not {list(milestones)}"
            )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def lr(self, step: int, base: float) -> float:
        schedule, own = self._at(step)
        return schedule.lr(own, base)

    def values(self, step: int, index: int, group: Group) -> dict[str, Any]:
        schedule, own = self._at(step)
        return schedule.values(own, index, group)

    def _at(self, step: int) -> tuple[LRScheduler, int]:
        """The schedule that rules at `step`, and its own step."""
        which = bisect_right(self.milestones, step)
        return self.schedulers[which], step - (self.milestones[which - 1] if which else 0)


class ReduceLROnPlateau:
    """lr <- max(min_lr, lr * factor) when a metric has not improved for `patience` steps.

    `step(metric)` after each validation. An improvement is by more than `threshold`, as a part of
    the best ("rel") or in its unit ("abs"); after a cut, `cooldown` steps are not counted; a cut of
    less than `eps` is not made. Raises OptimError for options that are none of these.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not 0 <= factor < 1:
            raise OptimError(f"factor is {factor}, expected a number from 0 to less than 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise OptimError(
                f"mode is {mode!r} and threshold_mode {threshold_mode!r}, "
                f"expected 'min' or 'max', and 'rel' or 'abs'"
            )
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lrs = _each(optimizer, "min_lr", min_lr)
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Tell it the metric: a number, or a Tensor of one. NaN is no improvement."""
        self.last_epoch += 1
        metric = float(metrics.item() if hasattr(metrics, "item") else metrics)
        if self._better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self._reduce()

    def _better(self, metric: float) -> bool:
        if self.best is None:
            return metric < math.inf if self.mode == "min" else metric > -math.inf
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1)
        if self.mode == "min":
            return metric < self.best - margin
        return metric > self.best + margin

    def _reduce(self) -> None:
        for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            new = max(group["lr"] * self.factor, low)
            if group["lr"] - new > self.eps:
                group["lr"] = new

    def get_last_lr(self) -> list[float]:
        """The present learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What the next decisions depend on, and the rates so far."""
        names = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")
        return {name: getattr(self, name) for name in names} | {"lrs": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; the rates are set at once."""
        for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
            setattr(self, name, state_dict[name])
        for group, lr in zip(self.optimizer.param_groups, state_dict["lrs"], strict=True):
            group["lr"] = lr


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))


def _line(start: float, end: float, done: float) -> float:
    return start + (end - start) * done


def _positive(name: str, number: int) -> None:
    if not number > 0:
        raise OptimError(f"{name} is {number}, expected at least 1")


def _each(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """One value for each group, from one for all or a list of them."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise OptimError(f"{name} has {len(value)} values, the optimiser {groups} groups")
    return list(value)
