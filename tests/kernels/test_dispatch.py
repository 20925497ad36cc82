"""The one place where a compiled pair is looked up, and how it is turned off."""

import os
import subprocess
import sys

import numpy as np
import pytest

import glassnet as gn
from glassnet.kernels import dispatch


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes that a twin of relu sees, which takes vectors alone."""
    forward, backward = gn.ops.relu.page
    seen: list[tuple[int, ...]] = []

    def twin(x):
        seen.append(x.shape)
        return forward(x)

    monkeypatch.setattr(dispatch, "MODE", "auto")
    monkeypatch.setitem(
        dispatch.TWINS, "relu", dispatch.Twin((twin, backward), lambda x: x.ndim == 1)
    )
    return seen


def test_a_twin_runs_where_it_serves_and_the_page_where_not(calls) -> None:
    gn.ops.relu(gn.ones(3))
    gn.ops.relu(gn.ones(3, 3))
    assert calls == [(3,)]


def test_reference_mode_turns_twins_off(calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MODE", "reference")
    gn.ops.relu(gn.ones(3))
    assert calls == []


def test_a_swap_goes_before_a_twin(calls) -> None:
    mine = gn.ops.relu.page
    with gn.swap("relu", *mine):
        gn.ops.relu(gn.ones(3))
    assert calls == []


@pytest.mark.parametrize(("mode", "runs"), [("reference", "reference"), ("fast", "auto")])
def test_the_mode_comes_from_the_environment(mode: str, runs: str) -> None:
    done = python("import glassnet as gn; print(gn.kernels.MODE)", GLASSNET_KERNELS=mode)
    assert done.stdout.strip() == runs
    assert ("expected 'auto' or 'reference'" in done.stderr) is (mode != runs)


def test_without_llvm_the_pages_run_and_one_line_says_so() -> None:
    code = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "import glassnet as gn; gn.ops.relu(gn.ones(3)); print(gn.ops.relu(-gn.ones(3)).sum())"
    )
    done = python(code, GLASSNET_KERNELS="auto")
    assert done.stdout.strip() == "tensor(0.)"
    assert done.stderr.count("GlassnetWarning") == 1 and "glassnet[fast]" in done.stderr


def test_exact_is_a_call_and_a_context() -> None:
    assert not gn.kernels.is_exact()
    with gn.exact():
        assert gn.kernels.is_exact()
        with gn.exact(False):
            assert not gn.kernels.is_exact()
        assert gn.kernels.is_exact()
    assert not gn.kernels.is_exact()
    setting = gn.exact()
    assert gn.kernels.is_exact()
    setting.undo()
    assert not gn.kernels.is_exact()


def test_every_home_registers_its_twin() -> None:
    import importlib

    for name, home in list(dispatch.HOMES.items()):
        importlib.import_module(f"glassnet.kernels.{home}")
        assert name in dispatch.TWINS
        assert name in gn.operation.__globals__["OPERATIONS"], name


def test_relu_runs_compiled() -> None:
    pytest.importorskip("llvmlite")
    x = np.array([-1.0, 0.0, 2.0, np.nan, -np.inf, np.inf], np.float32)
    assert dispatch.twin("relu", (x,), {}) is not None
    assert dispatch.twin("relu", (x.astype(np.float64),), {}) is None


def test_sums_of_large_arrays_are_compiled() -> None:
    pytest.importorskip("llvmlite")
    draw = np.random.default_rng(0)
    a, b = (draw.standard_normal((3, 41, 300)).astype(np.float32) for _ in range(2))
    np.testing.assert_array_equal(dispatch.added(a, b), a + b)
    np.testing.assert_array_equal(dispatch.added(a, b[:, :, ::-1]), a + b[:, :, ::-1])
    last = [v.reshape(3, 3, 41, 100).transpose(0, 3, 1, 2) for v in (a, b)]
    made = dispatch.added(*last)
    assert made.strides == last[0].strides
    np.testing.assert_array_equal(made, last[0] + last[1])
    assert dispatch.added(a.astype(np.float64), b).dtype == np.float64
