"""From source to machine code: the store of object files, and what makes them stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import glassnet
from glassnet.kernels import compile as compiling
from glassnet.kernels.compile import Task
from glassnet.kernels.vector import Floats

SOURCE = Path(glassnet.__file__).parent
RELU = (
    "import glassnet as gn; gn.ops.relu(gn.ones(3))\n"
    "from glassnet.kernels.compile import COMPILED; print(len(COMPILED))"
)


def relu(cache: Path, path: Path | None = None) -> tuple[int, str]:
    """Run relu in a process of its own: how many object files it compiled, and what it said."""
    environment = os.environ | {"GLASSNET_KERNEL_CACHE": str(cache), "GLASSNET_KERNELS": "auto"}
    if path:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, "-c", RELU], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout), done.stderr


def test_what_was_compiled_is_kept_and_said_once(tmp_path: Path) -> None:
    compiled, said = relu(tmp_path)
    assert compiled == 2 and said.count("compiling kernels") == 1  # the launcher and relu
    assert relu(tmp_path) == (0, "")


def test_a_damaged_file_is_compiled_again(tmp_path: Path) -> None:
    relu(tmp_path)
    for name, damage in (("relu", lambda d: d[:-9]), ("launcher", lambda d: b"x" + d[1:])):
        (file,) = tmp_path.glob(f"*/*{name}*.o")
        file.write_bytes(damage(file.read_bytes()))
        assert relu(tmp_path)[0] == 1
    assert relu(tmp_path)[0] == 0


def test_a_change_of_any_kernel_source_makes_all_stale(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "src" / "glassnet", ignore=shutil.ignore_patterns("__pyc*"))
    cache = tmp_path / "cache"
    assert relu(cache, tmp_path / "src")[0] == 2
    assert relu(cache, tmp_path / "src")[0] == 0
    with open(tmp_path / "src" / "glassnet" / "kernels" / "vector.py", "a") as file:
        file.write("# another word\n")
    assert relu(cache, tmp_path / "src")[0] == 2
    assert len(list(cache.iterdir())) == 2


def test_a_store_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert relu(tmp_path / "file")[0] == 2
    assert relu(tmp_path / "file")[0] == 2


def test_folders_of_old_versions_go(tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / f"old{i}").mkdir()
        os.utime(tmp_path / f"old{i}", (i, i))
    relu(tmp_path)
    kept = {folder.name for folder in tmp_path.iterdir()}
    assert len(kept) == compiling.KEPT and {"old5", "old4"} <= kept


def test_threads_that_ask_for_the_same_kernel_get_the_same() -> None:
    def twice(begin: int, end: int, x: Floats) -> None:
        for i in range(begin, end):
            x[i] = x[i] * 2.0

    made, got = Task(twice), []
    threads = [threading.Thread(target=lambda: got.append(made.compiled())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, got))) == 1
    x = np.ones(3, np.float32)
    got[0](3, 1, x)
    assert (x == 2).all()


def test_each_set_of_constants_has_code_of_its_own() -> None:
    def constant(begin: int, end: int, x: Floats, *, value: float, name: str) -> None:
        x[0] = value if name == "one" else -value

    made, x = Task(constant), np.zeros(1, np.float32)
    for value, name, expected in ((1.5, "one", 1.5), (2.5, "one", 2.5), (2.5, "other", -2.5)):
        made.compiled(value=value, name=name)(1, 1, x)
        assert x[0] == expected


def test_a_kernel_elsewhere_is_told_from_one_of_the_same_name(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom glassnet.kernels.vector import Floats\n\n\n"
    text += "def nothing(begin: int, end: int, x: Floats) -> None:\n    x[0] = {}.0\n"
    made, x = [], np.zeros(1, np.float32)
    for value in (1, 2):
        file = tmp_path / f"kernel{value}.py"
        file.write_text(text.format(value))
        names: dict[str, object] = {"__name__": file.stem}
        exec(compile(file.read_text(), str(file), "exec"), names)
        made.append(compiling.task(names["nothing"]))
    for value, task in zip((1, 2), made, strict=True):
        task(1, 1, x)
        assert x[0] == value
    from glassnet.kernels import launch

    launch.nothing(1, 1)
    assert compiling.TASKS["nothing"] is launch.nothing


def test_float_arguments_and_whole_numbers_arrive() -> None:
    def sums(begin: int, end: int, x: Floats, a: float, n: int, b: float) -> None:
        x[0] = a * float(n) + b

    x = np.zeros(1, np.float32)
    Task(sums).compiled()(1, 1, x, 0.5, -3, 2)
    assert x[0] == 0.5
