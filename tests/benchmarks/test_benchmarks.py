"""What measures is itself right: turns and ratios, results kept by name, layers found."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks import layers, networks, report, results, timing
from glassnet import nn, no_grad, tensor


def test_ratios_are_taken_turn_by_turn() -> None:
    theirs, ours = [0.2, 0.4, 0.6, 0.8], [0.1, 0.2, 0.2, 0.8]  # ratios 2, 2, 3, 1
    found = timing.compare(theirs, ours)
    assert found.ratio == 2.0
    assert found.ours_ms == pytest.approx(200)
    assert found.theirs_ms == pytest.approx(500)
    assert found.spread[0] <= found.ratio <= found.spread[1]


def test_contenders_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    monkeypatch.setattr(timing, "WARM", 0.0)
    clock, calls = itertools.count(), []
    contenders = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    times = timing.interleave(contenders, turns=3, seconds=0, clock=lambda: next(clock))
    assert [len(t) for t in times.values()] == [3, 3]
    assert calls == ["a", "a", "b", "b"] * 4  # a call to wake up, one that counts, a first turn


def test_results_are_kept_by_name_and_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    monkeypatch.setattr(results, "commit", lambda: "abc")
    monkeypatch.setattr(results, "versions", lambda: "none")
    row = {"name": "step X", "peer": "P", "ours_ms": 1.0, "theirs_ms": 2.0, "ratio": 2.0,
           "spread": [1.9, 2.1]}  # fmt: skip
    results.add([row, row | {"peer": "P, malloc tuned"}])
    results.add([row | {"ours_ms": 3.0}])
    kept = {r["peer"]: r["ours_ms"] for r in results.read()}
    assert kept == {"P": 3.0, "P, malloc tuned": 1.0}
    assert results.has("step X", tuned=False)
    assert not results.has("step Y", tuned=False)
    assert {"machine", "versions", "commit", "date"} <= results.read()[0].keys()
    assert "| step X | 3.00 ms | P | 2.00 ms | 2.00 (1.90 to 2.10) |" in report._tables(
        results.read()
    )


def test_the_layers_of_a_network() -> None:
    found = {str(layer): count for layer, count in layers.layers("ResNet-20").items()}
    assert found["conv(16, 16, 3, 1, 1, 1) on 64x16x32x32"] == 6
    assert found["batch_norm(64,) on 64x64x8x8"] == 7
    assert sum(count for name, count in found.items() if name.startswith("conv")) == 21


@pytest.mark.parametrize("name", ["LeNet-like", "ConvNetJS", "MLP"])
def test_networks_answer(name: str) -> None:
    network = networks.TRAINED[name]
    with no_grad():
        y = network.make(nn)(tensor(np.zeros((2, *network.shape), np.float32)))
    assert y.shape == (2, network.classes)


def test_efficientnet_has_the_published_number_of_parameters() -> None:
    net = networks.efficientnet_lite0(nn)
    # 4,652,008 with weight and bias of 49 batch norms, 42,016 numbers in all; here a bias each
    assert net.num_parameters() == 4_652_008 - 21_008
