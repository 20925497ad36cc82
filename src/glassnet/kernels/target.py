"""The processor that kernels are compiled for, and LLVM's part: from its code to machine code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm


class Target(NamedTuple):
    """A processor: what LLVM calls it, and how many float32 a vector register of it holds."""

    triple: str
    cpu: str
    features: str
    lanes: int
    registers: int  # of vectors

    def machine(self) -> Any:
        """LLVM's own object for it."""
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, reloc="default", codemodel="jitdefault"
        )


@cache
def host() -> Target:
    """The processor of this machine."""
    flags = {name for name, there in llvm.get_host_cpu_features().items() if there}
    features = llvm.get_host_cpu_features().flatten()
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    if {"avx512f", "avx512vl", "avx512dq", "avx512bw"} <= flags:
        # without the last one LLVM halves vectors of 512 bits on some of these processors
        return Target(triple, cpu, f"{features},-prefer-256-bit", lanes=16, registers=32)
    if {"avx2", "fma"} <= flags:
        return Target(triple, cpu, features, lanes=8, registers=16)
    return Target(triple, cpu, features, lanes=4, registers=16 if "x86" in triple else 32)


@cache
def nearest_cache() -> int:
    """Bytes of the first data cache of a core, as Linux tells; else 32 KB, which all have."""
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index0/size").read_text()
        return int(size.strip().removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 32 * 1024


# Processors that this one can compile for but not run: for tests, and to look at their code.
FOREIGN = {
    "avx512": Target("x86_64-unknown-linux-gnu", "skylake-avx512", "-prefer-256-bit", 16, 32),
    "avx2": Target("x86_64-unknown-linux-gnu", "haswell", "", 8, 16),
    "arm64": Target("aarch64-unknown-linux-gnu", "neoverse-n1", "", 4, 32),
}


def optimised(code: str, target: Target) -> tuple[Any, Any]:
    """LLVM's text as an optimised module, and the machine it is for.

    Vectors and unrolled loops are written by the kernels; LLVM is told to leave loops as they are.
    """
    machine = target.machine()
    module = llvm.parse_assembly(code)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module, machine


def object_code(code: str, target: Target) -> bytes:
    """LLVM's text as an object file."""
    module, machine = optimised(code, target)
    return machine.emit_object(module)


def assembly(code: str, target: Target) -> str:
    """LLVM's text as the processor's instructions, to read."""
    module, machine = optimised(code, target)
    return machine.emit_assembly(module)
