"""What people's answers say of the truth and of each other, when the truth is not asked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError

Array = NDArray[Any]
TINY = 1e-12  # in place of log 0


@dataclass(frozen=True)
class Consensus:
    """The maximum-likelihood reading of who is right about what.

    posterior (I, K)  chance of each class for each image
    confusion (P, K, K)  confusion[p, t, k]: how often person p says k where the class is t
    prior (K,)
    log_likelihood  after each round; it never falls
    """

    posterior: Array
    confusion: Array
    prior: Array
    log_likelihood: tuple[float, ...]

    @property
    def answers(self) -> Array:
        """The likeliest class of each image (I,); -1 where nobody answered."""
        return np.where(np.isnan(self.posterior[:, 0]), -1, self.posterior.argmax(axis=1))


def dawid_skene(
    answers: Array, classes: int, rounds: int = 200, tolerance: float = 1e-8
) -> Consensus:
    """Fit Dawid and Skene's model by expectation-maximisation [Dawid & Skene 1979].

    answers (P, I): class numbers, -1 where there is none. Starts from the shares of the votes. An
    image that nobody answered has NaN in its posterior.
    """
    if not (answers >= 0).any():
        raise DataError("a consensus needs at least one answer")
    voted = np.eye(classes + 1)[answers][:, :, :classes]  # (P, I, K); -1 is the last, dropped
    votes = voted.sum(axis=0)  # (I, K)
    some = votes.sum(axis=1) > 0
    voted, votes = voted[:, some], votes[some]
    posterior = votes / votes.sum(axis=1, keepdims=True)
    history: list[float] = []
    for _ in range(rounds):
        prior = posterior.mean(axis=0)
        confusion = np.einsum("it,pik->ptk", posterior, voted)
        confusion /= np.maximum(confusion.sum(axis=2, keepdims=True), TINY)
        joint = np.log(prior + TINY) + np.einsum("pik,ptk->it", voted, np.log(confusion + TINY))
        top = joint.max(axis=1, keepdims=True)
        likelihood = np.exp(joint - top)
        history.append(float((top[:, 0] + np.log(likelihood.sum(axis=1))).sum()))
        posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
        if len(history) > 1 and history[-1] - history[-2] < tolerance * abs(history[-1]):
            break
    whole = np.full((len(some), classes), np.nan)
    whole[some] = posterior
    return Consensus(whole, confusion, prior, tuple(history))
