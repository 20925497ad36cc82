from pathlib import Path

import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.published import cifar10h
from glassnet.humans.statistics.agreement import krippendorff_alpha


def test_the_textbook_example() -> None:
    """Four observers, twelve units, missing answers [Krippendorff 2011, section C]: 0.743."""
    rows = """
        1 1 . 1   2 2 3 2   3 3 3 3   3 3 3 3   2 2 2 2   1 2 3 4
        4 4 4 4   1 1 2 1   2 2 2 2   . 5 5 5   . . 1 1   . . 3 .
    """.split()
    units = np.array(rows).reshape(12, 4)
    counts = np.array([[(unit == str(k)).sum() for k in range(1, 6)] for unit in units])
    assert krippendorff_alpha(counts) == pytest.approx(0.743, abs=5e-4)


def test_agreement_and_chance() -> None:
    assert krippendorff_alpha(np.array([[3, 0], [0, 3], [3, 0]])) == 1
    generator = np.random.default_rng(0)
    counts = generator.multinomial(5, [0.2, 0.3, 0.5], 4000)
    assert krippendorff_alpha(counts) == pytest.approx(0, abs=0.02)


def test_refused() -> None:
    with pytest.raises(DataError, match="at least two people"):
        krippendorff_alpha(np.array([[1, 0], [0, 1]]))
    with pytest.raises(DataError, match="undefined"):
        krippendorff_alpha(np.array([[2, 0], [3, 0]]))


@pytest.mark.data
def test_cifar10h(shared_data: Path) -> None:
    counts = cifar10h(shared_data / "human" / "cifar10h-counts.npy")
    assert krippendorff_alpha(counts) == pytest.approx(0.91506, abs=5.1e-6)
