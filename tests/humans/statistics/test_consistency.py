from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from glassnet.errors import DataError
from glassnet.humans.published import geirhos
from glassnet.humans.statistics.consistency import among_people, consistency, with_network


def test_kappa_is_statsmodels() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 2, (2, 60)).astype(float)
    table = [[((first == i) & (second == j)).sum() for j in (0, 1)] for i in (0, 1)]
    found = consistency(first, second)
    assert found.kappa == pytest.approx(cohens_kappa(np.array(table)).kappa)
    assert found.observed == pytest.approx((first == second).mean())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_undefined_where_nobody_differs(value: float) -> None:
    everything = np.full(20, value)
    found = consistency(everything, everything)
    assert (found.kappa, found.expected, found.undefined) == (None, 1.0, 1)
    people = among_people(np.full((3, 20), value))
    assert people.kappa is None and people.interval is None and people.undefined == 3


def test_only_images_that_both_saw() -> None:
    first, second = np.array([1, 0, np.nan, 0]), np.array([1, 0, 1, np.nan])
    assert consistency(first, second).kappa == 1
    with pytest.raises(DataError, match="no two of them have an image in common"):
        consistency(first[2:], second[2:])
    with pytest.raises(DataError, match="at least two"):
        among_people(first[None])


def test_pairs_of_people_and_network() -> None:
    generator = np.random.default_rng(1)
    errors = generator.integers(0, 2, (4, 50)).astype(float)
    kappas = [consistency(errors[i], errors[j]).kappa for i in range(4) for j in range(i)]
    assert among_people(errors).kappa == pytest.approx(np.mean(kappas))
    network = generator.integers(0, 2, 50).astype(float)
    with_it = [consistency(row, network).kappa for row in errors]
    assert with_network(errors, network).kappa == pytest.approx(np.mean(with_it))


def test_the_interval_is_repeatable_and_covers() -> None:
    """True kappa by construction: both copy a common coin on a share of the images."""
    inside = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        common = generator.random(200) < 0.3
        own = generator.random((6, 200)) < 0.3
        errors = np.where(generator.random((6, 200)) < 0.6, common, own).astype(float)
        found = among_people(errors, seed=seed, resamples=200)
        assert found.interval is not None
        inside += found.interval.low <= 0.36 <= found.interval.high  # 0.6 * 0.6
        if seed == 0:
            assert among_people(errors, seed=0, resamples=200) == found
    assert inside >= 35


@pytest.mark.data
@pytest.mark.parametrize(
    ("images", "accuracy", "observed", "kappa"),
    [
        ("sketch", 0.916, 0.900, 0.370),
        ("stylized", 0.471, 0.750, 0.501),
        ("edge", 0.871, 0.839, 0.318),
        ("silhouette", 0.753, 0.803, 0.476),
        ("cue-conflict", 0.776, 0.765, 0.331),
    ],
)
def test_published_people(
    shared_data: Path,
    images: str,
    accuracy: float,
    observed: float,
    kappa: float,
) -> None:
    answers = geirhos(shared_data / "human" / "model-vs-human" / images)
    found = among_people(1 - answers.correct, resamples=10)
    assert answers.correct.mean() == pytest.approx(accuracy, abs=5e-4)
    assert found.observed == pytest.approx(observed, abs=5.1e-4)
    assert found.kappa == pytest.approx(kappa, abs=5.1e-4)
