"""Floor 0: the compiled twins of the hot operations, and the one table they are looked up in.

A twin is a pair with the same names and signatures as the NumPy page it stands in for. Here lives
what makes operations fast; nothing here defines what an operation means, that is the page's part.
`GLASSNET_KERNELS=reference` runs the pages alone, with a debugger in reach.
"""

import os
import warnings
from collections.abc import Callable
from typing import Any

from glassnet.errors import GlassnetWarning

Pair = tuple[Callable[..., Any], Callable[..., Any]]

TWINS: dict[str, Pair] = {}
MODE = os.environ.get("GLASSNET_KERNELS", "auto")
if MODE not in ("auto", "reference"):
    warnings.warn(
        f"GLASSNET_KERNELS is '{MODE}'; expected 'auto' or 'reference', going on with 'auto'",
        GlassnetWarning,
        stacklevel=2,
    )
    MODE = "auto"


def twin(name: str) -> Pair | None:
    """The compiled pair for the operation `name`, or None where its page runs."""
    return None if MODE == "reference" else TWINS.get(name)
