"""A folder of photographs, and a run of `glassnet train` on it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glassnet.cli import cli

Invoke = Callable[..., Result]


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Run a command in this process."""

    def run(*words: object) -> Result:
        result = CliRunner().invoke(cli, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception  # a defect: the user would see a traceback
        return result

    return run


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos/dark and photos/light, ten PNG files of 16 x 16 pixels each."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 150)):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(low, low + 100, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def trained(photos: Path, invoke: Invoke) -> Path:
    """The run's folder after two epochs on `photos`."""
    out = photos.parent / "run"
    words = ["--size", 16, "--model", "mlp", "--epochs", 2, "--batch-size", 4]
    result = invoke("train", photos, *words, "--out", out)
    assert result.exit_code == 0, result.output
    return out
