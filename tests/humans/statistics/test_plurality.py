from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.errors import DataError
from glassnet.humans.published import cifar10h
from glassnet.humans.statistics.plurality import lists_right, plurality_right


def enumerate_groups(counts: list[int], accepted: list[bool], silent: int, k: int) -> float:
    """Every group of k, one after the other; the silent are -1."""
    people = [name for name, n in enumerate(counts) for _ in range(n)] + [-1] * silent
    chances = []
    for group in combinations(people, k):
        votes = Counter(vote for vote in group if vote >= 0)
        winners = [name for name, n in votes.items() if n == max(votes.values())]
        right = sum(accepted[name] for name in winners)
        chances.append(right / len(winners) if winners else 0.0)
    return float(np.mean(chances))


CASE = st.tuples(
    st.lists(st.integers(0, 3), min_size=2, max_size=4), st.integers(0, 2), st.integers(1, 5)
)


@given(CASE, st.data())
def test_every_group_counted(case: tuple[list[int], int, int], data: st.DataObject) -> None:
    counts, silent, k = case
    size = len(counts)
    accepted = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    found = plurality_right(np.array([counts]), np.array([accepted]), k, np.array([silent]))[0]
    if sum(counts) + silent < k:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(enumerate_groups(counts, accepted, silent, k))


def test_one_person_is_the_share() -> None:
    counts = np.array([[7, 2, 1]])
    assert plurality_right(counts, np.array([[True, False, False]]), 1)[0] == pytest.approx(0.7)
    with pytest.raises(DataError, match="at least one person"):
        plurality_right(counts, counts > 0, 0)


def test_lists_of_one_are_a_plurality() -> None:
    answers = np.array([[0, 1], [0, 2], [1, 2], [2, 1], [0, 0]])  # (people, images)
    votes = np.eye(3)[answers]
    accepted = np.array([[True, False, False], [False, True, False]])
    counts = votes.sum(axis=0)
    for k in (1, 2, 3, 5):
        np.testing.assert_allclose(
            lists_right(votes, accepted, k, guesses=1), plurality_right(counts, accepted, k)
        )


def test_lists_of_two() -> None:
    """Three people name two each; the group names the two most named."""
    votes = np.array([[[1, 1, 0, 0]], [[1, 0, 1, 0]], [[1, 0, 0, 1]]], float)
    accepted = np.array([[False, True, False, False]])
    assert lists_right(votes, accepted, 3, guesses=2)[0] == pytest.approx(1 / 3)  # 0, one of three
    assert lists_right(votes, accepted, 1, guesses=2)[0] == pytest.approx(1 / 3)
    assert np.isnan(lists_right(votes, accepted, 4, guesses=2)[0])
    assert lists_right(np.zeros((2, 1, 4)), accepted, 2, guesses=2)[0] == 0


def test_many_groups_are_drawn() -> None:
    generator = np.random.default_rng(0)
    votes = np.eye(3)[generator.choice(3, (20, 1), p=[0.5, 0.3, 0.2])]
    accepted = np.array([[True, False, False]])
    exact = plurality_right(votes.sum(axis=0), accepted, 7)
    assert lists_right(votes, accepted, 7, guesses=1) == pytest.approx(exact, abs=0.03)


@pytest.mark.data
def test_cifar10h(shared_data: Path) -> None:
    counts = cifar10h(shared_data / "human" / "cifar10h-counts.npy")
    truth = np.eye(10, dtype=bool)[np.load(shared_data / "cifar10" / "labels.npz")["test"]]
    assert 1 - counts[truth].sum() / counts.sum() == pytest.approx(0.0476, abs=5.1e-5)
    assert 1 - plurality_right(counts, truth, 3).mean() == pytest.approx(0.0218, abs=5.1e-5)
