"""`import glassnet` needs NumPy and nothing heavy."""

import subprocess
import sys

import pytest

import glassnet as gn
from glassnet import MissingExtra, errors


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_nothing_but_numpy_is_loaded():
    added = run(
        "import sys, numpy.random; before = set(sys.modules); import glassnet;"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    ).split()
    assert set(added) - set(sys.stdlib_module_names) == {"glassnet", "numpy"} & set(added)


def test_public_names_are_there():
    for name in gn.__all__:
        assert getattr(gn, name) is not None
    assert set(gn.__all__) <= set(dir(gn))
    with pytest.raises(AttributeError, match="nonsense"):
        gn.nonsense  # noqa: B018


def test_a_missing_library_is_told_with_the_command():
    with pytest.raises(MissingExtra, match=r"pip install 'glassnet\[demo\]'"):
        errors.require("surely_not_there", "demo")
