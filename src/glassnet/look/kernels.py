"""What the kernels do on this machine: which twin serves which operation, how fast, by which code.

Each operation with a twin has a sample here, of a size that networks have. It is run by the twin
and by the page, forward and backward; `code_of` shows the machine code that ran, and `warm_up`
compiles ahead what networks will ask for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import GlassnetError
from glassnet.kernels import HOMES, MODE, dispatch
from glassnet.operation import OPERATIONS
from glassnet.random import derive

Array = NDArray[Any]
Pair = tuple[Callable[..., Any], Callable[..., Any]]


class Sample(NamedTuple):
    """Arguments of an operation, and the multiply-adds of its forward where it is made of them."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    products: int = 0


class Speed(NamedTuple):
    """An operation's sample on this machine; milliseconds, NaN where the twin leaves it alone."""

    operation: str
    module: str
    shapes: str
    forward: float
    backward: float
    page_forward: float
    page_backward: float
    gflops: float  # of the twin's forward; 0 where products are not what it is made of


# -- samples ---------------------------------------------------------------------------------------
def normal(*shape: int) -> Array:
    """Standard normal numbers in float32; the channels of images lie last."""
    if len(shape) == 4 and shape[2] > 3:
        n, c, h, w = shape
        return derive(0).standard_normal((n, h, w, c), np.float32).transpose(0, 3, 1, 2)
    return derive(0).standard_normal(shape, np.float32)


def sample(name: str) -> Sample:
    """The sample of an operation; the first of its examples where there is none here."""
    made = _SAMPLES.get(name)
    if made is not None:
        return made()
    examples = OPERATIONS[name].examples
    args, options = examples()[0] if examples else ((normal(64, 16, 32, 32),), {})
    return Sample(tuple(_single(a) for a in args), options)


def _single(value: Any) -> Any:
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(np.float32) if floats else value


def _conv2d(**options: Any) -> Sample:
    x, weight = normal(4, 16, 32, 32), normal(32, 16, 5, 5)
    products = prod((4, 32, 32)) * weight.size
    return Sample((x, weight, normal(32)), {"padding": 2, **options}, products)


def _bottleneck() -> Sample:
    """The block that EfficientNet-Lite0 has three of, for an image of 224 x 224."""
    filters = (normal(672, 112, 1, 1), None, normal(672, 1, 5, 5), None, normal(112, 672, 1, 1))
    products = 14 * 14 * 672 * (112 + 25 + 112)
    return Sample((normal(1, 112, 14, 14), *filters, None), {"padding": 2}, products)


def _linear() -> Sample:
    return Sample((normal(64, 784), normal(256, 784), normal(256)), {}, 64 * 784 * 256)


def _matmul() -> Sample:
    return Sample((normal(128, 256), normal(256, 256)), {}, 128 * 256 * 256)


def _attention() -> Sample:
    heads = derive(0).standard_normal((8, 4, 64, 32), np.float32)
    return Sample((heads, heads, heads), {}, 2 * 8 * 4 * 64 * 64 * 32)


def _norm(**options: Any) -> Sample:
    return Sample((normal(16, 16, 32, 32), normal(16), normal(16)), options)


def _classes(**options: Any) -> Sample:
    return Sample((normal(512, 100),), options)


def _embedding() -> Sample:
    return Sample((derive(0).integers(0, 1000, (64, 32)), normal(1000, 128)), {})


def _dropout() -> Sample:
    return Sample((normal(64, 4096), derive(1).random((64, 4096)) < 0.5), {"p": 0.5})


def _window() -> Sample:
    return Sample((normal(16, 16, 32, 32), 2), {})


_SAMPLES: dict[str, Callable[[], Sample]] = {
    "conv2d": _conv2d,
    "conv2d_act": _conv2d,
    "conv2d_norm_act": _conv2d,
    "bottleneck": _bottleneck,
    "conv1d": lambda: Sample(
        (normal(16, 32, 256), normal(64, 32, 5)), {"padding": 2}, 16 * 256 * 64 * 32 * 5
    ),
    "linear": _linear,
    "linear_act": _linear,
    "matmul": _matmul,
    "scaled_dot_product_attention": _attention,
    "batch_norm": _norm,
    "batch_norm_act": _norm,
    "batch_norm_eval": lambda: Sample((*_norm().args, normal(16), abs(normal(16))), {}),
    "layer_norm": lambda: Sample((normal(512, 256), normal(256), normal(256)), {}),
    "softmax": _classes,
    "log_softmax": _classes,
    "cross_entropy": lambda: Sample((*_classes().args, derive(0).integers(0, 100, 512)), {}),
    "embedding": _embedding,
    "dropout": _dropout,
    "reshape": lambda: Sample((normal(64, 16, 7, 7), (64, -1)), {}),
    "max_pool2d": _window,
    "avg_pool2d": _window,
    "adaptive_avg_pool2d": lambda: Sample((normal(16, 16, 32, 32), 4), {}),
    "relu_max_pool2d": _window,
    "add": lambda: Sample((normal(16, 16, 32, 32), normal(16, 16, 32, 32)), {}),
    **{
        name: lambda: Sample((normal(16, 16, 32, 32),), {})
        for name in dispatch.MODULES["activation"].split()
    },
}


# -- speed -----------------------------------------------------------------------------------------
def speed(name: str, seconds: float = 0.05) -> Speed:
    """Time an operation's sample, twin and page, for about `seconds` each way."""
    given = sample(name)
    twin = dispatch.twin(name, list(given.args), given.options)
    page = _timed(name, OPERATIONS[name].page, given, seconds)
    mine = (np.nan, np.nan) if twin is None else _timed(name, twin, given, seconds)
    rate = 2 * given.products / mine[0] / 1e6 if twin is not None else 0.0
    shapes = " ".join("x".join(map(str, a.shape)) for a in given.args if isinstance(a, np.ndarray))
    module = HOMES[name] if twin is not None else "page"
    return Speed(name, module, shapes, *mine, *page, rate)


