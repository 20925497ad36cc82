import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from glassnet.errors import DataError
from glassnet.humans.statistics.intervals import clopper_pearson, effective_wilson, wilson


def test_the_published_400() -> None:
    low, high = wilson(24, 400)
    assert (round(100 * low, 2), round(100 * high, 2)) == (4.06, 8.77)


@given(st.integers(1, 500), st.data())
def test_scipy_agrees(n: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, n))
    test = binomtest(errors, n)
    for method, interval in (("wilson", wilson), ("exact", clopper_pearson)):
        expected = test.proportion_ci(method=method)
        assert interval(errors, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_an_effective_size_of_n_is_wilson() -> None:
    error = math.sqrt(0.1 * 0.9 / 200)
    assert effective_wilson(0.1, error, 200) == pytest.approx(wilson(20, 200))
    assert effective_wilson(0.0, 0.0, 200) == pytest.approx(wilson(0, 200))


def test_few_degrees_of_freedom_widen() -> None:
    error = math.sqrt(0.1 * 0.9 / 200)
    narrow, wide = effective_wilson(0.1, error, 200), effective_wilson(0.1, error, 200, df=4)
    assert wide.low < narrow.low < 0.1 < narrow.high < wide.high


@pytest.mark.parametrize(("errors", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_no_proportion(errors: int, n: int) -> None:
    with pytest.raises(DataError, match="is no proportion"):
        wilson(errors, n)
