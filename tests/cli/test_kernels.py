"""kernels and warm-up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from glassnet.kernels import HOMES
from tests.cli.conftest import Invoke

pytest.importorskip("llvmlite")


def test_every_operation_with_its_twin_and_speed(invoke: Invoke) -> None:
    result = invoke("kernels", "--seconds", 0.001, "--json")
    assert all(name[:20] in result.stderr for name in HOMES)
    answer = json.loads(result.stdout)
    rows = {row["operation"]: row for row in answer["operations"]}
    assert list(rows) == list(HOMES)
    assert rows["conv2d"]["module"] == "conv" and rows["conv2d"]["gflops"] > 0
    assert all(row["forward"] > 0 and row["page_backward"] > 0 for row in rows.values())
    assert answer["lanes"] in (4, 8, 16) and answer["compiled"] > 0
    assert set(answer["launch_us"]) >= {"1"}


def test_the_code_itself(invoke: Invoke) -> None:
    answer = json.loads(invoke("kernels", "--asm", "linear", "--json").stdout)
    forward = next(code for name, code in answer["kernels"].items() if "rows_by_rows" in name)
    assert "glassnet_rows_by_rows" in forward and "fm" in forward
    assert forward.count("\n") > 50 and "_entry" not in forward
    assert "rows_by_rows" in invoke("kernels", "--asm", "linear").stdout


def test_the_code_of_an_operation_without_a_twin(invoke: Invoke) -> None:
    result = invoke("kernels", "--asm", "einsum")
    assert result.exit_code == 1
    assert "'einsum' has no compiled twin" in result.stderr and "conv2d" in result.stderr


@pytest.mark.slow
def test_warm_up_leaves_nothing_to_compile(tmp_path: Path) -> None:
    environment = os.environ | {"GLASSNET_KERNEL_CACHE": str(tmp_path), "GLASSNET_KERNELS": "auto"}
    words = [sys.executable, "-m", "glassnet", "warm-up", "--json"]
    for first in (True, False):
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout.splitlines()[-1])
        assert (answer["compiled"] > 30) is first
        assert answer["kept"] == len(list(tmp_path.glob("*/*.o")))


def test_reference_mode_is_said(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.look.kernels.MODE", "reference")
    result = invoke("kernels")
    assert result.exit_code == 1 and "the NumPy pages run" in result.stderr
