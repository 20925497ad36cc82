"""The one place where a compiled pair is looked up, and how it is turned off."""

import os
import subprocess
import sys

import pytest

import glassnet as gn
from glassnet import kernels


def test_a_twin_stands_in_for_its_page_and_reference_mode_turns_it_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forward, backward = gn.ops.relu.page
    calls = []

    def twin(x):
        calls.append(x.shape)
        return forward(x)

    monkeypatch.setitem(kernels.TWINS, "relu", (twin, backward))
    gn.ops.relu(gn.ones(3))
    assert calls == [(3,)]
    monkeypatch.setattr(kernels, "MODE", "reference")
    gn.ops.relu(gn.ones(3))
    assert calls == [(3,)]


@pytest.mark.parametrize(("mode", "runs"), [("reference", "reference"), ("fast", "auto")])
def test_the_mode_comes_from_the_environment(mode: str, runs: str) -> None:
    environment = os.environ | {"GLASSNET_KERNELS": mode}
    code = "import glassnet as gn; print(gn.kernels.MODE)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == runs
    assert ("expected 'auto' or 'reference'" in done.stderr) is (mode != runs)
