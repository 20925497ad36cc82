from collections.abc import Iterator

import pytest

import glassnet as gn
from glassnet.errors import GlassnetError


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gn.get_num_threads()
    yield
    gn.set_num_threads(before)


def test_what_is_set_is_what_is_told() -> None:
    gn.set_num_threads(1)
    assert gn.get_num_threads() == 1


def test_a_number_that_is_none() -> None:
    with pytest.raises(GlassnetError, match="at least 1, got 0"):
        gn.set_num_threads(0)
