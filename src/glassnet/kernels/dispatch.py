"""Which pair runs: the one table of compiled twins, and the rule by which they are chosen.

A twin has the page's names and signatures, and `serves(*arrays, **options)`, which says whether it
takes these arguments; where it does not, the page runs. The module with an operation's twin is
imported by the first call of that operation, so that `import glassnet` stays light.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from glassnet.errors import GlassnetWarning

Pair = tuple[Callable[..., Any], Callable[..., Any]]


class Twin(NamedTuple):
    """A compiled pair, which arguments it takes, and how its forward is kept ready; see `prepared`.

    images: which of its arguments are; there is one, and perhaps a residual.
    """

    pair: Pair
    serves: Callable[..., bool]
    prepare: Callable[..., Any] | None = None
    images: tuple[int, ...] = (0,)


# module of kernels/ -> the operations whose twins it registers
MODULES = {
    "arithmetic": "add",
    "fused": "batch_norm_act relu_max_pool2d",
    "conv": "conv2d conv1d",
    "conv_act": "conv2d_act",
    "conv_norm": "conv2d_norm_act",
    "bottleneck": "bottleneck",
    "linear": "linear linear_act matmul",
    "norm": "batch_norm batch_norm_eval layer_norm",
    "attention": "scaled_dot_product_attention",
    "dropout": "dropout",
    "embedding": "embedding",
    "softmax": "softmax log_softmax cross_entropy",
    "pool": "max_pool2d avg_pool2d adaptive_avg_pool2d",
    "turn": "reshape",
    "activation": "relu relu6 leaky_relu elu sigmoid tanh silu gelu",
}
# operations whose twins hand back gradients in arrays that nobody else holds
FRESH = frozenset(
    {
        "batch_norm",
        "batch_norm_act",
        "conv2d",
        "conv2d_norm_act",
        "layer_norm",
        "linear",
        "linear_act",
    }
)
LARGE = 16_384  # numbers from which on the sum of two arrays is worth a kernel
HOMES = {name: module for module, names in MODULES.items() for name in names.split()}
TWINS: dict[str, Twin] = {}
FRESH_BACKWARD: set[Callable[..., Any]] = set()
MODE = os.environ.get("GLASSNET_KERNELS", "auto")
if MODE not in ("auto", "reference"):
    warnings.warn(
        f"GLASSNET_KERNELS is '{MODE}'; expected 'auto' or 'reference', going on with 'auto'",
        GlassnetWarning,
        stacklevel=2,
    )
    MODE = "auto"


def compiled() -> bool:
    """Whether twins run here at all: LLVM is installed, and nobody asked for the pages."""
    return MODE != "reference" and importlib.util.find_spec("llvmlite") is not None


def register(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    serves: Callable[..., bool],
    prepare: Callable[..., Any] | None = None,
    images: tuple[int, ...] = (0,),
) -> None:
    """Make a pair the twin of the operation `name`, for the arguments that `serves` accepts."""
    TWINS[name] = Twin((forward, backward), serves, prepare, images)
    if name in FRESH:
        FRESH_BACKWARD.add(backward)


def twin(name: str, arrays: Sequence[Any], options: dict[str, Any]) -> Pair | None:
    """The compiled pair for this call of the operation `name`, or None where its page runs."""
    if MODE == "reference":
        return None
    found = TWINS.get(name)
    if found is None:
        if name not in HOMES or not _bring(HOMES[name]):
            return None
        found = TWINS[name]
    return found.pair if found.serves(*arrays, **options) else None


def prepared(name: str, arrays: Sequence[Any], options: dict[str, Any]) -> Any:
    """Forward of the operation `name` for these arguments, worked out but for the images' numbers.

    A `kernels.ready.Ready`: its images have to lie in memory as these do, everything else must stay
    as it is. None where the twin cannot be kept ready, or images do not lie channels last, dense.
    """
    found = TWINS[name] if twin(name, arrays, options) is not None else None
    if found is None or found.prepare is None:
        return None
    images = [arrays[i] for i in found.images if i < len(arrays) and arrays[i] is not None]
    return found.prepare(*arrays, **options) if all(map(_dense, images)) else None


def _dense(a: Any) -> bool:
    """Whether an image's channels, or a row's numbers, lie side by side, and all in one block."""
    return bool((a.transpose(0, 2, 3, 1) if a.ndim == 4 else a).flags.c_contiguous)


def update(name: str) -> tuple[Callable[..., None], type[Any]] | None:
    """The compiled update of many parameters, by the name of its page, or None where that runs.

    With it comes the class `Table`, of the parameters with their state, that it takes.
    """
    module = _module("optim")
    found = module and module.UPDATES.get(name)
    return (found, module.Table) if found else None


def draws(name: str, x: Any, bias: Any) -> Callable[..., Any] | None:
    """The compiled draws of `dreams/sampling.py` for these arrays, or None where the page runs."""
    sampling = _module("sampling")
    if sampling is None or not sampling.serves(x, bias):
        return None
    found: Callable[..., Any] = getattr(sampling, name)
    return found


def sparse_products(terms: Sequence[tuple[Any, Any, float]], turned: bool) -> Any:
    """a b, or the sum of scale a^T b, compiled; None where the page runs, and for few zeros."""
    sparse = _module("sparse")
    if sparse is None or not all(sparse.serves(a, b) for a, b, _ in terms):
        return None
    return sparse.sum_of_products(terms) if turned else sparse.times(*terms[0][:2])


def walk(images: Any, rows: Any, window: Any, mean: Any, std: Any) -> Any:
    """The compiled walk over images that `Preprocessing.walk` is, or None where pages run."""
    found = _module("window")
    return found and found.walk(images, rows, window, mean, std)


def _module(name: str) -> Any:
    """A module of kernels/, or None where the pages run."""
    if MODE == "reference" or not HOMES:
        return None
    found = sys.modules.get(f"glassnet.kernels.{name}")
    return found or (_bring(name) and sys.modules[f"glassnet.kernels.{name}"]) or None


def added(a: Any, b: Any) -> Any:
    """a + b, for the tape: two arrays of one shape."""
    arithmetic = _module("arithmetic") if a.size >= LARGE else None
    return arithmetic.added(a, b) if arithmetic and arithmetic.serves(a, b) else a + b


def _bring(module: str) -> bool:
    """Import a module of kernels/; False, with one line that says so, where LLVM is missing."""
    try:
        importlib.import_module(f"glassnet.kernels.{module}")
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "llvmlite":
            raise
        HOMES.clear()
        warnings.warn(
            "llvmlite is not installed: NumPy pages run in the place of compiled kernels, many "
            "times as slow; to have them: pip install 'glassnet[fast]'",
            GlassnetWarning,
            stacklevel=2,
        )
        return False
    return True
