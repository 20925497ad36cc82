"""Features of photographs beside ONNX Runtime behind the same decoding.

    python -m benchmarks.features FOLDER [--turns 3]

Both read, decode and resize every image of the folder by `transfer.reading`, in the same threads,
and show EfficientNet-Lite0 the same batches. Ours keeps the features and what each image looks
like; ONNX Runtime, on two threads, runs what `glassnet export --to onnx` writes. Images a second,
medians of interleaved turns, the ratio with its spread; and the peak memory of a process that
computes ours. Needs onnxruntime: `.venv-parity` of `make bench` has it.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.timing import OURS, compare, interleave

PEER = "ONNX Runtime"
MODEL = "efficientnet_lite0"


def files_of(folder: Path) -> list[str]:
    """The photographs in a folder and its folders, relative to it."""
    found = (path for path in folder.rglob("*") if re.search(r"\.(jpe?g|png)$", path.name, re.I))
    return sorted(str(path.relative_to(folder)) for path in found)


def ours(folder: Path, files: list[str]) -> None:
    """From the files to features in a fresh cache."""
    from glassnet.transfer.extract import extract, source

    with tempfile.TemporaryDirectory() as cache:
        extract(
            source(MODEL), folder, files, cache=Path(cache) / "cache.db", advance=lambda _: None
        )


def theirs(folder: Path, files: list[str], network: Path) -> None:
    """The same files, decoded by the same threads, through ONNX Runtime."""
    import onnxruntime

    from glassnet.transfer.extract import BATCH, source
    from glassnet.transfer.reading import look

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    preprocessing = source(MODEL).preprocessing
    waiting = []
    for seen in look(folder, files, preprocessing, set()):
        waiting += [seen.pixels] if seen.pixels is not None else []
        if len(waiting) == BATCH:
            session.run(None, {"images": np.asarray(preprocessing(np.stack(waiting)))})
            waiting = []
    if waiting:
        session.run(None, {"images": np.asarray(preprocessing(np.stack(waiting)))})


def peak(folder: Path) -> float:
    """The most memory, in GB, that a process of its own holds while it computes ours."""
    subprocess.run([sys.executable, "-m", "benchmarks.features", str(folder), "--once"], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Features beside ONNX Runtime.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--once", action="store_true", help="only ours, once")
    asked = parser.parse_args()
    files = files_of(asked.folder)
    if asked.once:
        ours(asked.folder, files)
        return
    from glassnet import models
    from glassnet.io import save_onnx

    print(f"peak memory of ours: {peak(asked.folder):.2f} GB")
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "network.onnx"
        save_onnx(models.build(MODEL, pretrained=True).eval(), network, (3, 224, 224))
        contenders = {
            OURS: lambda: ours(asked.folder, files),
            PEER: lambda: theirs(asked.folder, files, network),
        }
        times = interleave(contenders, asked.turns, 1, time.perf_counter)
    for name, seconds in times.items():
        print(f"{name}: {len(files) / np.median(seconds):.1f} images a second")
    print(compare(times[PEER], times[OURS]))


if __name__ == "__main__":
    main()
