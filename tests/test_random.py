"""Randomness is a function of integers, and never of the order of calls."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glassnet import random

numbers = st.integers(0, 2**31)


@given(numbers, numbers, st.lists(numbers, min_size=1, max_size=8))
def test_a_sample_draws_the_same_in_any_batch(seed, epoch, samples):
    together = random.uniforms(seed, epoch, np.array(samples), 5)
    alone = [random.uniforms(seed, epoch, np.array([s]), 3)[0] for s in samples]
    np.testing.assert_array_equal(together[:, :3], alone)
    assert together.min() >= 0
    assert together.max() < 1


def test_draws_are_uniform_and_independent():
    u = random.uniforms(0, 0, np.arange(20_000), 4)
    assert abs(u.mean() - 0.5) < 0.01
    assert abs(u.var() - 1 / 12) < 0.005
    c = np.corrcoef(u.T) - np.eye(4)
    assert np.abs(c).max() < 0.03
    other = random.uniforms(1, 0, np.arange(20_000), 4)
    assert abs(np.corrcoef(u[:, 0], other[:, 0])[0, 1]) < 0.03
    histogram, _ = np.histogram(u, bins=20, range=(0, 1))
    assert histogram.min() > 3700  # 4,000 expected in each, standard deviation 62


def test_generators_are_derived_and_scoped():
    assert random.derive(1, 2).random() == random.derive(1, 2).random()
    assert random.derive(1, 2).random() != random.derive(2, 1).random()
    random.manual_seed(3)
    a = random.generator().random()
    with random.using(random.derive(9)):
        random.generator().random()
    b = random.generator().random()
    random.manual_seed(3)
    assert [random.generator().random() for _ in range(2)] == [a, b]
