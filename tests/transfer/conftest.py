"""A network to take features from, and folders of pictures that it can tell apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import glassnet as gn
from glassnet import nn
from glassnet.data import Preprocessing
from glassnet.transfer import Source

Paint = Callable[[Path, str, int], None]


@pytest.fixture
def source() -> Source:
    """Two stages of untrained convolutions and a head of seven classes, on 32 x 32 pixels."""
    gn.manual_seed(0)
    stage = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU())  # noqa: E731
    net = nn.Sequential(
        {
            "blocks": nn.Sequential(stage(3, 8), stage(8, 16)),
            "pool": nn.GlobalAvgPool2d(),
            "fc": nn.Linear(16, 7),
        }
    )
    preprocessing = Preprocessing((32, 32), 3, (0.5,) * 3, (0.5,) * 3)
    return Source("tiny", net.eval(), preprocessing)


@pytest.fixture(scope="session")
def paint() -> Paint:
    """Writes a picture of a class: noise of its own in the colour that the class has."""

    def write(path: Path, name: str, key: int) -> None:
        rng = np.random.default_rng([key, *name.encode()])
        base = np.random.default_rng([*name.encode()]).integers(60, 196, 3)
        pixels = base + rng.integers(-55, 56, (8, 8, 3))
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels.astype(np.uint8))
        image.resize((48, 40), Image.Resampling.BICUBIC).save(path)

    return write


@pytest.fixture
def photos(tmp_path: Path, paint: Paint) -> Path:
    """photos/red and photos/sky, 12 pictures each."""
    for name in ("red", "sky"):
        for i in range(12):
            paint(tmp_path / "photos" / name / f"{i:02}.png", name, i)
    return tmp_path / "photos"
