"""The order of trials: each person's own, the same for ever, checks spread among the test."""

from dataclasses import replace

from glassnet.humans.manifest import Class, Item, Manifest
from glassnet.humans.order import trials

ITEMS = (
    *(Item(f"train/{i}", "training", ("a",), "") for i in range(5)),
    *(Item(f"test/{i}", "test", ("a",), "") for i in range(100)),
    *(Item(f"check/{i}", "check", ("b",), "") for i in range(4)),
)
MANIFEST = Manifest("m", "p", "t", "s", (Class("a"), Class("b")), ITEMS, "yes", seed=7)


def test_every_item_once_and_training_first() -> None:
    order = trials(MANIFEST, 3)
    assert sorted(i.name for i in order) == sorted(i.name for i in ITEMS)
    assert [i.kind for i in order[:5]] == ["training"] * 5
    assert {i.kind for i in order[5:]} == {"test", "check"}


def test_it_never_changes() -> None:
    """A study that is under way must meet the same order after any update."""
    assert [item.name for item in trials(MANIFEST, 0)][:8] == [
        "train/3", "train/2", "train/0", "train/1", "train/4", "test/59", "test/99", "test/29",
    ]  # fmt: skip


def test_people_and_seeds_have_orders_of_their_own() -> None:
    first = [[i.name for i in trials(MANIFEST, n)] for n in range(20)]
    assert len({tuple(order) for order in first}) == 20
    assert [i.name for i in trials(replace(MANIFEST, seed=8), 0)] != first[0]


def test_checks_are_spread_over_the_test() -> None:
    for number in range(20):
        places = [i for i, item in enumerate(trials(MANIFEST, number)[5:]) if item.kind == "check"]
        quarters = [place * 4 // 104 for place in places]
        assert quarters == [0, 1, 2, 3]


def test_places_do_not_tell_the_item() -> None:
    """Over many people, an item is as likely early as late."""
    places = [[i.name for i in trials(MANIFEST, n)].index("test/0") for n in range(400)]
    assert abs(sum(places) / 400 - (5 + 103 / 2)) < 5
