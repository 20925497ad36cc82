import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm, permutation_test
from statsmodels.stats.multitest import multipletests

from glassnet.errors import DataError
from glassnet.humans.statistics import paired
from glassnet.humans.statistics.paired import Discordant

COUNTS = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 100)).map(
    lambda x: Discordant(x[0] + x[1] + x[2], x[0], x[1], 0)
)


def test_what_is_counted() -> None:
    network = np.array([1, 1, 0, 0, 1, np.nan])
    person = np.array([1, 0, 1, 0, np.nan, 1])
    assert paired.discordant(network, person) == Discordant(4, 1, 1, 1)
    with pytest.raises(DataError, match="no image in common"):
        paired.discordant(network[4:], person[4:])


def test_published_two_proportion() -> None:
    """GoogLeNet's 102 against a person's 76 errors of 1,500, published as 0.022."""
    assert paired.two_proportion(76, 1500, 102, 1500) == pytest.approx(0.02225, abs=5e-6)


def test_mcnemar_by_hand() -> None:
    assert paired.mcnemar(Discordant(50, 12, 2, 20)) == pytest.approx(2 * (1 + 14 + 91) / 2**14)
    assert paired.mcnemar(Discordant(50, 0, 0, 3)) == 1


def test_tango_on_published_data() -> None:
    """Airway reactivity of 21 children, 1 and 7 discordant [Fagerland et al. 2014]."""
    low, high = paired.tango(Discordant(21, 1, 7, 1))
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


def constrained_z(counts: Discordant, d: float) -> float:
    """Tango's statistic from the likelihood, maximised numerically instead of by its formula."""
    n, b, c = counts.n, counts.network_only, counts.person_only

    def minus_likelihood(q: float) -> float:
        terms = ((b, q + d), (c, q), (n - b - c, 1 - 2 * q - d))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0.0, -d), (1 - d) / 2
    q = minimize_scalar(
        minus_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    return (b - c - n * d) / math.sqrt(n * (2 * q + d - d * d))


@given(COUNTS, st.floats(-0.9, 0.9).filter(lambda d: abs(d) > 1e-3))
def test_tango_is_the_constrained_likelihood(counts: Discordant, d: float) -> None:
    assert paired.tango_z(counts, d) == pytest.approx(constrained_z(counts, d), rel=1e-3, abs=1e-3)


@given(COUNTS)
def test_tango_inverts_its_test(counts: Discordant) -> None:
    low, high = paired.tango(counts)
    middle = (counts.network_only - counts.person_only) / counts.n
    assert -1 <= low <= middle <= high <= 1
    for edge, sign in ((low, 1), (high, -1)):
        if abs(edge) < 1:
            assert paired.tango_z(counts, edge) == pytest.approx(sign * norm.ppf(0.975), abs=1e-6)
    swapped = paired.tango(Discordant(counts.n, counts.person_only, counts.network_only, 0))
    assert swapped == pytest.approx((-high, -low), abs=1e-9)


def test_non_inferiority() -> None:
    counts = Discordant(400, 12, 10, 6)  # half a point worse
    assert paired.non_inferiority(counts, 0) > 0.5
    assert paired.non_inferiority(counts, 0.05) < 0.001
    edge = paired.tango(counts).high
    assert paired.non_inferiority(counts, edge) == pytest.approx(0.025, abs=1e-6)


def test_permutation_is_scipys() -> None:
    difference = np.random.default_rng(0).choice([-1, -0.5, 0, 0.25, 1], 12)
    exact = permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert paired.permutation(difference) == pytest.approx(exact, abs=0.015)


def test_permutation_of_errors_is_mcnemar() -> None:
    difference = np.repeat([1.0, -1.0, 0.0], [12, 2, 36])
    exact = paired.mcnemar(Discordant(50, 12, 2, 20))
    assert paired.permutation(difference, seed=3) == pytest.approx(exact, abs=0.002)
    assert paired.permutation(np.zeros(9)) == 1


def test_adjusted_mean_is_agresti_and_min() -> None:
    """delta = (b - c) / (n + 2), variance ((b + c + 1) - (b - c)^2 / (n + 2)) / (n + 2)^2."""
    n, b, c = 160, 40, 20
    mean, error = paired.adjusted_mean(np.repeat([1.0, -1.0, 0.0], [b, c, n - b - c]))
    assert mean == pytest.approx((b - c) / (n + 2))
    assert error == pytest.approx(math.sqrt((b + c + 1) - (b - c) ** 2 / (n + 2)) / (n + 2))


def test_no_difference_is_not_certainty() -> None:
    low, high = paired.mean_interval(np.zeros(100))
    assert low < -0.01 and high > 0.01


def test_mean_interval_covers() -> None:
    generator = np.random.default_rng(1)
    values, chances = np.array([-1, -0.3, 0, 0.6, 1]), [0.05, 0.05, 0.8, 0.06, 0.04]
    inside = 0
    for _ in range(1000):
        low, high = paired.mean_interval(generator.choice(values, 150, p=chances))
        inside += low <= values @ chances <= high
    assert 0.93 <= inside / 1000 <= 0.975


def test_holm() -> None:
    assert paired.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert paired.holm([]) == []


@settings(max_examples=8)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p: list[float]) -> None:
    assert paired.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
