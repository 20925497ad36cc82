"""Splits: a partition, in proportion, repeatable, and groups never on two sides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import data
from glassnet.errors import DataError

LABELS = st.lists(st.integers(0, 4), max_size=60)
FRACTIONS = st.floats(0, 1)


@given(LABELS, FRACTIONS, st.integers(0, 2**32))
def test_stratified_is_a_partition_in_proportion(
    labels: list[int], fraction: float, seed: int
) -> None:
    rest, held = data.stratified(labels, fraction, seed)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    for k in set(labels):
        n, h = labels.count(k), sum(labels[i] == k for i in held)
        assert abs(h - fraction * n) <= 0.5 or h in (1, n - 1)
        if n > 1 and 0 < fraction < 1:
            assert 0 < h < n
    again = data.stratified(labels, fraction, seed)
    np.testing.assert_array_equal(held, again[1])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), max_size=60), FRACTIONS)
def test_a_group_is_never_on_two_sides(rows: list[tuple[int, int]], fraction: float) -> None:
    labels, groups = [k for k, _ in rows], [g for _, g in rows]
    try:
        rest, held = data.grouped(labels, groups, fraction)
    except DataError:
        return  # cannot be divided
    assert sorted([*rest, *held]) == list(range(len(rows)))
    assert not {groups[i] for i in rest} & {groups[i] for i in held}


def test_groups_keep_the_proportions() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4000)
    labels = rng.integers(0, 5, 4000)
    _, held = data.grouped(labels, groups.tolist(), 0.25, seed=3)
    assert abs(np.bincount(labels[held]) / np.bincount(labels) - 0.25).max() < 0.03
    other = data.grouped(labels, groups.tolist(), 0.25, seed=4)[1]
    assert not np.array_equal(held, other)


def test_seeds_differ_and_extremes_hold() -> None:
    labels = np.repeat([0, 1], 50)
    assert not np.array_equal(
        data.stratified(labels, 0.2, 0)[1], data.stratified(labels, 0.2, 1)[1]
    )
    assert len(data.stratified(labels, 0)[1]) == 0 and len(data.stratified(labels, 1)[0]) == 0
    assert data.stratified([0, 0, 1], 0.5)[1].tolist() in ([0], [1])  # a single sample stays
    with pytest.raises(DataError, match="between 0 and 1, got 20"):
        data.stratified(labels, 20)


def test_splitting_a_data_set_by_keys_patterns_and_functions() -> None:
    ds = data.arrays(np.arange(40.0)[:, None], [0, 1] * 20, name="shoot")
    train, held = data.split(ds, 0.25)
    assert (len(train), len(held)) == (30, 10) and held.labels.tolist().count(0) == 5
    tens = [i // 10 for i in range(40)]
    for groups in (tens, np.array(tens), r"/(\d?)\d$", lambda name: len(name)):
        train, held = data.split(ds, 0.25, groups=groups)  # type: ignore[arg-type]
        assert len(train) + len(held) == 40 and len(held) > 0
        if not callable(groups):
            assert {f[:-1] for f in train.files()}.isdisjoint({f[:-1] for f in held.files()})
    with pytest.raises(DataError, match=r"does not match 10 of 40 names, among them \['shoot/0'"):
        data.split(ds, groups=r"/\d\d$")
    with pytest.raises(DataError, match="40 samples but 2 group keys"):
        data.split(ds, groups=["a", "b"])
    with pytest.raises(DataError, match="1 groups cannot be divided"):
        data.split(ds, groups=lambda name: "all")
