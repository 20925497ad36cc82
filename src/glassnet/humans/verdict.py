"""The plain verdict on one network beside one reading of "the human".

better         the network makes fewer errors, and chance does not explain it
worse          it makes more, and chance does not explain it
not shown      chance explains the difference, on images enough to have seen a large one
too few images chance explains it, and would have explained a large one too
"""

from dataclasses import dataclass
from typing import Literal

from glassnet.humans.statistics.power import ALPHA

Kind = Literal["better", "worse", "not shown", "too few images"]
LARGE = (
    0.5  # of the human's error: without a margin, a network that halves it is a large difference
)


@dataclass(frozen=True)
class Verdict:
    """The kind, and beside it whether the network is shown to be not worse by the margin."""

    kind: Kind
    not_inferior: bool | None = None  # None where no margin was set

    @property
    def words(self) -> str:
        """The verdict in a few words, about the network."""
        if self.kind not in ("better", "worse") and self.not_inferior:
            return "not worse by the margin"
        return self.kind


def relevant(human_error: float, margin: float) -> float:
    """The difference a bench should be able to see: the margin, or half of the human's error."""
    return margin or LARGE * human_error


def judge(
    difference: float,
    p: float,
    smallest: float,
    wanted: float,
    p_not_inferior: float | None = None,
    alpha: float = ALPHA,
) -> Verdict:
    """The verdict from the difference network - person and its p, adjusted for many networks.

    smallest  the difference that the bench finds with a chance of 80 %; wanted  see `relevant`
    p_not_inferior  one-sided, adjusted; held to alpha / 2, as its two-sided interval would be
    """
    not_inferior = None if p_not_inferior is None else p_not_inferior <= alpha / 2
    if p <= alpha and difference != 0:
        return Verdict("better" if difference < 0 else "worse", not_inferior)
    few = smallest > wanted and not not_inferior
    return Verdict("too few images" if few else "not shown", not_inferior)
