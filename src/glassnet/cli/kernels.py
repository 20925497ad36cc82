"""`glassnet kernels` and `glassnet warm-up`: what is compiled here, and how fast it is."""

from typing import Any

import click

from glassnet.cli.console import Answer, answers, say, table
from glassnet.errors import GlassnetError, require


@click.command()
@click.option("--asm", metavar="OPERATION", help="Show the machine code of an operation's kernels.")
@click.option(
    "--seconds", type=click.FloatRange(0.001), default=0.05, show_default=True,
    help="Time for each figure.",
)  # fmt: skip
@answers
def kernels(asm: str | None, seconds: float) -> Answer:
    """Show the compiled kernels and their speed.

    For each operation: which module of kernels/ serves it, a sample of a size that networks have,
    the time of its forward and backward, GFLOP/s, and how much longer the NumPy page takes.

    \b
    Examples:
      glassnet kernels
      glassnet kernels --asm conv2d
    """
    require("llvmlite.binding", "fast")
    if asm is not None:
        return _code(asm)
    from glassnet.kernels import HOMES
    from glassnet.look.kernels import machine, speed

    facts = machine()
    _tell(facts)
    if facts["mode"] == "reference":
        raise GlassnetError("GLASSNET_KERNELS=reference: the NumPy pages run, nothing is compiled")
    rows = [speed(name, seconds) for name in HOMES]
    table(
        ("operation", "kernels/", "sample", "forward", "GFLOP/s", "backward", "page / twin"),
        [_cells(row) for row in rows],
        left=3,
    )
    return {**facts, "operations": [_fact(row) for row in rows]}


def _cells(row: Any) -> tuple[str, ...]:
    """A row of the table; "-" where the page runs."""
    ratio = (row.page_forward + row.page_backward) / (row.forward + row.backward)
    figures = (f"{row.forward:.3f} ms", f"{row.backward:.3f} ms", f"{ratio:.1f}")
    forward, backward, page = figures if ratio == ratio else ("-", "-", "-")
    rate = f"{row.gflops:.0f}" if row.gflops else ""
    return row.operation, row.module, row.shapes, forward, rate, backward, page


def _tell(facts: dict[str, Any]) -> None:
    launches = ", ".join(f"{us} us on {n}" for n, us in facts["launch_us"].items())
    say(f"processor   {facts['processor']}: {facts['lanes']} float32 in each of "
        f"{facts['registers']} registers")  # fmt: skip
    say(f"threads     {facts['threads']}, {facts['threading_layer']}; a launch takes {launches}")
    say(f"compiled    {facts['compiled']} kernels, {facts['compiled_bytes'] / 1024:.0f} KB, in "
        f"{facts['cache']}")  # fmt: skip
    say(f"memory      pool of at most {facts['memory_pool']['bound'] / 2**30:.1f} GB")


def _fact(row: Any) -> dict[str, Any]:
    """A row as JSON has it: no NaN."""
    return {key: None if value != value else value for key, value in row._asdict().items()}


def _code(name: str) -> Answer:
    from glassnet.look.kernels import code_of

    shown = dict(code_of(name))
    for kernel, text in shown.items():
        say(f"; {kernel}")
        say(text)
    return {"operation": name, "kernels": shown}


@click.command("warm-up")
@answers
def warm_up() -> Answer:
    """Compile ahead what networks need.

    They are kept in the user's cache directory; without it each is compiled when it is first used.

    \b
    Example:
      glassnet warm-up
    """
    require("llvmlite.binding", "fast")
    from glassnet.kernels import compile as compiling
    from glassnet.look.kernels import warm_up as steps

    for doing in steps():
        say(f"{doing} ...")
    seconds, folder = sum(compiling.COMPILED.values()), compiling.cache_folder()
    there = len(list(folder.glob("*.o")))
    say(f"compiled {len(compiling.COMPILED)} kernels in {seconds:.1f} s; {there} in {folder}")
    return {
        "compiled": len(compiling.COMPILED),
        "seconds": seconds,
        "kept": there,
        "cache": str(folder),
    }