def run(name: str, pair: Pair, given: Sample) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The forward and the backward of a pair on a sample, as calls without arguments."""
    output, cache = pair[0](*given.args, **given.options)
    dy = tuple(map(np.ones_like, output)) if isinstance(output, tuple) else np.ones_like(output)
    needs = {"needs": (True,) * len(given.args)} if OPERATIONS[name].takes_needs else {}
    return (
        lambda: pair[0](*given.args, **given.options),
        lambda: pair[1](dy, cache, **needs),
    )


def _timed(name: str, pair: Pair, given: Sample, seconds: float) -> tuple[float, float]:
    """Milliseconds of forward and backward, the median of as many runs as there is time for."""
    forward, backward = (_median(call, seconds) for call in run(name, pair, given))
    return forward, backward


def _median(call: Callable[[], Any], seconds: float) -> float:
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(times))


# -- the machine and its code ----------------------------------------------------------------------
def machine() -> dict[str, Any]:
    """Processor, vectors, threads, memory and where compiled code is kept, as facts."""
    from glassnet.kernels import compile as compiling
    from glassnet.kernels import memory, target
    from glassnet.kernels.threads import get_num_threads

    here, folder = target.host(), compiling.cache_folder()
    launches = {str(n): launch_time(n) for n in sorted({1, get_num_threads()})}
    files = list(folder.glob("*.o"))
    return {
        "mode": MODE,
        "processor": here.cpu,
        "lanes": here.lanes,
        "registers": here.registers,
        "threads": get_num_threads(),
        "threading_layer": "glassnet's own pool of POSIX threads",
        "launch_us": launches,
        "cache": str(folder),
        "compiled": len(files),
        "compiled_bytes": sum(file.stat().st_size for file in files),
        "memory_pool": memory.POOL.stats()._asdict(),
    }


def launch_time(parts: int, launches: int = 1000) -> float:
    """Microseconds that the launch of a kernel takes on so many threads, one after the other."""
    from glassnet.kernels import launch

    launch.pool().grow(parts)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(launches):
            launch.nothing(parts, parts)
        times.append(time.perf_counter() - begin)
    return round(1e6 * min(times) / launches, 2)


def code_of(name: str) -> Iterator[tuple[str, str]]:
    """(kernel, its machine code as text) for all that an operation's sample runs.

    Raises GlassnetError for an operation without a twin, or one that leaves its sample to the page.
    """
    from glassnet.kernels.compile import watched
    from glassnet.kernels.target import assembly, host

    given = sample(name) if name in HOMES else None
    twin = None if given is None else dispatch.twin(name, list(given.args), given.options)
    if given is None or twin is None:
        raise GlassnetError(
            f"'{name}' has no compiled twin; those that have are {', '.join(sorted(HOMES))}"
        )
    with watched() as ran:
        for call in run(name, twin, given):
            call()
    for (_, constants), task in ran.items():
        said = ", ".join(f"{constant}={value}" for constant, value in constants)
        text = assembly(task.code(constants, host()), host())
        yield f"{task.__name__}({said})", _body(text, task.symbol(constants))


def _body(text: str, symbol: str) -> str:
    """The function `symbol` out of an assembly file."""
    begin = text.index(f"\n{symbol}:") + 1
    end = text.index(".Lfunc_end0:", begin)
    lines = (line for line in text[begin:end].splitlines() if not line.startswith("\t.cfi"))
    return "\n".join(lines)


# -- compiling ahead -------------------------------------------------------------------------------
SMALL = 32  # pixels of images that networks are trained on here, which takes seconds
FEATURES = "efficientnet_lite0"


def warm_up() -> Iterator[str]:
    """Compile ahead what networks will ask for; yields what is being done."""
    for name in HOMES:
        yield name
        given = sample(name)
        twin = dispatch.twin(name, list(given.args), given.options)
        if twin is not None:
            for call in run(name, twin, given):
                call()
    from glassnet.models import describe, names

    for model in names():
        if describe(model).input[1] <= SMALL:
            yield f"a training step of {model}"
            _step(model)
    yield "batches of a data set"
    _batches()
    yield f"{FEATURES}, which gives features of photographs"
    _features()


def _batches() -> None:
    """Hand out grey and coloured images, which are moved and normalised by the same kernel."""
    from glassnet import data

    for channels in (1, 3):
        images = data.arrays(np.zeros((1, channels, SMALL, SMALL), np.uint8), [0])
        list(data.Loader(images, prefetch=0))


def _features() -> None:
    """Look at one photograph as `glassnet transfer` does."""
    from glassnet import nn
    from glassnet.models import build, describe
    from glassnet.tape import no_grad
    from glassnet.tensor import Tensor

    net = build(FEATURES)
    with no_grad(), nn.evaluating(net):
        net(Tensor(normal(1, *describe(FEATURES).input)))


def _step(model: str) -> None:
    """Train a model of the table for one step, with each of two optimisers."""
    from glassnet import nn, optim
    from glassnet.models import build, describe
    from glassnet.tensor import Tensor

    net = build(model)
    x, y = Tensor(normal(64, *describe(model).input)), Tensor(np.arange(64) % 10)
    for rule in (optim.AdamW(net.parameters()), optim.SGD(net.parameters(), 0.01, momentum=0.9)):
        rule.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        rule.step()
