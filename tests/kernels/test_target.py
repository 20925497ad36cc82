"""Machine code for processors that are not here: compiled and looked at, not run."""

import re

import pytest

pytest.importorskip("llvmlite")

from glassnet.kernels import conv  # noqa: F401 - brings its tasks
from glassnet.kernels.compile import TASKS
from glassnet.kernels.launch import pool_code
from glassnet.kernels.microkernel import best_tile
from glassnet.kernels.target import FOREIGN, assembly, host, object_code

FMA = {
    "avx512": r"vfmadd\d+ps\s.*%zmm",
    "avx2": r"vfmadd\d+ps\s.*%ymm",
    "arm64": r"fmla\s+v\d+\.4s",
}


def inner_loop(code: str, pattern: str) -> list[str]:
    """The instructions of the shortest loop around the first multiply-add."""
    lines = code.splitlines()
    first = next(i for i, line in enumerate(lines) if re.search(pattern, line))
    begin = max(i for i in range(first) if re.match(r"\.LBB\d+_\d+:", lines[i]))
    label = lines[begin].partition(":")[0]
    end = next(i for i in range(first, len(lines)) if label in lines[i])
    return [line.strip() for line in lines[begin + 1 : end + 1]]


@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_the_tile_of_a_convolution_stays_in_registers(name: str, sums: bool) -> None:
    target = FOREIGN[name]
    tile = best_tile(1024, 64, target.lanes, target.registers, False)
    constants = {"MB": tile.rows, "NB": tile.vectors, "TAIL": 0, "copied": True, "curve": "none"}
    constants["SUMS"] = sums
    text = TASKS["correlate"].code(tuple(sorted(constants.items())), target)
    loop = inner_loop(assembly(text, target), FMA[name])
    assert sum(bool(re.search(FMA[name], line)) for line in loop) == tile.rows * tile.vectors
    stored = [
        line for line in loop if re.match(r"(vmov\w+\s+%[xyz]mm\d+, .*\(|st[rpu]+\s+q)", line)
    ]
    assert stored == [], "a register went to memory inside the loop"


@pytest.mark.parametrize("name", FOREIGN)
def test_the_launcher_compiles_everywhere(name: str) -> None:
    code = assembly(pool_code(FOREIGN[name]), FOREIGN[name])
    mode = "fpcr" if name == "arm64" else "ldmxcsr"
    assert code.lower().count(mode) >= 2, "denormals are flushed, and the mode is put back"


def test_object_files_are_of_their_processor() -> None:
    machines = {"avx2": 62, "arm64": 183}  # of the ELF header
    for name, machine in machines.items():
        made = object_code(pool_code(FOREIGN[name]), FOREIGN[name])
        assert made[:4] == b"\x7fELF" and int.from_bytes(made[18:20], "little") == machine


@pytest.mark.parametrize(
    ("lanes", "registers", "columns", "expected"),
    [(8, 16, 64, (6, 2)), (8, 16, 20, (4, 3)), (16, 32, 64, (6, 4)), (4, 32, 64, (6, 4))],
)
def test_the_tile_follows_from_lanes_and_registers(lanes, registers, columns, expected) -> None:
    tile = best_tile(1024, columns, lanes, registers, False)
    assert (tile.rows, tile.vectors) == expected


def test_this_machine_has_a_target() -> None:
    assert host().lanes in (4, 8, 16) and host().registers in (16, 32)
