from pathlib import Path

import pytest

from glassnet.humans import oracle


def test_what_needs_no_data_is_checked_without() -> None:
    found = oracle.checks(None)
    assert len(found) == 2 + 4 + 15
    assert [check.agrees for check in found[:2]] == [True, True]
    assert {check.agrees for check in found[2:]} == {None}


@pytest.mark.data
def test_every_published_figure(shared_data: Path) -> None:
    for check in oracle.checks(shared_data):
        assert check.agrees, f"{check.name}: published {check.published}, found {check.found}"


@pytest.mark.data
def test_ten_networks(shared_data: Path) -> None:
    """Two are better than one person; none is better than three, let alone all."""
    found = oracle.networks(shared_data)
    assert all(network.agrees for network in found)
    assert [n.name for n in found if n.verdicts["one person"] == "better"] == [
        "Shake-Shake 26 2x96d", "Wide ResNet 28-10",
    ]  # fmt: skip
    assert found[2].verdicts["one person"] == "not shown"
    assert {n.verdicts["three"] for n in found} == {"worse"} == {n.verdicts["all"] for n in found}
    assert found[0].differences["one person"] == pytest.approx(0.0293 - 0.0476, abs=1e-4)


def test_where_the_data_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSNET_SHARED", str(tmp_path))
    assert oracle.find_data() is None
    (tmp_path / "human").mkdir()
    assert oracle.find_data() == tmp_path
