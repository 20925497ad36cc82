"""Runs to report on: small, trained for a moment on made-up images."""

from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet import data
from glassnet.train import Run
from tests.look.runs import MakeRun, images, small_net


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    def make(
        classes: list[str],
        out: Path | None = None,
        channels: int = 1,
        epochs: int = 2,
        count: int = 60,
        **options: object,
    ) -> Run:
        gn.manual_seed(0)
        net = small_net(channels, len(classes))
        whole = images(classes, count, channels)
        return gn.fit(
            net,
            whole.subset(np.arange(count // 2)),
            whole.subset(np.arange(count // 2, count)),
            epochs=epochs,
            batch_size=16,
            out=out,
            progress=False,
            **options,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture(scope="session")
def run(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a folder, a command and a class name that wants to be a program."""
    return make_run(
        ["cat", "<script>alert(1)</script>", "dog & mouse"],
        out=tmp_path_factory.mktemp("run") / "run",
        augment=data.Shift(1),
        about={"model": "small", "command": "glassnet train 'a b' --seed 0"},
    )
