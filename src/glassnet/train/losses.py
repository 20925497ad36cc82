"""Losses by name, so that a run can write down which one it was trained with."""

from __future__ import annotations

from glassnet import ops
from glassnet.errors import TrainingError
from glassnet.train.metrics import Loss

LOSSES: dict[str, Loss] = {
    "cross_entropy": ops.cross_entropy,
    "multi_margin_loss": ops.multi_margin_loss,
}


def make(choice: str | Loss) -> Loss:
    """The loss that `choice` names, or `choice` itself.

    A loss takes logits (n, K) and labels int64 (n,), or float32 (n, K) where an augmentation mixes
    labels, and gives the mean over the n samples. Raises TrainingError for an unknown name.
    """
    if callable(choice):
        return choice
    if choice not in LOSSES:
        raise TrainingError(
            f"there is no loss '{choice}'; expected {', '.join(LOSSES)}, or a function of "
            f"(logits, labels) that gives the mean over the batch"
        )
    return LOSSES[choice]


def by_name(name: str) -> Loss:
    """The loss of a name that a checkpoint holds; cross-entropy for one of the user's own."""
    return LOSSES.get(name, ops.cross_entropy)


def describe(choice: str | Loss) -> str:
    """The name that the run's config has for it."""
    return choice if isinstance(choice, str) else getattr(choice, "__name__", repr(choice))
