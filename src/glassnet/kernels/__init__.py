"""Floor 0: the compiled twins of the hot operations, and the one table they are looked up in.

A twin is a pair with the same names and signatures as the NumPy page it stands in for. Here lives
what makes operations fast; nothing here defines what an operation means, that is the page's part.
`GLASSNET_KERNELS=reference` runs the pages alone, with a debugger in reach.

    dispatch    which pair runs                    values, language   what a kernel may say and
    compile     from source to machine code, kept  vector             its vocabulary
    target      LLVM's part                        entry              Python's door
    launch      one pool of threads for all        memory, layout     arrays in and out
    microkernel the inner loops that the large kernels share; then a file for each family of twins

Nothing here imports floors above. `import glassnet` loads dispatch, exact and this page; the rest
follows with the first operation that has a twin.
"""

from glassnet.kernels.dispatch import (
    FRESH_BACKWARD,
    HOMES,
    MODE,
    TWINS,
    Pair,
    Twin,
    added,
    compiled,
    prepared,
    register,
    twin,
    update,
)
from glassnet.kernels.exact import exact, is_exact

__all__ = [
    "FRESH_BACKWARD", "HOMES", "MODE", "TWINS", "Pair", "Twin", "added", "compiled", "exact",
    "is_exact", "prepared", "register", "twin", "update",
]  # fmt: skip
