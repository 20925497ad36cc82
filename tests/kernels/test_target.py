"""Machine code for processors that are not here: compiled and looked at, not run."""

import re

import pytest

pytest.importorskip("llvmlite")

from glassnet.kernels import conv  # noqa: F401 - brings its tasks
from glassnet.kernels.compile import TASKS
from glassnet.kernels.launch import pool_code
from glassnet.kernels.microkernel import best_tile, filled, pieces
from glassnet.kernels.target import FOREIGN, assembly, host, object_code

FMA = {
    "avx512": r"vfmadd\d+ps\s",
    "avx2": r"vfmadd\d+ps\s",
    "arm64": r"fmla\s+v\d+\.4s",
}
WHOLE = FMA | {"avx512": FMA["avx512"] + r".*%zmm", "avx2": FMA["avx2"] + r".*%ymm"}


def inner_loop(code: str, pattern: str) -> list[str]:
    """The instructions of the shortest loop around the first multiply-add."""
    lines = code.splitlines()
    first = next(i for i, line in enumerate(lines) if re.search(pattern, line))
    begin = max(i for i in range(first) if re.match(r"\.LBB\d+_\d+:", lines[i]))
    label = lines[begin].partition(":")[0]
    end = next(i for i in range(first, len(lines)) if label in lines[i])
    return [line.strip() for line in lines[begin + 1 : end + 1]]


@pytest.mark.parametrize("outputs", [64, 20])
@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_the_tile_of_a_convolution_stays_in_registers(name: str, sums: bool, outputs: int) -> None:
    target = FOREIGN[name]
    tile = best_tile(1024, outputs, target.lanes, target.registers, False)
    tail = outputs % target.lanes
    constants = {"MB": tile.rows, "WIDE": tile.wide, "TAIL": tail}
    constants |= {"copied": True, "curve": "none", "SUMS": sums}
    text = TASKS["correlate"].code(tuple(sorted(constants.items())), target)
    loop = inner_loop(assembly(text, target), FMA[name])
    assert sum(bool(re.search(FMA[name], line)) for line in loop) == tile.rows * tile.vectors
    whole = tile.rows * (tile.wide // target.lanes)
    assert sum(bool(re.search(WHOLE[name], line)) for line in loop) == whole
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


@pytest.mark.parametrize(
    ("columns", "lanes", "wide"),
    [(32, 16, 32), (36, 16, 36), (3, 16, 4), (21, 16, 24), (25, 16, 32), (12, 8, 12), (3, 4, 4)],
)
def test_the_last_vector_is_as_narrow_as_its_columns(columns, lanes, wide) -> None:
    assert filled(columns, lanes) == wide
    assert best_tile(1024, columns, lanes, 32, False).wide == wide


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("count", range(0, 64, 4))
def test_pieces_fill_a_count(count: int, lanes: int) -> None:
    found = pieces(count, lanes)
    ends = [begin + wide for begin, wide in found]
    assert [begin for begin, _ in found] == [0, *ends[:-1]][: len(found)]
    assert sum(wide for _, wide in found) == count
    assert all(wide == lanes for _, wide in found[: count // lanes])


def test_this_machine_has_a_target() -> None:
    assert host().lanes in (4, 8, 16) and host().registers in (16, 32)
