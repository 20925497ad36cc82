import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet.web.sections import LEAST, MOST, Section, sections

PATHS = st.lists(st.lists(st.sampled_from("abc"), max_size=4).map(tuple), min_size=1, max_size=120)


@given(PATHS)
def test_every_class_stands_in_one_section(paths: list[tuple[str, ...]]) -> None:
    found = sections(sorted(paths))
    assert found[0].first == 0
    assert found[-1].last == len(paths)
    assert all(a.last == b.first for a, b in itertools.pairwise(found))
    assert all(s.first < s.last and s.title for s in found)


def test_few_classes_stay_together() -> None:
    assert sections([("animal", "dog")] * MOST) == [Section("All classes", "", 0, MOST)]
    assert sections([()] * 500) == [Section("All classes", "", 0, 500)]


def test_a_large_part_is_divided_and_small_ones_go_together() -> None:
    paths = [("thing", "animal", "dog")] * 30 + [("thing", "animal", "cat")] * 10
    paths += [("thing", "plant")] * (LEAST - 1) + [("thing", "stone")] * (LEAST - 2)
    found = sections(paths)
    assert [(s.title, s.trail, s.last - s.first) for s in found] == [
        ("dog", "animal", 30), ("cat", "animal", 10), ("other: thing", "", 7),
    ]  # fmt: skip


@pytest.mark.data
def test_a_thousand_classes(shared_data: Path) -> None:
    data = json.loads((shared_data / "imagenet-classes.json").read_text())
    paths = sorted([data["nodes"][n] for n in c["path"][:-1]] for c in data["classes"])
    found = sections(paths)
    assert found[-1].last == 1000
    assert 40 < len(found) < 150
    assert max(s.last - s.first for s in found) <= MOST + LEAST
    assert "terrier" in {s.title for s in found}
