"""Starting up, measured in fresh processes: until the first training step of LeNet is done.

    python -m benchmarks.start glassnet|pytorch       (one start; `make bench` measures them)

Cold is the first run after installation: no kernel was compiled, no Python file translated. Warm is
any later one.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any


def seconds(library: str, folder: str) -> tuple[float, float]:
    """From starting the process to its end after the first step: by the clock, of a processor.

    Caches are in `folder`.
    """
    caches = {
        "GLASSNET_KERNEL_CACHE": f"{folder}/kernels",
        "PYTHONPYCACHEPREFIX": f"{folder}/python",
    }
    start, used = time.perf_counter(), _children()
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.start", library],
        env=os.environ | caches, check=True, capture_output=True,
    )  # fmt: skip
    assert b"first step" in process.stdout
    return time.perf_counter() - start, _children() - used


def _children() -> float:
    """Seconds that the processes started from here have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def starts(turns: int) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """{"cold" or "warm": {library: both `seconds` of each turn}}."""
    times: dict[str, dict[str, list[tuple[float, float]]]] = {"cold": {}, "warm": {}}
    for _ in range(turns):
        for library in ("glassnet", "pytorch"):
            with tempfile.TemporaryDirectory() as folder:
                for kind in ("cold", "warm"):
                    times[kind].setdefault(library, []).append(seconds(library, folder))
    return times


def first_step(library: str) -> None:
    """Import, make the network, train it for a step, and say so."""
    import numpy as np

    from benchmarks.networks import lenet_like

    x = np.random.default_rng(0).standard_normal((64, 1, 28, 28)).astype(np.float32)
    y = np.zeros(64, np.int64)
    nn: Any
    if library == "glassnet":
        from glassnet import Tensor as tensor
        from glassnet import nn, optim
        from glassnet.ops import cross_entropy
    else:
        from torch import nn, optim, tensor
        from torch.nn.functional import cross_entropy
    net = lenet_like(nn)
    optimizer: Any = optim.AdamW(net.parameters())
    cross_entropy(net(tensor(x)), tensor(y)).backward()
    optimizer.step()
    print("first step", flush=True)


if __name__ == "__main__":
    first_step(sys.argv[1])
