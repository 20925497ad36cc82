"""The demo: twenty digits beside a network that never saw them."""

from typing import Any

import pytest

from glassnet import train
from glassnet.errors import Refused
from glassnet.humans import demo
from glassnet.humans.bench import Benches
from tests.humans.people import finish


def test_a_newcomer_sees_a_network_that_never_saw_the_same_twenty(
    here: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned_from: list[str] = []

    def fit(net: Any, learned: Any, **options: Any) -> Any:
        """As it is, on every fourth digit, so that the test is fast."""
        learned_from.extend(learned.files())
        few = learned.subset(range(0, len(learned), 4))
        return fitted(net, few, **options)

    fitted = train.fit
    monkeypatch.setattr(train, "fit", fit)
    bench = here.demo()
    assert here.demo() is bench
    tested = {item.name for item in bench.manifest.of_kind("test")}
    assert len(tested) == 20 and len(learned_from) == 4000
    assert tested.isdisjoint(learned_from)
    first, second = bench.walk_in(), bench.walk_in()
    for session in (first, second):
        session.consent(True)
    finish(first)
    with pytest.raises(Refused, match="after the test is locked"):
        first.reveal()
    first.lock()
    shown = first.reveal()
    assert len(shown) == 20 and all(row.right for row in shown)
    assert sum(row.models_right[demo.MODEL] for row in shown) >= 12
    assert first.image(shown[3].image)
    with pytest.raises(Refused):
        second.reveal()
