"""People in general: a mixed-effects model of errors with people and images drawn at random.

logit P(wrong) = intercept + network + person + image, person ~ N(0, s_P^2), image ~ N(0, s_I^2);
a network is a fixed effect, so exp(network) is its odds of an error beside the average person's.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError, require
from glassnet.humans.statistics.intervals import LEVEL, Interval

Array = NDArray[Any]
FEWEST = 5  # people; with fewer, how they differ cannot be told
LARGEST = 200_000  # answers; beyond, the fit takes minutes
APPROXIMATION = (
    "mean-field variational Bayes (statsmodels BinomialBayesMixedGLM), priors N(0, 5^2) on fixed "
    "effects and N(0, 1) on log standard deviations; mean field takes the intercept and the "
    "people as independent and so hides the doubt that comes from having few people, which is "
    "therefore added back: variance + s_P^2 / P, on t with Satterthwaite's degrees of freedom"
)


@dataclass(frozen=True)
class OddsRatio:
    """A network's odds of an error divided by the average person's: below 1, it errs less."""

    ratio: float
    interval: Interval
    p: float


@dataclass(frozen=True)
class Mixed:
    """The fitted model."""

    networks: dict[str, OddsRatio]
    spread_people: float  # s_P, on the scale of log odds
    spread_items: float  # s_I
    people: int
    items: int
    approximation: str = APPROXIMATION


def mixed_model(people: Array, networks: dict[str, Array]) -> Mixed:
    """Fit errors of people (P, I) and of networks {name: (I,)} together.

    Raises DataError below five people, without an error or a right answer, or where the answers
    are too many for it (then the crossed analysis speaks alone).
    """
    count = len(people)
    if count < FEWEST:
        raise DataError(
            f"{count} people: a claim about people in general needs at least {FEWEST}; the report "
            "speaks of these people only"
        )
    if people.size + sum(map(np.size, networks.values())) > LARGEST:
        raise DataError(f"more than {LARGEST:,} answers: the mixed model would take minutes")
    rows = np.vstack([people, *networks.values()])  # (P + M, I)
    who, item = np.nonzero(~np.isnan(rows))
    y = (rows[who, item] > 0.5).astype(float)
    if y.min() == y.max():
        raise DataError("all answers are right, or all are wrong: there is nothing to model")
    result = _fit(y, who, item, count, len(networks), rows.shape[1])
    spread, spread_items = (float(s) for s in np.exp(result.vcp_mean))
    return Mixed(
        {
            name: _odds_ratio(float(mean), float(sd) ** 2, spread**2 / count, count)
            for name, mean, sd in zip(networks, result.fe_mean[1:], result.fe_sd[1:], strict=True)
        },
        spread,
        spread_items,
        count,
        rows.shape[1],
    )


def _fit(y: Array, who: Array, item: Array, people: int, networks: int, items: int) -> Any:
    """statsmodels' result; random effects are people, then images."""
    from scipy import sparse

    module = require("statsmodels.genmod.bayes_mixed_glm", "web")
    n = len(y)
    fixed = np.zeros((n, 1 + networks))
    fixed[:, 0] = 1
    for m in range(networks):
        fixed[who == people + m, 1 + m] = 1
    human = np.flatnonzero(who < people)
    effects = sparse.hstack(
        [
            sparse.csr_matrix((np.ones(len(human)), (human, who[human])), shape=(n, people)),
            sparse.csr_matrix((np.ones(n), (np.arange(n), item)), shape=(n, items)),
        ]
    ).tocsr()
    ident = np.r_[np.zeros(people, int), np.ones(items, int)]
    model = module.BinomialBayesMixedGLM(y, fixed, effects, ident, vcp_p=1, fe_p=5)
    size = fixed.shape[1] + 2 + people + items
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow while a step is too long
        return model.fit_vb(
            mean=np.zeros(size),
            sd=np.full(size, 0.1),
            fit_method="L-BFGS-B",
            minim_opts={"maxiter": 3000, "maxfun": 10_000},
        )


def _odds_ratio(effect: float, variance: float, from_people: float, people: int) -> OddsRatio:
    from scipy.stats import t

    error = math.sqrt(variance + from_people)
    df = (variance + from_people) ** 2 / (from_people**2 / (people - 1))
    reach = float(t.ppf((1 + LEVEL) / 2, df)) * error
    return OddsRatio(
        math.exp(effect),
        Interval(math.exp(effect - reach), math.exp(effect + reach)),
        float(2 * t.sf(abs(effect) / error, df)),
    )
